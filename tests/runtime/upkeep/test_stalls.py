"""What hangs is given up and tried again, and said aloud; on virtual time, so that nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from remit import Context, System
from remit.errors import Conflict
from remit.log import Channel, Checkpoint, SubscriptionId
from remit.runtime import Host, Ports
from remit.runtime.failures import ATTEMPTS, retry_after
from remit.runtime.following.effect import HANDLER_SECONDS, STALL_SECONDS
from remit.runtime.upkeep.housekeeping import BEAT
from remit.stores import Advance, Entry, Unit, partition_of
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import ADA, PART, ZOE, LoopClock, Say, Talk, plainly, virtually

SOON = 2.0
"""Seconds within which the watchdog has looked, and what it gave up runs again."""


async def ignoring(wait: Callable[[], Awaitable[Any]]) -> None:
    """Waits, and takes every cancellation for nothing until the watchdog has given it up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + STALL_SECONDS + 0.6
    waiting = True
    while waiting:
        try:
            await wait()
            waiting = False
        except asyncio.CancelledError:
            if loop.time() > end:
                raise


def test_a_handler_has_thirty_seconds() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, follower, _):
            await app.send(Say(who=ADA))
            await asyncio.sleep(HANDLER_SECONDS - 1.0)
            assert talk.entered == [ADA]
            await asyncio.sleep(SOON)
            assert talk.entered == [ADA, ADA], "it was cancelled and is tried again"
            talk.gates[ADA].set()
            await asyncio.sleep(SOON)
            assert (follower.position(PART[ADA]), talk.told) == (1, [])

    virtually(story())


def test_a_handler_that_always_takes_longer_parks_its_key_only() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, follower, _):
            await app.send(Say(who=ADA))
            await app.send(Say(who=ADA))
            await asyncio.sleep(ATTEMPTS * (HANDLER_SECONDS + SOON))
            assert talk.told == ["parked: key 'ada': TimeoutError: the handler took longer than 30 s"]
            assert (follower.state, follower.position(PART[ADA])) == ("running", 2)
            (row,) = await talk.store.parked()
            assert row.letters == 2
            talk.gates[ADA].set()
            await asyncio.sleep(retry_after(0) + SOON)
            assert (await talk.store.parked(), talk.said[-1]) == ([], "released"), "an outage heals by itself"

    virtually(story())


def test_a_time_limit_of_the_handlers_own_is_a_failure_as_well() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, _, _feed):
            talk.failing = [TimeoutError("the post office does not answer")] * ATTEMPTS
            await app.send(Say(who=ADA))
            await asyncio.sleep(SOON)
            assert talk.told == ["parked: key 'ada': TimeoutError: the post office does not answer"]

    virtually(story())


def test_a_letter_has_thirty_seconds() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, follower, _):
            talk.failing = [ValueError("poison")] * 3
            await app.send(Say(who=ADA))
            await asyncio.sleep(SOON)
            assert len(await talk.store.parked()) == 1
            await talk.store.retry(follower.name, ADA, 0.0)
            await asyncio.sleep(HANDLER_SECONDS + SOON)
            (row,) = await talk.store.parked()
            assert (row.attempts, row.error) == (2, "TimeoutError: the handler took longer than 30 s")
            assert row.retry_at - row.tried_at > 5.0, "it waits as long as after any failure"
            assert follower.state == "running"

    virtually(story())


def test_a_handler_that_takes_no_cancelling_stalls_only_its_partition() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, follower, _):
            talk.wrap = ignoring
            await app.send(Say(who=ADA))
            await asyncio.sleep(STALL_SECONDS - 1.0)
            assert follower.state == "running"
            talk.wrap = plainly
            await asyncio.sleep(SOON)
            assert follower.state == "stalled"
            assert talk.told[0].startswith(
                f"stalled: partition {PART[ADA]}: no message handled for more than 90 s, at "
            )
            assert talk.entered == [ADA, ADA], "it was given up and is tried again"

            talk.gates[ZOE].set()
            await app.send(Say(who=ZOE))
            await asyncio.sleep(SOON)
            assert follower.position(PART[ZOE]) == 1
            assert follower.state == "stalled", "another partition's progress is none of its own"

            talk.gates[ADA].set()
            await asyncio.sleep(SOON)
            assert (follower.state, follower.position(PART[ADA]), talk.said[-1]) == ("running", 1, "resumed")

    virtually(story())


def test_a_source_that_never_answers_is_asked_again() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, follower, feed):
            talk.gates[ADA].set()
            feed.lost = 1
            await app.send(Say(who=ADA))
            await asyncio.sleep(STALL_SECONDS + SOON)
            assert talk.said[:1] == ["stalled"]
            assert (follower.state, follower.position(PART[ADA])) == ("running", 1)

    virtually(story())


def test_a_read_that_never_ends_is_given_up() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, follower, feed):
            talk.gates[ADA].set()
            await asyncio.sleep(1.0)
            follower._start_worker(follower._lane(PART[ADA]))
            feed.lost = 1
            await app.send(Say(who=ADA))
            await asyncio.sleep(STALL_SECONDS + SOON)
            assert talk.said == ["stalled", "resumed"]
            assert follower.position(PART[ADA]) == 1

    virtually(story())


class Contested(MemoryStore):
    """Lets nobody move a checkpoint while it is contested."""

    contested = True

    async def commit(self, unit: Unit) -> None:
        if self.contested and unit.advance is not None:
            raise Conflict("checkpoint")
        await super().commit(unit)


def test_conflicts_without_an_end_are_a_stall() -> None:
    async def story() -> None:
        store = Contested(partitions=2)
        talk = Talk(store)
        async with talk.running() as (app, follower, _):
            talk.gates[ADA].set()
            await app.send(Say(who=ADA))
            await asyncio.sleep(STALL_SECONDS + SOON)
            assert (follower.state, talk.said) == ("stalled", ["stalled"])
            store.contested = False
            await asyncio.sleep(SOON)
            assert (follower.state, talk.said) == ("running", ["stalled", "resumed"])

    virtually(story())


def test_what_another_process_has_done_ends_the_stall() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, follower, _):
            talk.wrap = ignoring
            await app.send(Say(who=ADA))
            await asyncio.sleep(STALL_SECONDS + SOON)
            assert follower.state == "stalled"
            (record,) = await talk.store.read(Channel.PRIVATE, PART[ADA], 0, 1)
            place = (SubscriptionId(follower.name, "talk", Channel.PRIVATE), PART[ADA])
            await talk.store.commit(Unit(advance=Advance(*place, 0, "", 1, record.id, 0.0)))
            talk.gates[ADA].set()
            await asyncio.sleep(SOON)
            assert follower.state == "running"

    virtually(story())


def test_what_fails_aloud_is_no_stall() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, _, _feed):
            talk.failing = [ConnectionError("away")] * 400
            await app.send(Say(who=ADA))
            await asyncio.sleep(10 * STALL_SECONDS)
            assert set(talk.said) == {"retrying", "paused"}

    virtually(story())


def test_neither_rest_nor_long_work_is_a_stall() -> None:
    async def slowly(wait: Callable[[], Awaitable[Any]]) -> None:
        await asyncio.sleep(10.0)

    async def story() -> None:
        talk = Talk(wrap=slowly)
        async with talk.running() as (app, follower, _):
            for _ in range(2):
                await asyncio.sleep(2 * STALL_SECONDS)
                for _ in range(20):
                    await app.send(Say(who=ADA))
                await asyncio.sleep(20 * 10.0 + SOON)
            assert (follower.position(PART[ADA]), talk.said) == (40, [])

    virtually(story())


def test_a_letter_that_hangs_holds_up_no_sign_of_life_and_is_given_up() -> None:
    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, follower, _):
            talk.failing = [ValueError("poison")] * 3
            await app.send(Say(who=ADA))
            await asyncio.sleep(SOON)
            talk.wrap = ignoring
            await talk.store.retry(follower.name, ADA, 0.0)
            await asyncio.sleep(HANDLER_SECONDS)
            ((before, _),) = (await talk.store.beats()).values()
            await asyncio.sleep(STALL_SECONDS - HANDLER_SECONDS + SOON)
            assert follower.state == "stalled"
            ((after, _),) = (await talk.store.beats()).values()
            assert after > before
            assert talk.entered == [ADA] * 5, "it was given up and is tried again"
            talk.gates[ADA].set()
            await asyncio.sleep(SOON)
            assert (follower.state, await talk.store.parked(), talk.said[-1]) == ("running", [], "resumed")

    virtually(story())


class Hung(MemoryStore):
    """Answers nothing any more, once it hangs."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False

    async def _answer(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()

    async def beat(self, process: str, at: float, body: str) -> None:
        await self._answer()
        await super().beat(process, at, body)

    async def checkpoints(self, subscription: SubscriptionId) -> Mapping[int, Checkpoint]:
        await self._answer()
        return await super().checkpoints(subscription)

    async def prune(self, *, beats: float, outcomes: float, tombstones: float, limit: int) -> int:
        await self._answer()
        return await super().prune(beats=beats, outcomes=outcomes, tombstones=tombstones, limit=limit)


def test_a_store_that_hangs_keeps_nothing_from_the_others() -> None:
    async def story() -> None:
        model, ports = System("two", contexts=[Context("one"), Context("other")]).model(), Ports(LoopClock())
        hung, well = Hung(), MemoryStore()
        runtime = Host(model, {"one": hung, "other": well}, ports)
        await runtime.start()
        hung.hangs = True
        await well.beat("gone", LoopClock().seconds() - 2 * 86_400.0, "[]")
        await asyncio.sleep(300.0)
        ((at, _),) = (await well.beats()).values()
        assert LoopClock().seconds() - at <= BEAT + SOON, "a sign of life is given, and what is old is deleted"
        hung.hangs = False
        await runtime.stop()

    virtually(story())


def test_the_source_may_have_more_partitions_than_the_consumer() -> None:
    async def story() -> None:
        source = MemoryStore(partitions=64)
        talk = Talk(source=source)
        async with talk.running() as (_, follower, _feed):
            talk.gates[ADA].set()
            talk.failing = [ValueError("poison")] * 3
            for number in range(3):
                said = Entry(Channel.PRIVATE, ADA, f"m{number}", "talk.Said", 1, 0.0, "{}", b'{"who":"ada"}')
                await source.commit(Unit(entries=[said]))
                await asyncio.sleep(SOON)
            (row,) = await talk.store.parked()
            assert (row.part, row.letters) == (partition_of(ADA, 64), 3)
            await talk.store.retry(follower.name, ADA, 0.0)
            await asyncio.sleep(SOON)
            assert (await talk.store.parked(), talk.entered) == ([], [ADA] * 6)

    virtually(story())
