"""Every point at which a task waits, and what may happen at exactly that point."""

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
"""The functions that wait for one another, outermost first, each with the line it waits in: `file:function:line`."""


@dataclass(frozen=True)
class Strike:
    """What happens at one point of a run."""

    point: int
    """Which one, counted from 0: a task comes to wait in the code of `remit`."""
    place: Place
    """Where that is: with anything else there, the run is not the one that was looked at."""
    kind: Kind
    """The process of the task crashes, or ends in good order; or the task is cancelled."""


@dataclass
class Points:
    """The points of a run, as they come, and the one at which something happens."""

    strike: Strike | None = None
    places: list[Place] = field(default_factory=list[Place])
    """Where each task waited, by point."""
    cancellable: list[bool] = field(default_factory=list[bool])
    """Whether somebody else could cancel the task there: its caller, or the time limit of a handler."""
    due: WatchedTask | None = None
    """The one that has come to the point, until somebody has seen to it."""

    def of(self, coroutine: Coroutine[Any, Any, Any]) -> WatchedTask:
        """The same work, observed."""
        return WatchedTask(coroutine, self)

    def take(self) -> WatchedTask | None:
        """The one that has come to the point, once."""
        due, self.due = self.due, None
        return due

    @property
    def missed(self) -> str:
        """What is wrong when the strike did not find its place; empty when it did, or when there is none."""
        if self.strike is None:
            return ""
        found = self.places[self.strike.point : self.strike.point + 1]
        if found == [self.strike.place]:
            return ""
        return f"point {self.strike.point} is not {' > '.join(self.strike.place)}, it is {found}"

    def came(self, waiting: WatchedTask) -> None:
        """A task waits now."""
        place = place_of(waiting.work)
        if not place:
            return
        if self.strike is not None and self.strike.point == len(self.places):
            self.due = waiting
        self.places.append(place)
        self.cancellable.append(any("work/unit.py:run:" in each or "runtime/calling/" in each for each in place))


def place_of(work: object) -> Place:
    """Where in the code of `remit` a coroutine waits; empty where only others' code does."""
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
    """The work of a task, which tells each time that it waits."""

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
