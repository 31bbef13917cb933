"""remit over PostgreSQL: the shops of `sqlite/ours.py` and `delivery/ours.py`, each context in a schema of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from benchmarks import sampling
from benchmarks.delivery.ours import measure_throughput
from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Work
from benchmarks.sqlite.ours import measure, sales
from remit import System
from remit.stores.postgres.store import PostgresStore

_FILL = """
INSERT INTO sales.remit_log SELECT 0, n % 16, n / 16 + 1, lpad(n::text, 32, '0'),
    CASE WHEN n < 16 THEN '' ELSE lpad((n - 16)::text, 32, '0') END, 'old-' || n, 'sales.Placed', 1, 1750000000,
    '{{"cause":"request-0000000000","trace":"request-0000000000"}}', repeat('x', 200)
    FROM generate_series(0, {rows} - 1) AS n;
INSERT INTO sales.remit_idempotency
    SELECT '', 'old-' || n, '\\x00112233445566778899aabbccddeeff', '"old"', 1750000000 + n
    FROM generate_series(1, {rows} / 10) AS n;
INSERT INTO sales.remit_state SELECT 'sales.Order', 'old-' || n, 1, repeat('x', 200)
    FROM generate_series(1, {rows} / 10) AS n;
"""


def _run(work: Work, in_flight: int, *, slow_disk: bool = False) -> Sample:
    with running_server(work, slow_disk=slow_disk) as server:
        return sampling.run_async(measure(work, server.url(), in_flight))


def run_1(work: Work) -> Sample:
    return _run(work, 1)


def run_32(work: Work) -> Sample:
    return _run(work, 32)


def slow_disk_32(work: Work) -> Sample:
    return _run(work, 32, slow_disk=True)


async def _grown(work: Work, url: str, rows: int) -> Sample:
    async with System("shop", contexts=[sales]).connect(store=url):
        pass  # makes the tables
    connection = await asyncpg.connect(url)
    await connection.execute(_FILL.format(rows=rows))
    for statement in ("VACUUM ANALYZE", "CHECKPOINT"):  # none of what filling leaves to be done is measured
        await connection.execute(statement)
    size = await connection.fetchval("SELECT pg_total_relation_size('sales.remit_log')")
    await connection.close()
    sample = await measure(work, url, 32)
    return Sample(sample.value, sample.details | {"log MiB": size / 2**20})


def _run_grown(work: Work, rows: int) -> Sample:
    with running_server(work) as server:
        return sampling.run_async(_grown(work, server.url(), rows))


def grown_small(work: Work) -> Sample:
    return _run_grown(work, work.pick(10_000, 1_000))


def grown_large(work: Work) -> Sample:
    return _run_grown(work, work.pick(work.rows, 2_000))


@contextmanager
def _partitions(number: int) -> Iterator[None]:
    """Stores are made with so many: a number that users do not choose."""
    defaults = PostgresStore.__init__.__kwdefaults__
    assert defaults is not None
    before, defaults["partitions"] = defaults["partitions"], number
    yield
    defaults["partitions"] = before


def _run_reactions(work: Work, partitions: int) -> Sample:
    with running_server(work) as server, _partitions(partitions):
        return sampling.run_async(measure_throughput(work, server.url()))


def reactions(work: Work) -> Sample:
    return _run_reactions(work, 16)


def reactions_one_partition(work: Work) -> Sample:
    return _run_reactions(work, 1)


def reactions_many_partitions(work: Work) -> Sample:
    return _run_reactions(work, 64)
