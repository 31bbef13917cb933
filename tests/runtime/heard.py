"""What happens in a process, kept for a test to look at: as it was said, and as a log would say it."""

from __future__ import annotations

from typing import TypeVar

from remit.observability import Line, line_of
from remit.runtime import Listeners, RuntimeEvent, SystemClock

E = TypeVar("E", bound=RuntimeEvent)


class Heard(list[Line]):
    """A listener for everything, which keeps it; the list is what is logged of it."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[RuntimeEvent] = []

    def __call__(self, event: RuntimeEvent) -> None:
        self.events.append(event)
        line = line_of(event)
        if line is not None:
            self.append(line)

    def of(self, kind: type[E]) -> list[E]:
        """What has happened of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def words(self) -> list[str]:
        """What is logged, in one word each."""
        return [line.word for line in self]

    def listeners(self) -> Listeners:
        """The port of a process in which nobody else listens."""
        return Listeners([self], SystemClock())


NOBODY = Listeners([], SystemClock())
"""The port of a process in which nobody listens."""
