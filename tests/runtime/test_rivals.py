"""A subscription beside another process on the same store, and on a feed that is slow or away."""

from __future__ import annotations

import asyncio

from remit.stores import PRIVATE, Advance, Unit
from tests.runtime.talk import ADA, PART, ZOE, Say, Talk, until


async def test_a_conflict_in_one_partition_does_not_move_another_that_is_being_handled() -> None:
    talk = Talk()
    async with talk.running() as (runtime, subscription, _):
        await runtime.send(Say(who=ADA))
        await runtime.send(Say(who=ZOE))
        await until(lambda: sorted(talk.entered) == [ADA, ZOE])
        for part in PART.values():
            (record,) = await talk.store.read(PRIVATE, part, 0, 1)
            rival = Advance("talk.note", "talk", PRIVATE, part, 0, "", 1, record.id, 0.0, frozenset())
            await talk.store.commit(Unit(advance=rival))
        talk.gates[ZOE].set()
        await until(lambda: subscription.position(PART[ZOE]) == 1)
        talk.gates[ADA].set()
        await until(lambda: all(lane.worker is None for lane in subscription._lanes.values()))
        assert await talk.store.load("talk.Note", ADA) is None, "handled although a rival had handled it"
        assert subscription.state == "running"


async def test_heads_that_arrive_late_are_no_other_history() -> None:
    talk = Talk()
    async with talk.running() as (runtime, subscription, feed):
        await runtime.send(Say(who=ADA))
        await until(lambda: talk.entered == [ADA])
        feed.go_on.clear()
        subscription.ring()
        await asyncio.sleep(0)  # the heads are looked up, and held back
        await runtime.send(Say(who=ADA))
        talk.gates[ADA].set()
        await until(lambda: subscription.position(PART[ADA]) == 2)
        feed.go_on.set()
        await until(lambda: subscription._lanes[PART[ADA]].worker is None)
        await runtime.send(Say(who=ADA))
        await until(lambda: subscription.position(PART[ADA]) == 3 or subscription.state == "regressed")
        assert subscription.state == "running"


async def test_a_subscription_runs_again_when_its_source_is_back_although_nothing_is_new() -> None:
    talk = Talk()
    async with talk.running() as (_, subscription, feed):
        feed.away = 1
        subscription.ring()
        await until(lambda: subscription.state == "paused")
        await until(lambda: feed.away == 0 and subscription.state == "running")
        assert talk.said == ["paused", "resumed"]
