"""The base class of workloads: a system, its clients, and how their results are judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from remit.contexts import ContextMap
from remit.log import SubscriptionId
from remit.observability import KeyParked, RuntimeEvent
from remit.testing.simulation.cluster import Choices, ClusterDoor, Poison, Weather
from remit.testing.simulation.judges import Files, Verdict

__all__ = ["Workload"]


class Workload(ABC):
    """A subclass is passed to a `Scene`; each run makes an instance. It must define `contexts`, `system` and `people`.

    `clients` and `rounds` are upper limits; None: as many as are drawn.
    """

    contexts: ClassVar[Sequence[str]]
    """The names of the system's contexts."""
    layers: ClassVar[Sequence[str]] = ()
    """The contexts with the component `acl`, which may have processes of its own."""
    effects: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """By subscription: the type it follows, and the type that its handler writes for each such message."""
    several: ClassVar[bool] = False
    """Whether a handler may write several messages of one type and key."""
    tables: ClassVar[Mapping[str, Sequence[str]]] = {}
    """By context: statements that create the users' tables in its store."""

    def __init__(self, choices: Choices, weather: Weather, clients: int | None, rounds: int | None) -> None:
        self.choices = choices
        self.weather = weather
        self.clients = clients
        self.rounds = rounds

    @abstractmethod
    def system(self) -> ContextMap:
        """The system that starting processes run, made once for all of them. Handlers call the weather."""

    def release(self, process: str) -> ContextMap:
        """The system that this process runs. Override it to run different releases."""
        return self._declared

    @cached_property
    def _declared(self) -> ContextMap:
        return self.system()

    @abstractmethod
    def people(self, door: ClusterDoor) -> Iterable[Coroutine[Any, Any, None]]:
        """The clients of the system. Each ends when it has its answers."""

    @property
    def answered(self) -> int:
        """The number of answers that clients rely on."""
        return 0

    def replaced(self, context: str, restore: Callable[[], None], files: Files) -> None:
        """Calls `restore`, which restores this context's store from a backup, and notes what the store has lost."""
        restore()

    async def afterwards(self, door: ClusterDoor) -> None:  # noqa: B027  # optional to override
        """What clients do after a store was restored."""

    async def peace(self, door: ClusterDoor) -> None:  # noqa: B027  # optional to override
        """What clients do after all faults have ended."""

    async def settled(self, door: ClusterDoor) -> Iterable[Verdict]:
        """What is wrong with the processes when everything is done."""
        return ()

    def is_held(self, subscription: SubscriptionId) -> bool:
        """Whether the sources of a subscription are out of its reach at this moment."""
        return False

    def excuses(self, event: RuntimeEvent) -> bool:
        """Whether a failed handler or a parked key is legitimate: caused by poison, even if the last try has hung
        instead."""
        if not isinstance(event, KeyParked):
            return False
        hung = isinstance(event.error, TimeoutError) and event.key in self.weather.poisoned
        return hung or isinstance(event.error, Poison)

    def stays_parked(self, subscription: str, key: str) -> bool:
        """Whether a key may stay parked in the end, because its message fails permanently."""
        return False

    def judge(self, files: Files, stopped: Collection[str]) -> Iterable[Verdict]:
        """What is wrong with the stored data in the end. `stopped` are subscriptions that have stopped for a reason."""
        return ()
