"""A subscription that follows its own context: how fast, and how soon after its start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count

from remit import Aggregate, Context, DomainEvent, Repository, System
from remit.log import Channel, Checkpoint, SubscriptionId
from remit.runtime import Host, Ports
from remit.stores import Entry, Store, Unit

__all__ = ["FOLLOWED", "Following", "following"]

FOLLOWED = SubscriptionId("billing.note", "billing", Channel.PRIVATE)
"""The subscription, its source and the channel."""
KEYS = 2000
"""Keys of the messages, none of which is parked."""
_numbers = count()


class Noted(DomainEvent):
    who: str


class Note(Aggregate[str]):
    times: int = 0


def _system() -> System:
    billing = Context("billing")

    @billing.react(Noted)
    async def note(event: Noted, notes: Repository[Note]) -> None:
        (await notes.obtain(event.who)).times += 1

    return System("size", contexts=[billing])


class Following:
    """The subscription while it runs."""

    def __init__(self, runtime: Host, store: Store) -> None:
        self._subscription = runtime.subscriptions[0]
        self._store = store

    async def follow(self, messages: int) -> float:
        """Messages that it handles in a second, if there are so many at once."""
        names = [next(_numbers) for _ in range(messages)]
        entries = [
            Entry(
                Channel.PRIVATE,
                f"n{n % KEYS}",
                f"n{n}",
                "billing.Noted",
                1,
                time.time(),
                "{}",
                b'{"who":"n%d"}' % (n % KEYS),
            )
            for n in names
        ]
        begun, before = time.monotonic(), self._subscription.handled
        await self._store.commit(Unit(entries=entries))
        while self._subscription.handled - before < messages:
            assert time.monotonic() - begun < 120.0, self._subscription.note
            await asyncio.sleep(0.002)
        return round(messages / (time.monotonic() - begun), 1)


@asynccontextmanager
async def following(store: Store, started: Callable[[float], None]) -> AsyncGenerator[Following]:
    """Runs the subscription from the end of the log on. `store` is opened and closed; `started` hears in how many
    seconds it was ready."""
    model, ports = _system().model(), Ports()
    await store.open()
    await store.place(FOLLOWED, await _ends(store))
    runtime = Host(model, {"billing": store}, ports)
    begun = time.monotonic()
    await runtime.start()
    try:
        following = Following(runtime, store)
        await following.follow(1)
        started(round(time.monotonic() - begun, 3))
        yield following
    finally:
        await runtime.stop()


async def _ends(store: Store) -> Mapping[int, Checkpoint]:
    """Where the log ends, by partition."""
    heads = await store.heads(Channel.PRIVATE)
    last = {part: await store.read(Channel.PRIVATE, part, pos - 1, 1) for part, (pos, _) in heads.items()}
    return {part: Checkpoint(record.pos, record.id, record.at) for part, (record,) in last.items()}
