"""Read models of a service are built from the archives that the topology names."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from remit import Context, Events, Projection, Query, System, View
from remit.hosting.assembly import assemble_service, placed_on
from remit.hosting.opening import Places, opened
from remit.hosting.read_models import looking_after
from remit.log import Channel
from remit.operations import archive_log
from remit.runtime import Host
from remit.stores import Entry, Store, Unit, load_versions
from remit.stores.archive import Archive
from remit.topology.file import read_topology
from remit.topology.secret import Secret
from tests.operations.orchard import Count, Counted, HowMany, lived, once, orchard, twice


class Picked(Query[int]):
    box: str


def grown() -> System:
    """A later release, with a new read model of the same events."""
    farm = Context("farm")

    @farm.project
    class Harvest(Projection[str, Counted]):
        apples: int = 0

        @staticmethod
        def key(event: Counted) -> str:
            return event.box

        def evolve(self, event: Counted) -> None:
            self.apples += event.apples

    @farm.handle(Count)
    async def count(command: Count, events: Events[Counted]) -> None:
        for each in command.boxes:
            events.publish(each)

    @farm.answer(Picked)
    async def picked(query: Picked, harvests: View[Harvest]) -> int:
        return (await harvests.get(query.box)).apples

    return System("orchard", contexts=[farm])


@pytest.fixture
async def topology(tmp_path: Path) -> Path:
    """A service whose log was archived, all of it."""
    place = f"sqlite:{tmp_path}/{{context}}.db"
    await lived(orchard(once), place)
    async with service(orchard(once), named(tmp_path, "")) as host, asyncio.timeout(20):
        while not (await load_versions(host.stores["farm"], "farm.Box"))[1].shapes:  # noqa: ASYNC110  # a look rings no bell
            await asyncio.sleep(0.01)
    async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
        assert await moved(stores["farm"], tmp_path) == 3
    return named(tmp_path, 'archives = "old"\n')


async def moved(store: Store, folder: Path) -> int:
    """Archives the whole log, and returns how many messages that were."""
    for each in await store.subscribers():
        await store.forget(each.name)
    archive = Archive(folder / "old", "farm")
    (done,) = await archive_log(store, archive, [Channel.PRIVATE], -timedelta(days=1), pause=0.0)
    return done.deleted


def named(folder: Path, archives: str) -> Path:
    file = folder / "orchard.toml"
    file.write_text(
        f'system = "orchard"\n{archives}[stores]\ndefault = "sqlite:{{context}}.db"\n[services.all]\nruns = ["*"]\n'
    )
    return file


@asynccontextmanager
async def service(system: System, file: Path) -> AsyncGenerator[Host]:
    model = system.model()
    placement = placed_on(read_topology(file), model)
    host = assemble_service(model, placement, placement.services["all"])
    try:
        await host.start()
        async with looking_after(host, first=0.0, pause=0.0):
            yield host
    finally:
        await host.stop()


async def test_a_rebuild_that_begins_by_itself_reads_the_archive(topology: Path) -> None:
    async with service(orchard(twice, rebuild="at-start"), topology) as host:
        async with asyncio.timeout(20):
            while await host.ask(HowMany(box="b2")) != 4:  # noqa: ASYNC110  # a switch rings no bell
                await asyncio.sleep(0.01)


async def test_a_new_read_model_is_built_from_the_archive(topology: Path) -> None:
    async with service(grown(), topology) as host:
        await host.send(Count(boxes=[Counted(box="b2", apples=5)]))
        assert await host.ask(Picked(box="b2"), fresh=True) == 7


async def test_a_read_model_that_was_away_goes_on_with_the_archive(topology: Path) -> None:
    folder = topology.parent
    async with opened(Places({"default": Secret(f"sqlite:{folder}/{{context}}.db")}), ["farm"]) as stores:
        payload, at = b'{"box":"b2","apples":5}', time.time()
        entry = Entry(Channel.PRIVATE, "b2", "late", "farm.Counted", 1, at, '{"cause":"c","trace":"t"}', payload)
        await stores["farm"].commit(Unit(entries=[entry]))
        assert await moved(stores["farm"], folder) == 1
    async with service(orchard(once), topology) as host:
        assert await host.ask(HowMany(box="b2"), fresh=True) == 7


async def test_a_damaged_archive_does_not_concern_a_read_model_that_does_not_need_it(topology: Path) -> None:
    for file in (topology.parent / "old").glob("farm/private/*.gz"):
        file.write_bytes(b"damaged")
    async with service(orchard(once), topology) as host:
        await host.send(Count(boxes=[Counted(box="b2", apples=5)]))
        assert await host.ask(HowMany(box="b2"), fresh=True) == 7
        assert {each.state for each in host.followers} == {"running"}
