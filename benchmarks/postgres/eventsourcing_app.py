"""eventsourcing over its PostgreSQL recorder with database functions, its fastest way to write.

The application is that of `sqlite/eventsourcing_app.py`, without the lock around its save. The recorder locks its table
for each commit, which gives its log an order without holes.
"""

from contextlib import nullcontext

from benchmarks import loops
from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Work
from benchmarks.sqlite import eventsourcing_app
from benchmarks.sqlite.orders import placement
from tests.servers.ports import HOST


class Shop(eventsourcing_app.Shop):
    one_writer = nullcontext()


def _run(work: Work, in_flight: int) -> Sample:
    with running_server(work) as server:
        environment = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": "postgres",
            "POSTGRES_HOST": HOST,
            "POSTGRES_PORT": str(server.port),
            "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD": "none",
            "POSTGRES_POOL_SIZE": str(min(in_flight, 8)),
            "POSTGRES_MAX_OVERFLOW": "0",
            "POSTGRES_ENABLE_DB_FUNCTIONS": "y",
        }
        with Shop(env=environment) as shop:
            return loops.threads_in_flight(work, in_flight, lambda number: shop.place(placement(number)))


def run_1(work: Work) -> Sample:
    return _run(work, 1)


def run_32(work: Work) -> Sample:
    return _run(work, 32)
