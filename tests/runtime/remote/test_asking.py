"""What a follower asks its source, which may be far away: nothing that it hears without asking."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from remit.log import Channel, Head, Heads, MessageRecord
from remit.runtime.remote.feeds import LOSS_SECONDS, RemoteFeed
from remit.stores.memory.store import MemoryStore
from tests.runtime.apart import apart, pay
from tests.runtime.pushed import PushOnly, listening
from tests.runtime.talk import Ear, now, on_virtual_time, until


class Asked(PushOnly):
    """Counts the questions, and has in its log what is `stored`."""

    def __init__(self) -> None:
        super().__init__()
        self.questions = 0
        self.stored: dict[int, MessageRecord] = {}

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        self.questions += 1
        return [self.stored[after + 1]] if after + 1 in self.stored else []

    async def heads(self) -> Heads:
        self.questions += 1
        return {0: Head(max(self.stored), 0.0)} if self.stored else {}


async def test_who_is_told_of_every_message_asks_for_none() -> None:
    feed = Asked()
    async with listening(feed, MemoryStore(partitions=1)) as heard:
        await until(lambda: feed.questions > 0)  # once, at the start
        before = feed.questions
        for pos in range(1, 51):
            feed.push(pos)
            await until(lambda: pos in feed.done)  # noqa: B023  # waited for within this round
        assert feed.questions == before
    assert heard == list(range(1, 51))


async def test_what_was_not_pushed_is_read_as_soon_as_a_later_message_is() -> None:
    feed = Asked()
    async with listening(feed, MemoryStore(partitions=1)) as heard:
        feed.push(1)
        await until(lambda: 1 in feed.done)
        for pos in (2, 3):
            feed.stored[pos] = feed.record(pos)
        feed.push(3)
        await until(lambda: 3 in feed.done)
    assert heard == [1, 2, 3]


async def test_a_push_that_does_not_fit_makes_the_log_be_read() -> None:
    feed = Asked()
    async with listening(feed, MemoryStore(partitions=1)) as heard:
        feed.push(1)
        await until(lambda: 1 in feed.done)
        feed.stored[2] = feed.record(2)
        feed.push(2, before="another")
        await until(lambda: heard == [1, 2])


@on_virtual_time
async def test_news_are_left_to_the_push_before_they_count_as_lost() -> None:
    async with apart() as shop:
        ear = Ear()
        feed = RemoteFeed("till", Channel.PUBLISHED, "desk", shop.desk.remote, shop.desk.host.ports, pushed=True)
        end = feed.watch(ear)
        await asyncio.sleep(7)
        begun = now()
        for _ in range(100):
            await shop.send(pay(1))
            await asyncio.sleep(LOSS_SECONDS / 20)
        last = now()
        await until(lambda: bool(ear.rung) and ear.rung[-1] >= last)
        assert now() - last <= 2 * LOSS_SECONDS + 0.1, "what was lost is read soon"
        assert len(ear.rung) <= (now() - begun) / LOSS_SECONDS + 1, "and looked for rarely"
        end()
