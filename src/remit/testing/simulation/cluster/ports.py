"""The clock, machine and identities of a simulated process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from remit.runtime import SystemClock
from remit.testing.simulation.cluster.nodes import Incarnation

__all__ = ["CountedIds", "SharedMachine", "VirtualClock"]

_EPOCH = 1_700_000_000.0


class VirtualClock(SystemClock):
    """The time of the loop, possibly wrong by some seconds."""

    def __init__(self, time: Callable[[], float], skew: float) -> None:
        self._time = time
        self._skew = skew

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def seconds(self) -> float:
        return _EPOCH + self._time() + self._skew

    def ticks(self) -> float:
        return self._time()


class SharedMachine:
    """Sees which incarnations on it have ended. `lives` maps their names in the stores to incarnations."""

    def __init__(self, lives: dict[str, Incarnation], incarnation: Incarnation) -> None:
        self._lives = lives
        self._incarnation = incarnation

    def name(self, id: str) -> str:
        self._lives[id] = self._incarnation
        return id

    def left(self, name: str) -> None:
        """Does nothing: a name that was left is not asked for again."""

    def is_gone(self, name: str) -> bool:
        return name in self._lives and self._lives[name].dead


class CountedIds:
    """Identities that contain the name of the incarnation that makes them."""

    def __init__(self, name: str) -> None:
        self._name = name.replace(".", "x")
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return f"{self._name}{self._count:06d}"
