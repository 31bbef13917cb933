"""remit end to end: sales is a service in the worker's process, billing one that `remit run` runs."""

from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from benchmarks import sampling
from benchmarks.calls import processes
from benchmarks.delivery.ours import PlaceOrders, make_shop
from benchmarks.postgres.server import running_server
from benchmarks.relay import effects, end_to_end, messages, moments
from benchmarks.relay.effects import Count
from benchmarks.relay.moments import Moments
from benchmarks.sampling import Sample, Work
from remit.runtime import Host

_TOPOLOGY = """
system = "benchmarks.relay.shop:shop"
[stores]
default = "{store}"
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
def _billing(work: Work, store: str) -> Generator[tuple[Path, int]]:
    """The topology with its broker, and the process of the service that follows sales."""
    topology = work.folder / "shop.toml"
    with messages.running_server(work) as server:
        topology.write_text(_TOPOLOGY.format(url=server.url, store=store))
        with processes.running("-m", "remit.cli", "run", str(topology), "billing", says=True) as process:
            yield topology, process


@asynccontextmanager
async def _sales(topology: Path) -> AsyncGenerator[Host]:
    """The service that publishes, made as `remit run` makes it; here, because only its own process can tell when a
    command is committed."""
    from benchmarks.relay.shop import shop  # it needs room for the moments
    from remit.hosting.assembly import assemble_service
    from remit.topology.file import read_topology
    from remit.topology.placement import place
    from remit.topology.shapes import shapes_of

    model = shop.model()
    placement = place(read_topology(str(topology)), shapes_of(model))
    service = assemble_service(model, placement, placement.services["sales"])
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def _latency(work: Work, topology: Path, started: Moments) -> Sample:
    async with _sales(topology) as sales:

        async def commit(number: int) -> None:
            await sales.send(PlaceOrders(first=number, count=1))

        return await end_to_end.latency(work, commit, started)


async def _throughput(
    topology: Path, process: int, started: Moments, count: int, counting: AbstractAsyncContextManager[Count]
) -> Sample:
    clocks = end_to_end.Clocks(process)
    async with _sales(topology) as sales:
        relays = [follower for follower in sales.followers if follower not in sales.subscriptions]
        return await end_to_end.throughput(
            count, started, lambda: sum(relay.handled for relay in relays), counting, clocks
        )


async def _fill(store: str, count: int) -> None:
    async with make_shop(None).connect(store=store) as app:
        for first in range(0, count, _PER_COMMAND):
            await app.send(PlaceOrders(first=first, count=_PER_COMMAND))


def _paced(work: Work, store: str) -> Sample:
    started = moments.prepare(work.folder, end_to_end.PACED)
    with _billing(work, store) as (topology, _):
        return sampling.run_async(_latency(work, topology, started))


def _full(work: Work, store: str, counting: AbstractAsyncContextManager[Count]) -> Sample:
    count = messages.count(work)
    started = moments.prepare(work.folder, count)
    sampling.run_async(_fill(store, count))
    with _billing(work, store) as (topology, process):
        return sampling.run_async(_throughput(topology, process, started, count, counting))


def _sqlite(work: Work) -> str:
    return f"sqlite:{work.folder}/{{context}}.db"


def latency(work: Work) -> Sample:
    return _paced(work, _sqlite(work))


def throughput(work: Work) -> Sample:
    return _full(work, _sqlite(work), effects.in_sqlite(work.folder))


def latency_postgres(work: Work) -> Sample:
    with running_server(work) as server:
        return _paced(work, server.url())


def throughput_postgres(work: Work) -> Sample:
    with running_server(work) as server:
        return _full(work, server.url(), effects.in_postgres(server.url(), "billing.remit_state"))
