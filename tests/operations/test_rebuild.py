"""A read model is made anew from the log beside the live one, and takes its place."""

import asyncio
from typing import Any

import pytest

from remit.hosting.opening import Places, opened
from remit.log import Channel, SubscriptionId
from remit.operations import CannotRebuild, Rebuild, Rebuilt
from remit.stores import Change, Selection, Store, Unit, row_table
from remit.topology.secret import Secret
from tests.operations.orchard import Both, Count, Counted, Full, HowMany, apples, lived, once, orchard, rebuilt, twice


def fails(event: Counted) -> int:
    if event.box == "b1":
        raise ValueError("a rotten apple")
    return event.apples


async def weighed(app: Any) -> tuple[int, list[str]]:
    return await app.ask(HowMany(box="b2")), (await app.ask(Full(apples=4))).items


async def test_documents_are_folded_anew_and_served_then(place: str) -> None:
    await lived(orchard(once), place)
    changed = orchard(twice)
    assert await apples(changed, place) == 2
    done = await rebuilt(changed, place)
    assert (done.version, done.live, done.handled) == (2, 2, 3)
    assert await apples(changed, place) == 4
    await lived(changed, place)
    assert await apples(changed, place) == 8


async def test_rows_are_folded_anew_into_a_table_of_their_own(place: str) -> None:
    await lived(orchard(once), place)
    changed = orchard(twice)
    await rebuilt(changed, place, "farm.Crate")
    async with changed.connect(store=place) as app:
        assert (await app.ask(Full(apples=4))).items == ["b2"]
        assert (await app.ask(Full(apples=2))).items == ["b1"]


async def test_going_back_lets_the_old_version_catch_up_first(place: str) -> None:
    await lived(orchard(once), place)
    changed = orchard(twice)
    await rebuilt(changed, place)
    await lived(changed, place)
    assert await apples(changed, place) == 8
    assert (await rebuilt(orchard(once), place, back=True)).live == 1
    assert await apples(orchard(once), place) == 4


async def test_a_service_that_runs_goes_on_with_the_new_version(place: str) -> None:
    changed = orchard(twice)
    await lived(orchard(once), place)
    async with changed.connect(store=place) as app:
        assert await app.ask(HowMany(box="b2"), fresh=True) == 2
        await rebuilt(changed, place)
        await rebuilt(changed, place, "farm.Crate")
        async with asyncio.timeout(20):
            while await weighed(app) != (4, ["b2"]):  # noqa: ASYNC110  # a switch rings no bell
                await asyncio.sleep(0.01)
        await app.send(Count(boxes=[Counted(box="b2", apples=1)]))
        assert await app.ask(HowMany(box="b2"), fresh=True) == 6
        assert (await app.ask(Full(apples=6), fresh=True)).items == ["b2"]


async def test_an_interrupted_rebuild_goes_on_where_it_stopped(place: str) -> None:
    await lived(orchard(once), place, boxes=500)
    changed = orchard(twice)

    def stop(done: Rebuilt) -> None:
        if done.handled:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuilt(changed, place, step=stop)
    assert await apples(changed, place) == 2
    done = await rebuilt(changed, place)
    assert done.version == 2
    assert await apples(changed, place, "b499") == 998


async def test_a_new_version_with_parked_keys_is_not_switched_to(place: str) -> None:
    await lived(orchard(once), place)
    with pytest.raises(CannotRebuild, match="1 keys of the new version are parked"):
        await rebuilt(orchard(fails), place)
    assert await apples(orchard(once), place) == 2
    assert (await rebuilt(orchard(twice), place, anew=True)).version == 3
    assert await apples(orchard(twice), place) == 4


async def test_what_is_no_read_model_is_refused(place: str) -> None:
    with pytest.raises(CannotRebuild, match=r"no read model 'farm\.Boxes'"):
        await rebuilt(orchard(once), place, "farm.Boxes")


async def test_a_rebuild_without_the_store_of_its_source_is_refused() -> None:
    with pytest.raises(CannotRebuild, match="it needs the store of farm, which is not open here"):
        Rebuild(orchard(once).model(), "farm.Box", {})


async def test_a_query_reads_one_version_to_its_end(place: str) -> None:
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def between(waits: bool) -> None:
        if waits:
            begun.set()
            await goes_on.wait()

    await lived(orchard(once), place)
    changed = orchard(twice, between=between)
    async with changed.connect(store=place) as app:
        held = asyncio.ensure_future(app.ask(Both(waits=True), deadline=30))
        await begun.wait()
        await rebuilt(changed, place)
        async with asyncio.timeout(20):
            while await app.ask(Both(waits=False)) != (2, 4):  # noqa: ASYNC110  # a switch rings no bell
                await asyncio.sleep(0.01)
        goes_on.set()
        assert await held == (1, 2)


async def test_a_rebuild_by_equal_code_that_differs_is_not_switched_to(place: str) -> None:
    system = orchard(once)
    await lived(system, place)
    await rebuilt(system, place)
    async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
        (version, _), body = (await stores["farm"].load("farm.Box@2", "b2") or (0, b"")), b'{"apples":7}'
        await stores["farm"].commit(Unit([Change("farm.Box@2", "b2", version, body)]))
    with pytest.raises(CannotRebuild, match="version 3 is not as it should be: 'b2' differs"):
        await rebuilt(system, place)
    assert await apples(system, place) == 7
    done = await rebuilt(system, place, changed=True)
    assert (done.live, done.documents, done.before) == (3, 3, 3)
    assert await apples(system, place) == 2


async def test_a_version_to_which_a_check_objects_is_not_switched_to(place: str) -> None:
    await lived(orchard(once), place)
    with pytest.raises(CannotRebuild, match=r"is not as it should be: sound says: too heavy: 4 after 2"):
        await rebuilt(orchard(twice, objection="too heavy"), place, changed=True)
    assert await apples(orchard(once), place) == 2


@pytest.mark.parametrize("name", ["farm.Box", "farm.Crate"])
async def test_retired_versions_leave_nothing_and_are_not_gone_back_to(place: str, name: str) -> None:
    await lived(orchard(once), place)
    changed = orchard(twice)
    await rebuilt(changed, place, name, anew=True)
    async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
        work, store = Rebuild(changed.model(), name, stores), stores["farm"]
        before = await _rows(store, name)
        assert await work.retire() == 1
        assert (before, await _rows(store, name)) == ((3, 3), (0, 3))
        assert not await store.checkpoints(SubscriptionId(name, "farm", Channel.PRIVATE))
        with pytest.raises(CannotRebuild, match="there is no version to retire"):
            await work.retire()
        with pytest.raises(CannotRebuild, match="no version to go back to"):
            await work.back()
    async with changed.connect(store=place) as app:
        assert await weighed(app) == ((4, []) if name == "farm.Box" else (2, ["b2"]))


async def _rows(store: Store, name: str) -> tuple[int, int]:
    """How many documents or rows versions 1 and 2 have."""
    if name == "farm.Box":
        return len(await store.page(name, None, 9)), len(await store.page(f"{name}@2", None, 9))
    tables = [row_table("Crate", number, ["apples"], [("apples",)]) for number in (1, 2)]
    one, other = [await store.count_rows(Selection(table, ())) for table in tables]
    return one, other


async def test_without_an_old_version_there_is_no_way_back(place: str) -> None:
    await lived(orchard(once), place)
    with pytest.raises(CannotRebuild, match="no version to go back to"):
        await rebuilt(orchard(once), place, back=True)
