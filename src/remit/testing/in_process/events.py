"""Events within one process, over a broker in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from remit.errors import Unavailable
from remit.log import Channel, MessageRecord
from remit.transports.events import EventCapabilities
from remit.transports.port import Push

_Place = tuple[str, int]
_Bell = Callable[[Push | None], None]


class InProcessBroker:
    """Shared by several `InProcessEvents`. It can be stopped and started; `wipe` deletes all messages."""

    def __init__(self) -> None:
        self.streams: dict[_Place, list[MessageRecord]] = defaultdict(list[MessageRecord])
        self._tails: dict[tuple[_Place, int], int] = {}
        self._bells: dict[_Place, list[_Bell]] = defaultdict(list[_Bell])
        self._running = True

    def stop(self) -> None:
        """From now on nothing can be published, and nothing arrives."""
        self._running = False

    def start(self) -> None:
        """Starts again, and tells all listeners that messages may have been lost."""
        self._running = True
        for bells in list(self._bells.values()):
            for bell in list(bells):
                bell(None)

    def wipe(self) -> None:
        """Deletes all messages."""
        self.streams.clear()
        self._tails.clear()

    def listen(self, place: _Place, bell: _Bell) -> Callable[[], None]:
        self._bells[place].append(bell)

        def end() -> None:
            if bell in self._bells[place]:
                self._bells[place].remove(bell)

        return end

    def check(self) -> None:
        """Raises `Unavailable` while it is stopped."""
        if not self._running:
            raise Unavailable("the broker is stopped")

    def publish(self, place: _Place, record: MessageRecord, max_bytes: int) -> None:
        """Takes a message, unless it or a later one of its partition was taken before."""
        if record.pos <= self._tails.get((place, record.part), 0):
            return
        self._tails[place, record.part] = record.pos
        self.streams[place].append(record)
        for bell in list(self._bells[place]):
            bell(Push(record) if len(record.payload) <= max_bytes else None)


class InProcessEvents:
    """An event channel over a broker in memory."""

    def __init__(self, broker: InProcessBroker) -> None:
        self.capabilities = EventCapabilities(durable=False, fenced=True, max_bytes=1 << 20)
        self._broker = broker
        self._ends: list[Callable[[], None]] = []
        self._closed = False

    async def open(self) -> None:
        """Does nothing."""

    async def close(self) -> None:
        self._closed = True
        for end in self._ends:
            end()

    async def prepare(self, source: str, channel: Channel) -> None:
        self._check()

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        self._check()
        for record in records:
            self._broker.publish((source, channel), record, self.capabilities.max_bytes)
        return len(records)

    def _check(self) -> None:
        if self._closed:
            raise Unavailable("the channel is closed")
        self._broker.check()

    async def listen(self, source: str, channel: Channel, bell: _Bell) -> Callable[[], None]:
        end = self._broker.listen((source, channel), bell)
        self._ends.append(end)
        return end
