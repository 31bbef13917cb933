"""What a subscription and the housekeeper do when the store itself is the trouble, and what is said of a parked key."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from remit.errors import Conflict, StoreError, StoreUnavailable
from remit.hosting.assembly import assemble
from remit.runtime import Host
from remit.runtime.following import follower, handling, parking
from remit.runtime.upkeep import housekeeping
from remit.runtime.upkeep.leases import LOOK_SECONDS, RENEW_SECONDS
from remit.stores import Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.shop import Buyer, OrderId, Owed, Place, make_shop
from tests.runtime.talk import ADA, PART, Say, Talk, until, virtually


class BrokenStore(MemoryStore):
    """Refuses what subscriptions commit, or to say what others did, so many times."""

    broken = 0
    settled = 0
    """How many failures of a letter come too late: somebody else has settled it."""
    silent = 0
    closed = False
    """It takes no writes, and can be read."""

    async def lease(self, owner: str, names: Collection[str], *, now: float, until: float) -> None:
        if self.closed:
            raise StoreUnavailable("the server takes no writes")
        await super().lease(owner, names, now=now, until=until)

    async def commit(self, unit: Unit) -> None:
        if self.broken and unit.advance is not None:
            self.broken -= 1
            raise StoreError("the file is damaged")
        if self.settled and unit.settle is not None and unit.settle.error:
            self.settled -= 1
            raise Conflict("letter")
        await super().commit(unit)

    def changed_elsewhere(self) -> bool:
        if self.silent:
            self.silent -= 1
            raise StoreUnavailable("locked")
        return False


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(*_: object) -> float:
        return 0.0

    monkeypatch.setattr(follower, "backoff", at_once)
    monkeypatch.setattr(handling, "backoff", at_once)
    monkeypatch.setattr(parking, "next_try", at_once)
    monkeypatch.setattr(housekeeping, "TICK", 0.001)


async def test_a_broken_store_parks_no_innocent_message() -> None:
    store = BrokenStore(partitions=2)
    talk = Talk(store)
    async with talk.running() as (app, follower, _):
        talk.gates[ADA].set()
        store.broken = 6
        await app.send(Say(who=ADA))
        await until(lambda: follower.position(PART[ADA]) == 1)
        assert "parked" not in talk.said
        assert "stalled" in talk.said
        assert talk.said[-1] == "resumed"
        assert await store.load("talk.Note", ADA) == (1, b'{"id":"ada","times":1}')


@pytest.mark.parametrize("silent", [0, 1], ids=["well", "locked for a moment"])
async def test_the_housekeeper_releases_a_parked_key_and_says_so(silent: int) -> None:
    store = BrokenStore(partitions=2)
    talk = Talk(store)
    async with talk.running() as (app, _, _feed):
        talk.gates[ADA].set()
        talk.failing = [ValueError("poison")] * 3
        store.silent = silent
        await until(lambda: store.silent == 0)
        await app.send(Say(who=ADA))
        await until(lambda: "released" in talk.said)
        assert talk.said.count("released") == 1
        assert await store.parked() == []


async def test_what_somebody_else_has_settled_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    store = BrokenStore(partitions=2)
    talk = Talk(store)
    async with talk.running() as (app, follower, _):
        talk.gates[ADA].set()
        talk.failing = [ValueError("poison")] * 4
        store.settled = 1
        await app.send(Say(who=ADA))
        await until(lambda: "released" in talk.said)
        assert store.settled == 0
        assert (talk.said, caplog.records) == (["parked", "released"], [])
        assert follower.state == "running"


def test_a_store_that_takes_no_writes_is_said_though_there_is_nothing_to_handle() -> None:
    async def story() -> None:
        store = BrokenStore(partitions=2)
        store.technology = replace(store.technology, shared_between_processes=True)
        talk = Talk(store)
        async with talk.running() as (_, follower, _feed):
            store.closed = True
            await asyncio.sleep(2 * RENEW_SECONDS)
            assert (follower.state, follower.note) == ("paused", "StoreUnavailable: the server takes no writes")
            store.closed = False
            await asyncio.sleep(2 * LOOK_SECONDS)
            assert follower.state == "running"

    virtually(story())


@pytest.mark.parametrize("lost", ["sales", "billing"])
async def test_a_store_whose_file_is_gone_is_said(tmp_path: Path, lost: str) -> None:
    runtime = assemble(make_shop().system.model(), store=f"sqlite:{tmp_path}/{{context}}.db")
    await runtime.start()
    try:
        await runtime.send(Place(order=OrderId("o-1"), buyer=Buyer("ada")))
        assert await runtime.ask(Owed(buyer=Buyer("ada")), fresh=True) == 1
        assert runtime.unusable == []
        (tmp_path / f"{lost}.db").unlink()
        await until(lambda: runtime.unusable == [lost])
        charging = next(s for s in runtime.subscriptions if s.name == "billing.charge")
        await until(lambda: charging.state == "stalled")
        assert "deleted or replaced" in charging.note
        with pytest.raises(StoreError, match="deleted or replaced"):
            await (runtime.ask(Owed(buyer=Buyer("ada"))) if lost == "billing" else place_another(runtime))
    finally:
        await runtime.stop()


async def place_another(runtime: Host) -> None:
    await runtime.send(Place(order=OrderId("o-2"), buyer=Buyer("ada")))
