"""What is simulated: a system, the people who use it, and what must have come of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from remit.contexts import ContextMap
from remit.observability import KeyParked, RuntimeEvent
from remit.testing.simulation.cluster import Choices, ClusterDoor, Poison, Weather
from remit.testing.simulation.judges import Files, Verdict

__all__ = ["Workload"]


class Workload(ABC):
    """A class of these is given to a `Scene`; each run makes one. The contexts, `system` and `people` have to be there.

    `clients` and `rounds` are the most there may be of both; as many as are drawn when None.
    """

    contexts: ClassVar[Sequence[str]]
    """The names of the system's contexts."""
    effects: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """By subscription: for each message of a type, its handler writes one of another type into its context's log."""
    several: ClassVar[bool] = False
    """Whether a handler may write several messages of one type and key."""
    tables: ClassVar[Mapping[str, Sequence[str]]] = {}
    """By context: statements that make the tables which its users have beside those of its store."""

    def __init__(self, choices: Choices, weather: Weather, clients: int | None, rounds: int | None) -> None:
        self.choices = choices
        self.weather = weather
        self.clients = clients
        self.rounds = rounds

    @abstractmethod
    def system(self) -> ContextMap:
        """What a process runs that starts now. Handlers ask the weather how they fare."""

    def release(self, process: str) -> ContextMap:
        """What this very process runs, which starts now: those of another release than others say so here."""
        return self.system()

    @abstractmethod
    def people(self, door: ClusterDoor) -> Iterable[Coroutine[Any, Any, None]]:
        """What everybody does who uses the system. They are done when each has its answers."""

    @property
    def answered(self) -> int:
        """How many answers people rely on."""
        return 0

    def replaced(self, context: str, restore: Callable[[], None], files: Files) -> None:
        """Calls `restore`, which puts an older copy in place of this context's store, and notes what that forgets."""
        restore()

    async def afterwards(self, door: ClusterDoor) -> None:  # noqa: B027  most have nothing to do
        """What people do once a store was put back."""

    async def peace(self, door: ClusterDoor) -> None:  # noqa: B027  most have nothing to do
        """What people do once nothing is disturbed any more."""

    def excuses(self, event: RuntimeEvent) -> bool:
        """Whether a process has a reason to say that a handler has failed, or that a key is parked: a poison, and be it
        that the last try of it has hung."""
        if not isinstance(event, KeyParked):
            return False
        hung = isinstance(event.error, TimeoutError) and event.key in self.weather.poisoned
        return hung or isinstance(event.error, Poison)

    def stays_parked(self, subscription: str, key: str) -> bool:
        """Whether a key may be parked in the end: what it waits for fails for good."""
        return False

    def judge(self, files: Files, stopped: Collection[str]) -> Iterable[Verdict]:
        """What is wrong in the end with what the system has stored. These subscriptions have stopped, and say why."""
        return ()
