"""A faulty network: calls are lost, late or repeated, and events arrive in any order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial

from remit.errors import OutcomeUnknown, Unavailable
from remit.log import Channel, MessageRecord, SubscriptionId
from remit.testing.in_process.calls import Exchange, InProcessCalls
from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.nodes import Incarnation
from remit.transports import Answering, CallRequest, CallResponse, Push
from remit.transports.events import EventCapabilities

__all__ = ["HostileCalls", "HostileEvents", "Network", "Queue"]

_Bell = Callable[[Push | None], None]
_Listener = tuple[Incarnation, _Bell]
_Place = tuple[str, Channel]


def _nothing() -> None:
    """Does nothing when a message was handled."""


class LiveListeners:
    """The listeners of processes that have not crashed."""

    def __init__(self) -> None:
        self._bells: list[_Listener] = []

    def add(self, incarnation: Incarnation, bell: _Bell) -> Callable[[], None]:
        """Adds a listener. Call the result to remove it."""
        listener = (incarnation, bell)
        self._bells = [*self.living(), listener]

        def end() -> None:
            if listener in self._bells:
                self._bells.remove(listener)

        return end

    def living(self) -> list[_Listener]:
        return [each for each in self._bells if not each[0].dead]


@dataclass
class Queue:
    """The messages that the broker keeps for one subscription until they are handled, and the subscription's
    processes."""

    kept: dict[tuple[int, int], MessageRecord] = field(default_factory=dict[tuple[int, int], MessageRecord])
    listeners: LiveListeners = field(default_factory=LiveListeners)


class Network:
    """Outlives all processes: the servers of all addresses, and a broker that refuses what it has.

    The broker keeps messages only for subscriptions with a queue.
    """

    def __init__(self, choices: Choices) -> None:
        self.exchange = Exchange()
        self._choices = choices
        self._tails: dict[tuple[_Place, int], int] = {}
        self._listeners: dict[_Place, LiveListeners] = defaultdict(LiveListeners)
        self._queues: dict[SubscriptionId, Queue] = defaultdict(Queue)

    def queue(self, subscription: SubscriptionId) -> Queue:
        """The queue of a subscription, created on first use."""
        return self._queues[subscription]

    def listen(self, place: _Place, incarnation: Incarnation, bell: _Bell) -> Callable[[], None]:
        return self._listeners[place].add(incarnation, bell)

    def is_known(self, place: _Place, record: MessageRecord) -> bool:
        """Whether this message, or a later one, was published before."""
        return record.pos <= self._tails.get((place, record.part), 0)

    def take(self, place: _Place, record: MessageRecord) -> None:
        """Takes a published message, and may deliver it to all listeners."""
        if self._choices.chance("broker wiped", 10):
            self._tails.clear()
        if self.is_known(place, record):
            return
        self._tails[place, record.part] = record.pos
        for listener in self._listeners[place].living():
            self._deliver(listener, record)
        for (_, *followed), queue in self._queues.items():
            if (*followed,) == place:
                queue.kept[record.part, record.pos] = record
                self._keep(queue, record)

    def _deliver(self, listener: _Listener, record: MessageRecord) -> None:
        choices = self._choices
        if record.pos == 1 and choices.chance("first forged", 250):  # comes before the first one, or never matters
            self._ring(listener, _forged(record), 0.0)
        if choices.chance("push forged", 30):
            self._ring(listener, _forged_elsewhere(choices, record), choices.delay("push", 1.0))
        self._bring(listener, record, _nothing)

    def _bring(self, listener: _Listener, record: MessageRecord, done: Callable[[], None]) -> None:
        """Delivers a message once, twice, much later, or never."""
        choices = self._choices
        copies = 0 if choices.chance("push lost", 150) else 1 + choices.chance("push doubled", 100)
        delays = [choices.delay("push", 1.0) for _ in range(copies)]
        if choices.chance("push much later", 40):
            delays.append(10.0 + choices.delay("push", 10.0))
        for delay in delays:
            self._ring(listener, record, delay, done)

    @staticmethod
    def _ring(listener: _Listener, record: MessageRecord, delay: float, done: Callable[[], None] = _nothing) -> None:
        incarnation, bell = listener
        asyncio.get_running_loop().call_later(delay, bell, Push(record, done), context=incarnation.context)

    def _keep(self, queue: Queue, record: MessageRecord) -> None:
        """Delivers a message to a process of the subscription, repeatedly until it is handled."""
        if (record.part, record.pos) not in queue.kept:
            return
        if listening := queue.listeners.living():
            listener = listening[self._choices.draw("listener", len(listening))]
            self._bring(listener, record, partial(self._done, queue, record))
        delay = 1.0 + self._choices.delay("redelivery", 2.0)
        asyncio.get_running_loop().call_later(delay, self._keep, queue, record, context=Context())

    def _done(self, queue: Queue, record: MessageRecord) -> None:
        if not self._choices.chance("done lost", 50):
            queue.kept.pop((record.part, record.pos), None)


def _forged(record: MessageRecord, prev: str = "") -> MessageRecord:
    """A foreign message at the place of a message."""
    return record._replace(id="forged", prev=prev, key="c0", payload=b"{}")


def _forged_elsewhere(choices: Choices, record: MessageRecord) -> MessageRecord:
    """A foreign message: at the same place, far beyond, in an unknown partition, or as the first of a partition."""
    kind = choices.draw("forged", 4)
    if kind == 3:
        return _forged(record)._replace(pos=1, part=choices.draw("part", 2))
    forged = _forged(record, "nobody")
    return forged._replace(pos=record.pos + (0, 1, 1000)[kind], part=record.part + 7 * (kind == 2))


class HostileCalls:
    """The call channel of one process. A request or its response arrives once, again, late, or never."""

    def __init__(self, network: Network, incarnation: Incarnation, choices: Choices) -> None:
        self._network = network
        self._channel = InProcessCalls(network.exchange)
        self._incarnation = incarnation
        self._choices = choices
        self.capabilities = self._channel.capabilities
        self.open = self._channel.open
        self.close = self._channel.close
        incarnation.at_end = self._channel.break_off

    async def serve(self, address: str, answering: Answering) -> None:
        await self._channel.serve(address, answering)

    async def call(self, address: str, request: CallRequest, seconds: float) -> CallResponse:
        choices, loop = self._choices, asyncio.get_running_loop()
        end = loop.time() + seconds
        await asyncio.sleep(choices.delay("travel", 0.05))
        if choices.chance("call refused", 15):
            raise Unavailable("simulated: no connection", where=address)
        if choices.chance("request late", 10):
            self._send_by_itself(address, request, seconds)
            raise OutcomeUnknown("simulated: the connection broke", where=address)
        if choices.chance("request lost", 10):
            await asyncio.sleep(end - loop.time())
            raise OutcomeUnknown("simulated: no answer", where=address)
        answer = await self._channel.call(address, request, max(0.0, end - loop.time()))
        if choices.chance("answer lost", 20):
            raise OutcomeUnknown("simulated: the connection broke before the answer", where=address)
        # Not for an error that tells that nothing was changed: no channel can keep that promise for its caller.
        if answer.status == "ok" and choices.chance("request again", 30):
            self._send_by_itself(address, request, seconds)
        await asyncio.sleep(choices.delay("travel", 0.05))
        return answer

    def _send_by_itself(self, address: str, request: CallRequest, seconds: float) -> None:
        """Delivers a request some time later, whatever happens to its sender."""
        delay = self._choices.delay("on the way", 5.0)
        # In an empty context: a request under way survives the crash of its sender.
        asyncio.get_running_loop().call_later(delay, self._arrive, address, request, seconds, context=Context())

    def _arrive(self, address: str, request: CallRequest, seconds: float) -> None:
        asyncio.ensure_future(self._deliver(address, request, seconds))  # noqa: RUF006  # the loop keeps its tasks

    async def _deliver(self, address: str, request: CallRequest, seconds: float) -> None:
        channel = InProcessCalls(self._network.exchange)
        try:
            await channel.call(address, request, seconds)
        except (Unavailable, OutcomeUnknown):
            return  # no caller waits for the response


class HostileEvents:
    """The event channel of one process. Publishing may be refused, or succeed without a confirmation."""

    def __init__(self, network: Network, incarnation: Incarnation, choices: Choices) -> None:
        self.capabilities = EventCapabilities(durable=False, fenced=True, max_bytes=1 << 20)
        self._network = network
        self._incarnation = incarnation
        self._choices = choices

    async def open(self) -> None:
        """Does nothing."""

    async def close(self) -> None:
        """Does nothing."""

    async def prepare(self, source: str, channel: Channel) -> None:
        await self._travel("prepare refused")

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        for number, record in enumerate(records):
            if number and self._choices.chance("publish cut short", 30):
                return number
            await self._travel("publish refused")
            self._network.take((source, channel), record)
        await self._travel("confirm lost")
        return len(records)

    async def listen(self, source: str, channel: Channel, bell: _Bell) -> Callable[[], None]:
        await self._travel("listen refused")
        return self._network.listen((source, channel), self._incarnation, bell)

    async def _travel(self, site: str) -> None:
        await asyncio.sleep(self._choices.delay(site, 0.05))
        if self._choices.chance(site, 60):
            raise Unavailable("simulated: the broker is not there")
