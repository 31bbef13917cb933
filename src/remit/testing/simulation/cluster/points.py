"""All points where tasks wait, and what may happen at one of them."""

from __future__ import annotations

from asyncio import Task
from collections.abc import Coroutine, Generator
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from types import CoroutineType
from typing import Any, Literal

import remit

__all__ = ["Kind", "Place", "Points", "Strike", "WatchedTask"]

_ROOT = str(Path(remit.__file__).parent)
_TESTING = str(Path(_ROOT, "testing"))

Kind = Literal["crash", "stop", "cancel"]
Place = tuple[str, ...]
"""The waiting functions, outermost first, each with the line where it waits: `file:function:line`."""


@dataclass(frozen=True)
class Strike:
    """What happens at one point of a run."""

    point: int
    """The number of the point, from 0. Only points in the code of `remit` count."""
    place: Place
    """Its place. If another place is found there, the run is not the one that was recorded."""
    kind: Kind
    """The task's process crashes or stops in order, or the task is cancelled."""


@dataclass
class Points:
    """The points of a run in order, and the strike at one of them."""

    strike: Strike | None = None
    places: list[Place] = field(default_factory=list[Place])
    """The place of each point."""
    cancellable: list[bool] = field(default_factory=list[bool])
    """Whether other code could cancel the task there: its caller, or the time limit of a handler."""
    due: WatchedTask | None = None
    """The task that has reached the strike's point, until `take`."""

    def of(self, coroutine: Coroutine[Any, Any, Any]) -> WatchedTask:
        """The same work, observed."""
        return WatchedTask(coroutine, self)

    def take(self) -> WatchedTask | None:
        """The task that has reached the strike's point; returned once."""
        due, self.due = self.due, None
        return due

    @property
    def missed(self) -> str:
        """Describes a strike that did not find its place; otherwise empty."""
        if self.strike is None:
            return ""
        found = self.places[self.strike.point : self.strike.point + 1]
        if found == [self.strike.place]:
            return ""
        return f"point {self.strike.point} is not {' > '.join(self.strike.place)}, it is {found}"

    def came(self, waiting: WatchedTask) -> None:
        """A task begins to wait."""
        place = place_of(waiting.work)
        if not place:
            return
        if self.strike is not None and self.strike.point == len(self.places):
            self.due = waiting
        self.places.append(place)
        self.cancellable.append(any("work/unit.py:run:" in each or "runtime/calling/" in each for each in place))


def place_of(work: object) -> Place:
    """The place where a coroutine waits in the code of `remit`; empty if no such code waits."""
    place: list[str] = []
    while isinstance(work, CoroutineType):
        frame = work.cr_frame
        if frame is None:
            break
        file = frame.f_code.co_filename
        if file.startswith(_ROOT) and not file.startswith(_TESTING):
            place.append(f"{file[len(_ROOT) + 1 :]}:{frame.f_code.co_name}:{frame.f_lineno}")
        work = work.cr_await
    return tuple(place)


class WatchedTask(Coroutine[Any, Any, Any]):
    """The work of a task; reports each time that it waits."""

    def __init__(self, work: Coroutine[Any, Any, Any], points: Points) -> None:
        self.work = work
        self.task: Task[Any] | None = None
        self.context: Context | None = None
        self._points = points
        self.__qualname__ = getattr(work, "__qualname__", type(work).__qualname__)
        self.__name__ = self.__qualname__

    def send(self, value: Any, /) -> Any:
        given = self.work.send(value)
        self._points.came(self)
        return given

    def throw(self, *error: Any) -> Any:
        given = self.work.throw(*error)
        self._points.came(self)
        return given

    def close(self) -> None:
        self.work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.work.__await__()
