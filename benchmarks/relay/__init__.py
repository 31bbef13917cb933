"""How fast a full log, or outbox table, reaches a stream of a real NATS server."""

from benchmarks.areas import Area, Measurement, Times, Variant

_OURS = "remit, relay from SQLite"
_CQRS = "python-cqrs, outbox in SQLite"
_FASTSTREAM = "faststream-outbox, PostgreSQL, in order"
_FASTSTREAM_8 = "faststream-outbox, PostgreSQL, 8 workers, in no order"
_WINDOW = "nats-py, 64 unacknowledged per subject, no store"
_BATCH = "nats-py, atomic batches of 500, no store"

_FASTSTREAM_PACKAGES = ("faststream-outbox", "faststream", "asyncpg", "nats-py")

AREA = Area(
    name="relay",
    title="Relay to NATS JetStream, file storage: messages that wait are published and confirmed, a process each",
    variants=(
        Variant(_OURS, "benchmarks.relay.ours:run", packages=("remit", "msgspec", "nats-py", "uvloop")),
        Variant(_CQRS, "benchmarks.relay.cqrs_app:run", packages=("python-cqrs", "sqlalchemy", "aiosqlite", "nats-py")),
        Variant(_FASTSTREAM, "benchmarks.relay.faststream_app:in_order", packages=_FASTSTREAM_PACKAGES),
        Variant(_FASTSTREAM_8, "benchmarks.relay.faststream_app:in_no_order", packages=_FASTSTREAM_PACKAGES),
        Variant(_WINDOW, "benchmarks.relay.limit:window", packages=("nats-py", "uvloop")),
        Variant(_BATCH, "benchmarks.relay.limit:batches", packages=("nats-py", "uvloop")),
    ),
    measurements=(
        Measurement(
            name="relay throughput",
            unit="messages/s",
            ours=_OURS,
            peers=(_CQRS, _FASTSTREAM, _FASTSTREAM_8),
            limits=(_WINDOW, _BATCH),
            targets=(Times(_WINDOW, 0.6), Times(_CQRS, 20), Times(_FASTSTREAM, 20)),
        ),
    ),
    notes=(
        (
            "The server runs beside the worker with its own defaults: it acknowledges when a message is written, and "
            "has the disk keep it within two minutes. With sync_interval: always, messages published one by one are "
            "kept one by one, and the windowed publisher falls far behind everybody who publishes batches."
        ),
        (
            "The limits publish, from memory, the headers and payloads that remit publishes. They read no store, keep "
            "no checkpoint and fence nothing: after a crash, what was published is published again."
        ),
        (
            "remit reads its log of 16 partitions, publishes atomic batches that are fenced, and moves a checkpoint "
            "with an fsync after each. Keys spread over all partitions; one hot key would use one partition."
        ),
        (
            "python-cqrs publishes and marks one event after the other, as its EventProducer does, through a broker "
            "class of a few lines that awaits JetStream's acknowledgement. A commit for each batch of 500."
        ),
        (
            "faststream-outbox needs PostgreSQL (fsync on), so its store is another one. Batches of 500, rows deleted "
            "50 at a time: its fastest, several times as fast as its defaults. Only one worker keeps the order, which "
            "remit and python-cqrs keep; so the target is held against that. Both peers send few headers."
        ),
    ),
)
