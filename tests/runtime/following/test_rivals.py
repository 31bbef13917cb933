"""A subscription beside another process on the same store, and on a feed that is slow or away."""

from __future__ import annotations

import asyncio

import pytest

from remit.log import Channel, SubscriptionId
from remit.runtime.following import follower, handling
from remit.runtime.following.troubles import SILENT_SECONDS
from remit.stores import Advance, Entry, Unit
from remit.stores.memory.store import MemoryStore
from remit.transports import Push
from tests.runtime.talk import ADA, PART, ZOE, Say, Talk, on_virtual_time, until


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(*_: object) -> float:
        return 0.0

    monkeypatch.setattr(follower, "backoff", at_once)
    monkeypatch.setattr(handling, "backoff", at_once)


async def test_a_conflict_in_one_partition_does_not_move_another_that_is_being_handled() -> None:
    talk = Talk()
    async with talk.running() as (runtime, follower, _):
        await runtime.send(Say(who=ADA))
        await runtime.send(Say(who=ZOE))
        await until(lambda: sorted(talk.entered) == [ADA, ZOE])
        for part in PART.values():
            (record,) = await talk.store.read(Channel.PRIVATE, part, 0, 1)
            rival = Advance(SubscriptionId("talk.note", "talk", Channel.PRIVATE), part, 0, "", 1, record.id, 0.0)
            await talk.store.commit(Unit(advance=rival))
        talk.gates[ZOE].set()
        await until(lambda: follower.position(PART[ZOE]) == 1)
        talk.gates[ADA].set()
        await until(lambda: all(lane.worker is None for lane in follower._lanes.values()))
        assert await talk.store.load("talk.Note", ADA) is None, "handled although a rival had handled it"
        assert follower.state == "running"


async def test_heads_that_arrive_late_are_no_other_history() -> None:
    talk = Talk()
    async with talk.running() as (runtime, follower, feed):
        await runtime.send(Say(who=ADA))
        await until(lambda: talk.entered == [ADA])
        feed.go_on.clear()
        follower.ring()
        await asyncio.sleep(0)  # the heads are looked up, and held back
        await runtime.send(Say(who=ADA))
        (record,) = await talk.store.read(Channel.PRIVATE, PART[ADA], 1, 1)
        follower.ring(Push(record, lambda: None))
        talk.gates[ADA].set()
        await until(lambda: follower.position(PART[ADA]) == 2)
        feed.go_on.set()
        await until(lambda: follower._lanes[PART[ADA]].worker is None)
        await runtime.send(Say(who=ADA))
        await until(lambda: follower.position(PART[ADA]) == 3 or follower.state == "regressed")
        assert follower.state == "running"


async def test_a_subscription_runs_again_when_its_source_is_back_although_nothing_is_new() -> None:
    talk = Talk()
    async with talk.running() as (_, follower, feed):
        feed.away = 1
        follower.ring()
        await until(lambda: follower.state == "source-silent")
        await until(lambda: feed.away == 0 and follower.state == "running")


@on_virtual_time
async def test_a_source_is_said_to_be_silent_once_it_has_been_away_for_a_while() -> None:
    talk = Talk()
    async with talk.running() as (_, follower, feed):
        feed.away = 1_000_000
        follower.ring()
        await asyncio.sleep(SILENT_SECONDS - 1)
        assert (follower.state, talk.said) == ("source-silent", []), "services that start together are no news"
        await asyncio.sleep(2)
        assert talk.told == ["source-silent: Unavailable: away"]
        feed.away = 0
        await asyncio.sleep(2)
        assert (follower.state, talk.said) == ("running", ["source-silent", "resumed"])
        feed.away = 1
        follower.ring()
        await asyncio.sleep(2)
        assert (follower.state, talk.said) == ("running", ["source-silent", "resumed"])


async def handled(talk: Talk) -> None:
    """One message, handled by a process that has ended."""
    async with talk.running() as (runtime, follower, _):
        talk.gates[ADA].set()
        await runtime.send(Say(who=ADA))
        await until(lambda: follower.position(PART[ADA]) == 1)


async def test_a_source_that_is_away_at_the_start_is_taken_up_when_it_is_back(soon: None) -> None:
    talk = Talk()
    await handled(talk)
    talk.away = 3
    async with talk.running() as (runtime, follower, feed):
        await until(lambda: feed.away == 0)
        talk.gates[ADA].set()
        await runtime.send(Say(who=ADA))
        await until(lambda: follower.position(PART[ADA]) == 2)
        assert (follower.state, talk.said) == ("running", [])
        assert not any("source-silent" in state for state in talk.states), "a source that starts as well is no news"


@on_virtual_time
async def test_a_source_that_is_still_away_a_while_after_the_start_is_silent() -> None:
    talk = Talk()
    talk.away = 1_000_000
    async with talk.running() as (_, follower, feed):
        await asyncio.sleep(SILENT_SECONDS - 1)
        assert follower.state == "running"
        await asyncio.sleep(2)
        assert follower.state == "source-silent"
        assert talk.told == ["source-silent: Unavailable: away"], "the log says so as soon as it would of any other"
        feed.away = 0
        await asyncio.sleep(2)
        feed.away = 1_000_000
        follower.ring()
        await asyncio.sleep(1)
        assert follower.state == "source-silent", "one that has been seen is missed at once"


@on_virtual_time
async def test_a_source_that_is_away_when_a_process_takes_over_is_silent_at_once() -> None:
    """It does not start together with a process that has stood by for an hour, and others have missed it before."""
    talk = Talk()
    talk.away = 1_000_000
    async with talk.running() as (_, follower, _feed):
        for _ in range(2):
            await follower.stand_by()
            await asyncio.sleep(3600)
            await follower.start()
            await asyncio.sleep(1)
            assert follower.state == "source-silent"
            assert talk.said == [], "what was here noted just now is said once it has lasted"
        await asyncio.sleep(SILENT_SECONDS + 1)
        assert talk.told == ["source-silent: Unavailable: away"]


async def test_a_source_that_comes_back_with_another_history_is_noticed(soon: None) -> None:
    talk = Talk()
    await handled(talk)
    talk.away = 2
    talk.source = MemoryStore(partitions=2)
    await talk.source.commit(Unit(entries=[Entry(Channel.PRIVATE, ADA, "another", "talk.Said", 1, 0.0, "{}", b"{}")]))
    async with talk.running() as (_, follower, _feed):
        await until(lambda: follower.state == "regressed")
        assert "message 1 is 'another'" in follower.note
