"""What one durable command costs: state, log and idempotency row committed to SQLite with an fsync."""

from benchmarks.areas import Area, Measurement, Times, Variant

_OURS_32, _OURS_1 = "remit, 32 in flight", "remit, 1 in flight"
_ORM_32, _ORM_1 = "SQLAlchemy ORM + outbox, 32 in flight", "SQLAlchemy ORM + outbox, 1 in flight"
_EVENTS_32, _EVENTS_1 = "eventsourcing, 32 in flight", "eventsourcing, 1 in flight"
_LIMIT = "sqlite3, one commit per command"
# By the size of what is in a row: large ones must not make places harder to find.
_SIZES = {"1 kB": "1_kb", "100 kB": "100_kb", "1 MB": "1_mb"}

AREA = Area(
    name="sqlite",
    title="Durable command on SQLite, WAL, synchronous=FULL: 'place order' with an idempotency key",
    variants=(
        Variant(_OURS_32, "benchmarks.sqlite.ours:run_32", packages=("remit", "msgspec", "uvloop")),
        Variant(_ORM_32, "benchmarks.sqlite.sqlalchemy_orm:run_32", packages=("SQLAlchemy", "aiosqlite")),
        Variant(_EVENTS_32, "benchmarks.sqlite.eventsourcing_app:run_32", packages=("eventsourcing",)),
        Variant(_LIMIT, "benchmarks.sqlite.limit:run"),
        Variant(_OURS_1, "benchmarks.sqlite.ours:run_1", packages=("remit", "msgspec", "uvloop")),
        Variant(_ORM_1, "benchmarks.sqlite.sqlalchemy_orm:run_1", packages=("SQLAlchemy", "aiosqlite")),
        Variant(_EVENTS_1, "benchmarks.sqlite.eventsourcing_app:run_1", packages=("eventsourcing",)),
        *(Variant(f"remit, {size}", f"benchmarks.sqlite.ours:run_{name}") for size, name in _SIZES.items()),
        *(Variant(f"sqlite3, {size}", f"benchmarks.sqlite.limit:run_{name}") for size, name in _SIZES.items()),
    ),
    measurements=(
        Measurement(
            name="durable command, 32 in flight",
            unit="commands/s",
            ours=_OURS_32,
            peers=(_ORM_32, _EVENTS_32),
            limits=(_LIMIT,),
            targets=(Times(_ORM_32, 20), Times(_EVENTS_32, 5), Times(_LIMIT, 1.5)),
        ),
        Measurement(
            name="durable command, 1 in flight",
            unit="commands/s",
            ours=_OURS_1,
            peers=(_ORM_1, _EVENTS_1),
            limits=(_LIMIT,),
            targets=(Times(_LIMIT, 0.35),),
        ),
        *(
            Measurement(
                name=f"durable command with {size}, 1 in flight",
                unit="commands/s",
                ours=f"remit, {size}",
                limits=(f"sqlite3, {size}",),
                targets=(Times(f"sqlite3, {size}", 0.35),),
            )
            for size in _SIZES
        ),
    ),
    notes=(
        (
            "Everybody reads the idempotency row and the order (every second command finds one to decode and "
            "change), and commits three rows at once: order with version, event in a log with a position, "
            "idempotency row with fingerprint and outcome. eventsourcing commits two: its event table is its log, "
            "and the request is an aggregate of its own."
        ),
        (
            "The limit is synchronous and has one caller: more would wait for the same writer. It uses remit's "
            "own tables, begins with BEGIN IMMEDIATE and reads the head of the partition inside, as another "
            "process may have written."
        ),
        (
            "SQLAlchemy 2.1 through one connection on uvloop: five connections were slower, as SQLite has one "
            "writer. (python-cqrs would pin SQLAlchemy 2.0, but only for its own outbox, which is not used here.)"
        ),
        (
            "eventsourcing is synchronous: 32 callers are 32 threads and one lock around its save; without the "
            "lock, or with fewer threads, it was slower. No cache of aggregates: it would skip the read that "
            "everybody does."
        ),
        (
            "Commands in flight at the same time share an fsync in remit (group commit): that is what the first "
            "measurement shows. In the second nothing can be shared: one fsync per command and a thread hop that "
            "the limit does not have."
        ),
        "With 1 kB, 100 kB and 1 MB, the message and the order that a command writes are that large.",
    ),
)
