"""Reactions in processes of `remit run`: one, or two replicas of the same service, which share its subscriptions.

The backlog is put in place at once, when all of them have started. The clock runs from the first batch that is
committed to the last.
"""

import asyncio
from contextlib import ExitStack
from typing import Any

import asyncpg

from benchmarks import sampling
from benchmarks.calls import processes
from benchmarks.delivery.ours import PlaceOrders, make_shop
from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Stopwatch, Work

_TOPOLOGY = """
system = "benchmarks.postgres.shop:shop"
[stores]
default = "{store}"
[services.shop]
runs = ["sales", "billing"]
replicas = {replicas}
"""
_PER_COMMAND = 100
_SET_ASIDE = "CREATE TABLE backlog AS SELECT * FROM sales.remit_log; DELETE FROM sales.remit_log"
_PUT_BACK = "INSERT INTO sales.remit_log SELECT * FROM backlog"
_HANDLED = "SELECT coalesce(sum(pos), 0) FROM (SELECT max(pos) AS pos FROM billing.remit_checkpoint GROUP BY part) p"


async def _fill(store: str, events: int) -> None:
    async with make_shop(None).connect(store=store) as app:
        for first in range(0, events, _PER_COMMAND):
            await app.send(PlaceOrders(first=first, count=_PER_COMMAND))


async def _until(connection: Any, handled: int) -> int:
    """How many are handled, once it is so many."""
    while (found := int(await connection.fetchval(_HANDLED))) < handled:  # noqa: ASYNC110  others handle them
        await asyncio.sleep(0.005)
    return found


async def _measured(work: Work, store: str, replicas: int) -> Sample:
    events = work.pick(40_000, 2_000)
    await _fill(store, events)
    connection: Any = await asyncpg.connect(store)
    await connection.execute(_SET_ASIDE)
    topology = work.folder / "shop.toml"
    topology.write_text(_TOPOLOGY.format(store=store, replicas=replicas))
    with ExitStack() as stack:
        for number in range(1, replicas + 1):
            name = f"shop#{number}" if replicas > 1 else "shop"
            stack.enter_context(processes.running("-m", "remit.cli", "run", str(topology), name, says=True))
        await connection.execute(_PUT_BACK)
        first = await _until(connection, 1)
        watch = Stopwatch()
        sample = Sample((await _until(connection, events) - first) / watch.seconds)
    await connection.close()
    return sample


def _run(work: Work, replicas: int) -> Sample:
    with running_server(work) as server:
        return sampling.run_async(_measured(work, server.url(), replicas))


def one(work: Work) -> Sample:
    """Events handled per second by one process."""
    return _run(work, 1)


def two(work: Work) -> Sample:
    """By two, of which each runs what the other does not."""
    return _run(work, 2)
