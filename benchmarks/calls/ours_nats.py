"""remit: a query to a service that `remit run` runs, over NATS."""

import asyncio
from pathlib import Path

from benchmarks import loops, sampling
from benchmarks.calls import processes
from benchmarks.calls.shop import ORDER, Quote, shop
from benchmarks.relay.messages import running_server
from benchmarks.sampling import Sample, Work
from remit.errors import CallError

TOPOLOGY = """
system = "benchmarks.calls.shop:shop"
[stores]
default = "sqlite:{{context}}.db"
[channels]
calls = "{url}"
[services.sales]
runs = ["sales"]
"""


async def call(work: Work, topology: Path, in_flight: int) -> Sample:
    query = Quote(**ORDER)  # type: ignore[arg-type]  # the words are of these types
    async with shop.connect(topology=str(topology)) as app:

        async def ask(_: int) -> None:
            if (await app.ask(query, deadline=10.0)).total != 1251:
                raise RuntimeError

        for _ in range(1000):  # until the service is there
            try:
                await app.ask(query, deadline=1.0)
                break
            except CallError:
                await asyncio.sleep(0.02)
        return await loops.tasks_in_flight(work, in_flight, ask)


def _run(work: Work, in_flight: int) -> Sample:
    topology = work.folder / "shop.toml"
    with running_server(work) as server:
        topology.write_text(TOPOLOGY.format(url=server.url))
        with processes.running("-m", "remit.cli", "run", str(topology), "sales"):
            return sampling.run_async(call(work, topology, in_flight))


def one(work: Work) -> Sample:
    return _run(work, 1)


def many(work: Work) -> Sample:
    return _run(work, 32)
