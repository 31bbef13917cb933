"""A rebuild beside other processes: what they write while it goes on, where the live version stands, what is left."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from remit.hosting import read_models
from remit.hosting.assembly import assemble
from remit.hosting.opening import Places, opened
from remit.hosting.read_models import looking_after
from remit.log import Channel, SubscriptionId
from remit.operations import CannotRebuild, Rebuild, retiring
from remit.stores import Change, Store, Unit, load_versions
from remit.topology.secret import Secret
from tests.operations.orchard import Count, Counted, apples, lived, once, orchard, rebuilt, twice

ROTTEN = set[str]()
"""Boxes whose events cannot be folded at the moment."""
VERSION_2 = SubscriptionId("farm.Box@2", "farm", Channel.PRIVATE)


def unless_rotten(event: Counted) -> int:
    if event.box in ROTTEN:
        raise ValueError("a rotten apple")
    return event.apples


@asynccontextmanager
async def farm(place: str) -> AsyncGenerator[Store]:
    async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
        yield stores["farm"]


async def write(store: Store, id: str, body: bytes) -> None:
    """Writes a document of version 2."""
    version, _ = await store.load("farm.Box@2", id) or (0, b"")
    await store.commit(Unit([Change("farm.Box@2", id, version, body)]))


async def test_a_live_version_that_is_behind_does_not_differ_for_it(place: str) -> None:
    system = orchard(once)
    await lived(system, place)
    await rebuilt(system, place)
    async with farm(place) as store:
        stands = await store.checkpoints(VERSION_2)
        await store.place(VERSION_2, {part: at._replace(pos=at.pos - 1, id="") for part, at in stands.items()})
        await write(store, "b2", b'{"apples":0}')
    done = await rebuilt(system, place)
    assert (done.live, done.differences, done.undecided) == (3, [], 1)
    assert await apples(system, place) == 2


async def test_a_live_version_with_a_parked_key_does_not_differ_for_it(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = orchard(unless_rotten)
    await lived(system, place)
    await rebuilt(system, place)
    ROTTEN.add("b2")
    async with system.connect(store=place) as app:
        await app.send(Count(boxes=[Counted(box="b2", apples=5)]))
        async with farm(place) as store, asyncio.timeout(20):
            while not await store.count_parked(VERSION_2):  # noqa: ASYNC110  # another process's parking rings no bell
                await asyncio.sleep(0.01)
    ROTTEN.clear()
    done = await rebuilt(system, place)
    assert (done.live, done.differences, done.undecided) == (3, [], 1)
    assert await apples(system, place) == 7


async def test_what_another_process_writes_is_folded_by_a_rebuild_that_goes_on(place: str) -> None:
    changed = orchard(twice)
    await lived(orchard(once), place)
    async with (
        orchard(once).connect(store=place) as app,
        opened(Places({"default": Secret(place)}), ["farm"]) as stores,
    ):
        going_on = asyncio.ensure_future(Rebuild(changed.model(), "farm.Box", stores, linger=60.0).build(pause=0.0))
        async with asyncio.timeout(30):
            await _until_live(stores["farm"], 2)
            for number in range(3):
                await app.send(Count(boxes=[Counted(box="b2", apples=1)]))
                await _until_written(stores["farm"], b'{"apples":%d}' % (6 + 2 * number))
        going_on.cancel()
        await asyncio.gather(going_on, return_exceptions=True)


async def _until_written(store: Store, body: bytes) -> None:
    while (await store.load("farm.Box@2", "b2") or (0, b""))[1] != body:  # noqa: ASYNC110  # another process writes it
        await asyncio.sleep(0.01)


async def _until_live(store: Store, number: int) -> None:
    while (await load_versions(store, "farm.Box"))[1].live != number:  # noqa: ASYNC110  # a switch rings no bell
        await asyncio.sleep(0.01)


async def _reports(store: Store) -> set[str]:
    return {each.name for each in await store.subscribers() if each.name.startswith("farm.Box@")}


async def test_a_rebuild_forgets_what_killed_ones_have_reported(place: str) -> None:
    await lived(orchard(once), place)
    async with farm(place) as store:
        await store.report("farm.Box@7", Channel.PRIVATE, {}, 1.7e9)
        await store.report("farm.Boxes@7", Channel.PRIVATE, {}, 1.7e9)
        await rebuilt(orchard(twice), place)
        assert await _reports(store) == set()
        await store.report("farm.Box@7", Channel.PRIVATE, {}, 1.7e9)
        async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
            await Rebuild(orchard(twice).model(), "farm.Box", stores).retire()
        assert await _reports(store) == set()
        assert "farm.Boxes@7" in {each.name for each in await store.subscribers()}


@pytest.mark.parametrize(("age", "refused"), [(1.0, True), (-60.0, False), (3600.0, False)])
async def test_what_a_stopped_process_may_still_read_is_not_retired(
    place: str, age: float, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retiring, "NEWS_SECONDS", 0.0)
    await lived(orchard(once), place)
    async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
        await stores["farm"].beat("elsewhere", time.time() - age, "[]")
        await rebuilt(orchard(twice), place, changed=True)
        work = Rebuild(orchard(twice).model(), "farm.Box", stores, linger=0.0)
        if refused:
            with pytest.raises(CannotRebuild, match="may still read version 1: elsewhere"):
                await work.retire()
            await stores["farm"].beat("elsewhere", time.time(), "[]")
        assert await work.retire() == 1


async def test_a_service_forgets_what_a_killed_rebuild_has_reported_long_ago(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_models, "LOOK_SECONDS", 0.01)
    changed: Any = orchard(twice)
    await lived(orchard(once), place)
    await rebuilt(changed, place)
    async with farm(place) as store:
        host = assemble(changed.model(), store=place)
        now = host.ports.clock.seconds()
        await store.report("farm.Box@7", Channel.PRIVATE, {}, 1.7e9)
        await store.report("farm.Box@8", Channel.PRIVATE, {}, now)
        await host.start()
        try:
            async with looking_after(host, first=0.0, pause=0.0), asyncio.timeout(20):
                while await _reports(store) != {"farm.Box@8"}:  # noqa: ASYNC110  # a report rings no bell
                    await asyncio.sleep(0.01)
        finally:
            await host.stop()


async def test_a_real_difference_is_found_while_live_messages_keep_coming(place: str) -> None:
    system = orchard(once)
    await lived(system, place)
    await rebuilt(system, place)
    over = asyncio.Event()

    async def load(app: Any) -> None:
        while not over.is_set():
            await app.send(Count(boxes=[Counted(box=f"live{number}", apples=1) for number in range(3)]))

    async with system.connect(store=place) as app, farm(place) as store:
        await write(store, "b2", b'{"apples":7}')
        loading = asyncio.ensure_future(load(app))
        try:
            with pytest.raises(CannotRebuild, match="version 3 is not as it should be: 'b2' differs"):
                await rebuilt(system, place)
        finally:
            over.set()
            await loading
