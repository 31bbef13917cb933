"""How soon and how fast events are handled, each exactly once, and whether memory stays flat meanwhile."""

from benchmarks.areas import Area, AtMost, Measurement, Times, Variant

_OURS_LATENCY = "remit, reaction"
_POLL_100, _POLL_10, _WAKE = (
    "outbox polled every 100 ms",
    "outbox polled every 10 ms",
    "sqlite3 and an event in the process",
)
_OURS_RATE, _PER_MESSAGE, _PER_100 = (
    "remit, subscription",
    "sqlite3, a transaction per message",
    "sqlite3, a transaction per 100 messages",
)
_OURS_MEMORY = "remit, one million events"

AREA = Area(
    name="delivery",
    title="Delivery on SQLite, WAL, synchronous=FULL: from one context's log to another context's reaction",
    variants=(
        Variant(_OURS_LATENCY, "benchmarks.delivery.ours:latency", packages=("remit", "msgspec", "uvloop")),
        Variant(_POLL_100, "benchmarks.delivery.by_hand:poll_every_100_ms"),
        Variant(_POLL_10, "benchmarks.delivery.by_hand:poll_every_10_ms"),
        Variant(_WAKE, "benchmarks.delivery.by_hand:wake"),
        Variant(_OURS_RATE, "benchmarks.delivery.ours:throughput", packages=("remit", "msgspec", "uvloop")),
        Variant(_PER_MESSAGE, "benchmarks.delivery.by_hand:transaction_per_message"),
        Variant(_PER_100, "benchmarks.delivery.by_hand:transaction_per_100_messages"),
        Variant(_OURS_MEMORY, "benchmarks.delivery.ours:memory", rounds=1, packages=("remit", "msgspec", "uvloop")),
    ),
    measurements=(
        Measurement(
            name="commit → reaction started, p50",
            unit="ms",
            ours=_OURS_LATENCY,
            peers=(_POLL_100, _POLL_10),
            limits=(_WAKE,),
            targets=(AtMost(1.5),),
            less_is_better=True,
        ),
        Measurement(
            name="subscription throughput",
            unit="events/s",
            ours=_OURS_RATE,
            peers=(_PER_MESSAGE,),
            limits=(_PER_100,),
            targets=(Times(_PER_MESSAGE, 6),),
        ),
        Measurement(
            name="memory growth from 100,000 to 1,000,000 handled events",
            unit="MiB",
            ours=_OURS_MEMORY,
            targets=(AtMost(10.0),),
            less_is_better=True,
        ),
    ),
    notes=(
        (
            "Latency: about 100 commands a second at random distances. The clock starts when the sender knows "
            "that its command is committed and stops in the first line of the reaction in another context; 'with "
            "commit' starts before sending."
        ),
        ("Pollers are kind to polling: one partition, plain sqlite3 on the loop's own thread, nothing else to do."),
        (
            "Throughput: a backlog of events is handled by a reaction that loads and changes one of 10,000 "
            "accounts, each event another one than the last. By hand: read the next message (or hundred), move "
            "the checkpoint by compare-and-swap, load, change and write the account, commit durably."
        ),
        (
            "Memory: resident size of the process that sends and handles, in one round; --quick measures 2,000 to "
            "20,000."
        ),
    ),
)
