"""However many keys are parked: who is asked for them, and how those that are due are found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from math import inf

import pytest

from remit.log import Channel, MessageRecord, SubscriptionId, blank
from remit.runtime.failures import ATTEMPTS, told
from remit.runtime.following.parking import KEYS, PASSING_SECONDS, SIDE_BY_SIDE
from remit.stores import Entry, Park, Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import ADA, PART, ZOE, Say, Talk, virtually

DUE_AT_ONCE = 0.0

SOON = 2.0
"""Seconds within which a message is handled, and a key that is due is tried."""


class Asked(MemoryStore):
    """Counts how often it is asked which keys are parked."""

    asked = 0

    async def parked_among(
        self, subscription: SubscriptionId, part: int, keys: Collection[str]
    ) -> Collection[str] | None:
        self.asked += 1
        return await super().parked_among(subscription, part, keys)


def test_where_no_key_is_parked_nobody_is_asked() -> None:
    async def story() -> None:
        store = Asked(partitions=2)
        talk = Talk(store)

        async def say(who: str) -> int:
            """How often it is asked while that is handled."""
            before = store.asked
            await app.send(Say(who=who))
            await asyncio.sleep(SOON)
            return store.asked - before

        async with talk.running() as (app, follower, _):
            talk.gates[ADA].set()
            talk.gates[ZOE].set()
            assert await say(ADA) == 1, "at first it is not known"
            assert (await say(ADA), await say(ADA)) == (0, 0)
            talk.failing = [ValueError("poison")] * 3
            await say(ADA)
            assert [await say(ADA) for _ in range(3)] == [1, 1, 1], "it may have been freed"
            assert (await say(ZOE), await say(ZOE)) == (1, 0), "another partition"
            await store.retry(follower.name, None, 0.0)
            await asyncio.sleep(SOON)
            assert await store.parked() == []
            assert (await say(ADA), await say(ADA)) == (1, 0)
            assert follower.position(PART[ADA]) == 9

    virtually(story())


def test_a_blank_message_waits_for_no_parked_key() -> None:
    """A source gives it to a follower who may not read it. It has no ordering key, and a message may have an empty
    one."""

    async def story() -> None:
        talk = Talk()
        async with talk.running() as (app, follower, feed):
            record = MessageRecord(PART[ADA], 0, "r", "", "", "talk.Said", 1, 0.0, "{}", b"{}")
            await talk.store.commit(Unit(parks=[Park(follower.id, "", record, 0.0, "poison", inf)]))
            readable = feed.read

            async def read(part: int, after: int, limit: int) -> list[MessageRecord]:
                return [blank(each) for each in await readable(part, after, limit)]

            feed.read = read  # type: ignore[method-assign]  # a source that does not let it read
            await app.send(Say(who=ADA))
            await asyncio.sleep(SOON)
            assert (follower.position(PART[ADA]), talk.entered) == (1, [])
            assert [row.letters for row in await talk.store.parked()] == [1]

    virtually(story())


def test_beside_parked_keys_each_other_key_is_asked_for_once() -> None:
    async def story() -> None:
        store, source = Asked(partitions=1), MemoryStore(partitions=1)
        talk = Talk(store, source=source)
        async with talk.running() as (_, follower, _feed):
            talk.gates[ADA].set()

            async def hear(key: str) -> int:
                before = store.asked
                said = Entry(
                    Channel.PRIVATE, key, f"m{follower.handled}{key}", "talk.Said", 1, 0.0, "{}", b'{"who":"ada"}'
                )
                await source.commit(Unit(entries=[said]))
                await asyncio.sleep(SOON)
                return store.asked - before

            talk.failing = [ValueError("poison")] * 3
            await hear("parked")
            assert [await hear(key) for key in ("one", "other", "one", "parked", "other")] == [1, 1, 0, 1, 0]
            assert [(row.key, row.letters) for row in await store.parked()] == [("parked", 2)]
            talk.failing = [ValueError("poison")] * 3
            await hear("one")
            talk.entered.clear()
            assert [await hear(key) for key in ("one", "other", "one")] == [1, 0, 1], "what is parked is free no more"
            assert talk.entered == [ADA], "of the other"

    virtually(story())


def test_however_many_keys_are_due_they_are_tried_at_once() -> None:
    async def story() -> None:
        store = MemoryStore(partitions=2)
        talk = Talk(store)
        async with talk.running() as (_, follower, _feed):
            talk.gates[ADA].set()
            parks: list[Park] = []
            for number in range(3 * KEYS):
                record = MessageRecord(
                    0, 1, f"m{number}", "", f"k{number}", "talk.Said", 1, 0.0, "{}", b'{"who":"ada"}'
                )
                parks.append(
                    Park(SubscriptionId(follower.name, "talk", Channel.PRIVATE), record.key, record, 0.0, "broken", 0.0)
                )
            await store.commit(Unit(parks=parks))
            await asyncio.sleep(0.9)  # one look, not two
            assert await store.parked() == []
            assert len(talk.entered) == len(parks)

    virtually(story())


def parked(name: str, key: str, who: str, pos: int = 1) -> Park:
    """A key with a message that somebody has said something, due as soon as a person can make it."""
    record = MessageRecord(0, pos, f"m{key}{pos}", "", key, "talk.Said", 1, 0.0, "{}", b'{"who":"%s"}' % who.encode())
    return Park(SubscriptionId(name, "talk", Channel.PRIVATE), key, record, 0.0, "broken", DUE_AT_ONCE)


class Unwilling(MemoryStore):
    """Does not take that a letter has failed again."""

    refused = 0

    async def commit(self, unit: Unit) -> None:
        if unit.settle is not None and unit.settle.error:
            self.refused += 1
            raise RuntimeError("of this nobody has thought")
        await super().commit(unit)


def test_a_failure_that_cannot_be_written_down_holds_up_no_other_key() -> None:
    async def story() -> None:
        store = Unwilling(partitions=2)
        talk = Talk(store)
        async with talk.running() as (_, follower, _feed):
            talk.gates[ADA].set()
            talk.failing = [ValueError("broken still")]
            keys = [f"k{number}" for number in range(20)]
            await store.commit(Unit(parks=[parked(follower.name, key, ADA) for key in keys]))
            await asyncio.sleep(SOON)
            assert len(await store.parked()) == 1
            assert store.refused == 1, "it is left alone for a while"
            await asyncio.sleep(PASSING_SECONDS)
            assert await store.parked() == []

    virtually(story())


def test_keys_that_take_long_hold_up_no_other() -> None:
    async def story() -> None:
        store = MemoryStore(partitions=2)
        talk = Talk(store)
        async with talk.running() as (_, follower, _feed):
            talk.gates[ADA].set()
            slow = [parked(follower.name, f"slow {number}", ZOE) for number in range(SIDE_BY_SIDE - 1)]
            quick = [parked(follower.name, f"quick {number}", ADA) for number in range(20)]
            await store.commit(Unit(parks=[*slow, *quick]))
            await asyncio.sleep(SOON)
            assert {row.key for row in await store.parked()} == {park.key for park in slow}
            await store.commit(Unit(parks=[parked(follower.name, "later", ADA)]))
            await asyncio.sleep(SOON)
            assert {row.key for row in await store.parked()} == {park.key for park in slow}

    virtually(story())


def test_letters_of_one_key_are_handled_one_after_another() -> None:
    async def story() -> None:
        store = MemoryStore(partitions=2)
        talk = Talk(store)
        async with talk.running() as (_, follower, _feed):
            await store.commit(Unit(parks=[parked(follower.name, "k", who, pos) for pos, who in ((1, ZOE), (2, ADA))]))
            await asyncio.sleep(SOON)
            assert talk.entered == [ZOE]
            talk.gates[ADA].set()
            await asyncio.sleep(SOON)
            assert talk.entered == [ZOE], "it is not overtaken, nor begun twice"
            talk.gates[ZOE].set()
            await asyncio.sleep(SOON)
            assert talk.entered == [ZOE, ADA]
            assert await store.parked() == []

    virtually(story())


class Mute(Exception):
    def __str__(self) -> str:
        raise LookupError("no text")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("nul \0"), "ValueError: nul \\x00"),
        (ValueError("caf\udce9"), "ValueError: caf\\udce9"),
        (Mute(), "Mute: it has no text, because LookupError was raised for it"),
    ],
)
def test_every_error_can_be_told(error: Exception, said: str) -> None:
    assert told(error) == said
    assert len(told(ValueError("\0" * 1_000_000))) <= 500


def test_what_one_message_has_failed_makes_the_next_one_wait_no_longer() -> None:
    async def story() -> None:
        store = MemoryStore(partitions=1)
        talk = Talk(store)
        script = [*(ATTEMPTS * "-"), *"---+--+-++"]
        """How one message after the other comes out: it is handled, or fails."""

        async def play(_: Callable[[], Awaitable[object]]) -> None:
            if script.pop(0) == "-":
                raise ValueError("poison")

        talk.wrap = play
        async with talk.running() as (app, follower, _):
            for _ in range(4):
                await app.send(Say(who=ADA))
            await asyncio.sleep(SOON)
            seen: list[tuple[int, int, float]] = []
            while rows := await store.parked():
                seen += [(row.letters, row.attempts, round(row.retry_at - row.tried_at)) for row in rows]
                await store.retry(follower.name, None, DUE_AT_ONCE)
                await asyncio.sleep(SOON)
            assert seen == [
                (4, 1, 30), (4, 2, 60), (4, 3, 120), (4, 4, 240), (3, 2, 60), (3, 3, 120), (2, 2, 60)
            ]  # fmt: skip

    virtually(story())
