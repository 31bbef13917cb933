"""A subscription that only hears of messages, and cannot read them: what is pushed is all there is."""

from __future__ import annotations

import asyncio

import pytest

from remit.log import Channel, SubscriptionId
from remit.runtime.following import handling
from remit.runtime.following.handling import BATCH
from remit.runtime.following.lane import PUSHED
from remit.stores import Advance, Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.pushed import CLOCK, PushOnly, listening
from tests.runtime.talk import until


async def test_the_next_push_is_taken_also_when_nothing_else_has_room() -> None:
    """Pushed backwards, so many that not all are kept: the next one is, whenever it comes."""
    feed = PushOnly()
    last = PUSHED + 20
    async with listening(feed, MemoryStore(partitions=1)) as heard:
        for pos in range(last, 1, -1):
            feed.push(pos)
        for pos in range(1, last - PUSHED + 1):
            feed.push(pos)
            await until(lambda: pos in feed.done)  # noqa: B023  # waited for within this round
        await until(lambda: last in feed.done)
    assert heard == list(range(1, last + 1))
    assert sorted(feed.done) == list(range(1, last + 1))


async def test_what_another_process_has_handled_is_not_waited_for() -> None:
    """The first messages went to a process that is gone; the later ones come to this one."""
    feed, store = PushOnly(), MemoryStore(partitions=1)
    async with listening(feed, store) as heard:
        await store.commit(
            Unit(advance=Advance(SubscriptionId("talk.hear", "talk", Channel.PRIVATE), 0, 0, "", 2, "m2", CLOCK))
        )
        feed.push(3)
        await asyncio.wait_for(until(lambda: 3 in feed.done), 5.0)
    assert heard == [3]


class Counted(MemoryStore):
    """Counts the transactions that moved a checkpoint."""

    moved = 0

    async def commit(self, unit: Unit) -> None:
        self.moved += unit.advance is not None and bool(unit.advance.subscription.source)  # or it is a note
        await super().commit(unit)


async def test_pushed_messages_in_a_row_are_handled_in_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "BATCH_SECONDS", 60.0)  # however busy the machine is
    feed, store = PushOnly(), Counted(partitions=1)
    async with listening(feed, store) as heard:
        for pos in range(1, BATCH + 1):
            feed.push(pos)
        await until(lambda: len(feed.done) == BATCH)
    assert heard == list(range(1, BATCH + 1))
    assert store.moved == 1


async def test_a_pushed_message_that_does_not_fit_is_dropped() -> None:
    feed = PushOnly()
    async with listening(feed, MemoryStore(partitions=1)) as heard:
        feed.push(1)
        await until(lambda: feed.done == [1])
        feed.push(2, before="another")
        feed.push(3)
        feed.push(2)
        await until(lambda: feed.done == [1, 2, 3])
    assert heard == [1, 2, 3]
