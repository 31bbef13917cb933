"""The effect of a relay: publishes the messages of a context's log to the event channel.

The checkpoint is in the context's own store, and moves past what the channel has confirmed. A relay that crashes or
runs twice publishes messages again; the channel or the listeners drop the duplicates.
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
"""The most messages published between two moves of a checkpoint."""
LONGEST = 4
"""After this many failures the pause no longer grows (about 3 s): a channel without a connection is cheap to ask."""


def relay(
    id: SubscriptionId,
    store: Store,
    events: EventChannel,
    ports: Ports,
    listeners: Listeners,
    held: Callable[[], bool] = always,
) -> Follower:
    """Creates the follower that publishes one channel of a context's log. `id` names source, channel and checkpoint:
    `billing.relay:nats`."""
    feed = StoreFeed(id.source, id.channel, store)
    publishing = Publishing(id, store, events, ports, listeners)
    return Follower(id, store, feed, publishing, ports, listeners, ports.clock.seconds, held)


class Publishing(Effect):
    """Publishes messages while the checkpoint moves past the ones before, as long as more are known to come."""

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
            raise Unavailable(
                "the channel confirmed nothing", where=f"{source}, partition {lane.part}",
                expected="at least one message confirmed", next="look at the broker; the relay tries again by itself",
            )  # fmt: skip
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
        await asyncio.gather(*moves, return_exceptions=True)  # after a failed move the messages are published again
