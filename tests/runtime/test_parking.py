"""However many keys are parked: who is asked for them, and how those that are due are found."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from remit.runtime.parking import KEYS
from remit.stores import PRIVATE, Entry, Park, Record, Unit
from remit.stores.memory import MemoryStore
from tests.runtime.talk import ADA, PART, ZOE, Say, Talk, virtually

SOON = 2.0
"""Seconds within which a message is handled, and a key that is due is tried."""


class Asked(MemoryStore):
    """Counts how often it is asked which keys are parked."""

    asked = 0

    async def parked_among(
        self, subscription: str, source: str, channel: int, part: int, keys: Collection[str]
    ) -> Collection[str] | None:
        self.asked += 1
        return await super().parked_among(subscription, source, channel, part, keys)


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


def test_beside_parked_keys_each_other_key_is_asked_for_once() -> None:
    async def story() -> None:
        store, source = Asked(partitions=1), MemoryStore(partitions=1)
        talk = Talk(store, source=source)
        async with talk.running() as (_, follower, _feed):
            talk.gates[ADA].set()

            async def hear(key: str) -> int:
                before = store.asked
                said = Entry(PRIVATE, key, f"m{follower.handled}{key}", "talk.Said", 1, 0.0, "{}", b'{"who":"ada"}')
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
                record = Record(0, 1, f"m{number}", "", f"k{number}", "talk.Said", 1, 0.0, "{}", b'{"who":"ada"}')
                parks.append(Park(follower.name, "talk", PRIVATE, record.key, record, 0.0, "broken", 0.0))
            await store.commit(Unit(parks=parks))
            await asyncio.sleep(0.9)  # one look, not two
            assert await store.parked() == []
            assert len(talk.entered) == len(parks)

    virtually(story())
