"""The effect of a relay: the messages of a context's log are brought to the event channel.

The checkpoint stands in the context's own store, and moves over what the channel has confirmed. A relay that dies, or
runs twice, publishes messages again: the channel refuses what it has, or whoever listens does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from remit.errors import ChannelError, RemitError, StoreError, Unavailable
from remit.log import MessageRecord, SubscriptionId, trace_of
from remit.runtime.events import MessagesPublished
from remit.runtime.failures import backoff, storable, told
from remit.runtime.following.effect import Effect
from remit.runtime.following.ending import end
from remit.runtime.following.follower import Follower, always
from remit.runtime.following.lane import Lane
from remit.runtime.following.states import State
from remit.runtime.following.troubles import Troubles
from remit.runtime.listeners import Listeners
from remit.runtime.ports import Ports
from remit.stores import Advance, Store, Unit
from remit.transports import EventChannel
from remit.transports.store_feed import StoreFeed

PAGE = 500
"""Messages published between two moves of a checkpoint, at most."""
LONGEST = 4
"""Failures after which the pause grows no longer (some 3 s): to ask a channel that has no connection costs nothing."""


def relay(
    id: SubscriptionId,
    store: Store,
    events: EventChannel,
    ports: Ports,
    listeners: Listeners,
    held: Callable[[], bool] = always,
) -> Follower:
    """Publishes one channel of a context's log. `id` names both, and the checkpoint: `billing.relay:nats`."""
    feed = StoreFeed(id.source, id.channel, store)
    publishing = Publishing(id, store, events, ports, listeners)
    return Follower(id, store, feed, publishing, ports, listeners, ports.clock.seconds, held)


class Publishing(Effect):
    """Publishes what comes next while the checkpoint moves over what came before, as long as more is known to come."""

    doing = "publishing"
    may_miss = True

    def __init__(
        self, id: SubscriptionId, store: Store, events: EventChannel, ports: Ports, listeners: Listeners
    ) -> None:
        self._id = id
        self._store = store
        self._events = events
        self._ports = ports
        self._listeners = listeners
        self._moves: dict[int, asyncio.Task[None]] = {}
        self._ending = False

    def start(self, troubles: Troubles) -> None:
        self._moves.clear()
        self._ending = False

    async def prepare(self) -> None:
        await self._events.prepare(self._id.source, self._id.channel)

    def limit(self, lane: Lane) -> int:
        return PAGE

    async def do(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        (name, source, channel), stood = self._id, (lane.pos, lane.id)
        begun = self._listeners.ticks()
        count = await self._events.publish(source, channel, records)
        if count == 0:
            raise Unavailable("the channel confirmed nothing", where=f"{source}, partition {lane.part}")
        last = records[count - 1]
        if self._listeners.published is not None:
            now, seconds = self._listeners.seconds(), self._listeners.ticks() - begun
            self._listeners.published(
                MessagesPublished(now, trace_of(last), name, source, lane.part, last.pos, count, seconds)
            )
        await self._moved(lane)
        self._moves[lane.part] = asyncio.create_task(self._move(lane, stood, last), name=f"{name} checkpoint")
        if self._ending or last.pos >= lane.head:
            await self._moved(lane)
        return last

    async def _move(self, lane: Lane, stood: tuple[int, str], last: MessageRecord) -> None:
        move = Advance(self._id, lane.part, *stood, last.pos, last.id, self._ports.clock.seconds())
        await self._store.commit(Unit(advance=move))
        lane.stored = last.pos, last.id

    async def _moved(self, lane: Lane) -> None:
        if (move := self._moves.pop(lane.part, None)) is not None:
            await move

    def trouble(self, error: Exception, failures: int) -> tuple[State, str]:
        state: State = "stalled" if isinstance(error, (ChannelError, StoreError)) else "paused"
        return state, storable(error.what) if isinstance(error, RemitError) else told(error)

    async def pause(self, error: Exception, failures: int) -> None:
        await asyncio.sleep(backoff(min(failures - 1, LONGEST), self._ports.random))

    async def stop(self, drain: float) -> None:
        self._ending = True
        moves = list(self._moves.values())
        await end(moves, moves, drain)
        await asyncio.gather(*moves, return_exceptions=True)  # what has failed will be published again
