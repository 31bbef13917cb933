"""remit end to end: sales is a service in the worker's process, billing one that `remit run` runs."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from benchmarks import sampling
from benchmarks.calls import processes
from benchmarks.delivery.ours import PlaceOrders, make_shop
from benchmarks.relay import end_to_end, messages, moments
from benchmarks.relay.moments import Moments
from benchmarks.sampling import Sample, Work
from remit.runtime import Runtime
from remit.runtime.relay import Relay

_TOPOLOGY = """
system = "benchmarks.relay.shop:shop"
[stores]
default = "sqlite:{{context}}.db"
[channels]
calls = "{url}"
events = "{url}"
[services.sales]
runs = ["sales"]
[services.billing]
runs = ["billing"]
"""
_PER_COMMAND = 100


@contextmanager
def _billing(work: Work) -> Generator[tuple[Path, int]]:
    """The topology with its broker, and the process of the service that follows sales."""
    topology = work.folder / "shop.toml"
    with messages.running_server(work) as server:
        topology.write_text(_TOPOLOGY.format(url=server.url))
        with processes.running("-m", "remit.cli", "run", str(topology), "billing", says=True) as process:
            yield topology, process


@asynccontextmanager
async def _sales(topology: Path) -> AsyncGenerator[Runtime]:
    """The service that publishes, made as `remit run` makes it; here, because only its own process can tell when a
    command is committed."""
    from benchmarks.relay.shop import shop  # it needs room for the moments
    from remit.topology.file import read_topology
    from remit.topology.placement import place
    from remit.topology.service import RunningService
    from remit.topology.shapes import shapes_of

    placement = place(read_topology(str(topology)), shapes_of(shop))
    service = RunningService(shop, placement, placement.services["sales"])
    await service.start()
    try:
        yield service.runtime
    finally:
        await service.stop()


async def _latency(work: Work, topology: Path, started: Moments) -> Sample:
    async with _sales(topology) as sales:

        async def commit(number: int) -> None:
            await sales.send(PlaceOrders(first=number, count=1))

        return await end_to_end.latency(work, commit, started)


async def _throughput(work: Work, topology: Path, process: int, started: Moments, count: int) -> Sample:
    clocks = end_to_end.Clocks(process)
    async with _sales(topology) as sales:
        relays = [follower for follower in sales.followers if isinstance(follower, Relay)]
        return await end_to_end.throughput(
            work, count, started, lambda: sum(relay.published for relay in relays), clocks
        )


async def _fill(work: Work, count: int) -> None:
    async with make_shop(None).connect(store=f"sqlite:{work.folder}/{{context}}.db") as app:
        for first in range(0, count, _PER_COMMAND):
            await app.send(PlaceOrders(first=first, count=_PER_COMMAND))


def latency(work: Work) -> Sample:
    started = moments.prepare(work.folder, end_to_end.PACED)
    with _billing(work) as (topology, _):
        return sampling.run_async(_latency(work, topology, started))


def throughput(work: Work) -> Sample:
    count = messages.count(work)
    started = moments.prepare(work.folder, count)
    sampling.run_async(_fill(work, count))
    with _billing(work) as (topology, process):
        return sampling.run_async(_throughput(work, topology, process, started, count))
