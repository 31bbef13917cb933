"""Parked keys of read models that were rebuilt: the name of the read model means its live version."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from remit.hosting.opening import Places, opened
from remit.observability import SubscriptionStatus, is_alive, read_status
from remit.observability.health import Health
from remit.operations import NotParked, accept_incomplete, discard, go_on, keys_with_letters, parked_keys, retry
from remit.runtime import Host
from remit.stores import Store, Versions, load_versions, write_versions
from tests.operations.orchard import lived, rebuilt
from tests.operations.parking import BOX, LIVE, THREE, has_parked, parking, picking, service


async def states(host: Host) -> Mapping[str, str]:
    return {each.name: each.state for each in await Health(host).followers()}


async def status(stores: Mapping[str, Store]) -> dict[str, SubscriptionStatus]:
    crate = LIVE._replace(name="farm.Crate")
    return {row.name: row for row in await read_status([LIVE, crate], stores, time.time())}


async def test_health_and_status_see_the_parked_keys_of_a_rebuilt_model(place: str) -> None:
    await lived(picking, place)
    await rebuilt(picking, place)
    async with service(place) as host:
        assert (await states(host))[BOX] == "running"
        await has_parked(host)
        assert await states(host) == {BOX: "parked", "farm.Crate": "parked"}
        rows = await status(host.stores)
        assert {name: (row.state, row.parked) for name, row in rows.items()} == {
            BOX: ("parked", 1), "farm.Crate": ("parked", 1)
        }  # fmt: skip


async def test_the_name_of_the_model_is_what_a_person_settles_its_live_version_with(place: str) -> None:
    await lived(picking, place)
    await rebuilt(picking, place)
    async with service(place) as host:
        await has_parked(host)
        store = host.stores["farm"]
        (row,) = await parked_keys([store], BOX, limit=9)
        assert (row.subscription, row.key) == (LIVE, "bad")
        ((_, letters),) = await keys_with_letters([store], "bad", BOX, limit=9)
        assert len(letters) == 1
        assert await retry(store, BOX, "bad") == 1
        assert await is_alive(store, time.time(), BOX)
        gone = await discard(store, BOX, "bad", reason="it is no box", now=time.time())
        assert gone.record.id == letters[0].record.id
        assert [each.name for each in await store.parking()] == ["farm.Crate"]


async def test_keys_of_versions_that_are_built_or_kept_are_not_gone(place: str) -> None:
    async with parking(place, Versions(**THREE, switched=time.time()), 1, 2, 3, 4) as store:
        found = await status({"farm": store})
        assert (found[BOX].parked, found[BOX].note.partition(" ")[0]) == (1, "no")
        assert {name for name, row in found.items() if row.state == "gone"} == {f"{BOX}@4"}
        renamed = await read_status([LIVE._replace(name="farm.Chest")], {"farm": store}, time.time())
        assert {row.name for row in renamed if row.state == "gone"} == {BOX, f"{BOX}@1", f"{BOX}@3", f"{BOX}@4"}


async def test_other_versions_are_named_by_their_number(place: str) -> None:
    async with parking(place, Versions(**THREE), 1, 2, 3) as store:
        keys = {row.key: row.subscription.name for row in await parked_keys([store], limit=9)}
        assert keys == {"k1": f"{BOX}@1", "k2": BOX, "k3": f"{BOX}@3"}
        for key, name in keys.items():
            assert [row.key for row in await parked_keys([store], name, limit=9)] == [key]
            assert await retry(store, name) == 1
            await discard(store, name, key, reason="none", now=1.0)
        assert await store.parking() == []


async def test_the_number_of_the_live_version_means_the_model(place: str) -> None:
    async with parking(place, Versions(live=2, highest=2), 2) as store:
        ((row, _),) = await keys_with_letters([store], "k2", f"{BOX}@2", limit=9)
        assert row.subscription == LIVE
        assert await retry(store, f"{BOX}@2") == 1
        await write_versions(store, BOX, (await load_versions(store, BOX))[0], Versions())
        with pytest.raises(NotParked, match=BOX):
            await retry(store, f"{BOX}@1")


async def test_a_lost_log_is_accepted_for_the_live_version(place: str) -> None:
    await lived(picking, place)
    await rebuilt(picking, place)
    async with opened(Places.at(place), ["farm"]) as stores:
        store, live = stores["farm"], LIVE._replace(name=f"{BOX}@2")
        before, old = await store.checkpoints(live), await store.checkpoints(LIVE)
        ahead = {part: stand._replace(pos=stand.pos + 90) for part, stand in before.items()}
        await store.place(live, ahead)  # as if the log had been restored from a backup
        await go_on(store, BOX, store, "farm", begin="head", now=1.0)
        stands = {part: stand.pos for part, stand in (await store.checkpoints(live)).items()}
        assert stands == {part: stand.pos for part, stand in before.items()}
        assert await store.checkpoints(LIVE) == old
        await store.note_missed(live, before)
        assert await accept_incomplete(store, BOX, "farm", now=1.0)
