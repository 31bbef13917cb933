"""The environment that all units of work of a context share in a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from remit.contexts import Clock, Ids, Sender
from remit.messages import Codec, Contract
from remit.runtime.events import UnitCommitted
from remit.runtime.plan import ContextPlan, EventPlan
from remit.runtime.work.aging import Ages, no_age
from remit.runtime.work.reach import Reach
from remit.stores import Store


class Forms(dict[type, EventPlan]):
    """Plans of messages by class. A class that is not declared is planned when it first occurs."""

    __slots__ = ("_contract",)

    def __init__(self, known: Mapping[type, EventPlan], contract: Callable[[type], Contract]) -> None:
        super().__init__(known)
        self._contract = contract

    def __missing__(self, message: type) -> EventPlan:
        plan = self[message] = EventPlan(self._contract(message), Codec[Any](message))
        return plan


@dataclass(frozen=True, slots=True, eq=False)
class Workplace:
    """The environment that all units of work of one context share in a process."""

    plan: ContextPlan
    store: Store
    recorded: Forms
    """How the context's domain events are written."""
    published: Forms
    """How its published events, and commands that it sends for later, are written."""
    services: Mapping[type, Any]
    """The users' services, once the process has started."""
    ids: Ids
    clock: Clock
    seconds: Callable[[], float]
    """Gives the time in seconds since the epoch."""
    sender: Callable[[Any], Sender]
    """Makes the sender for the handlers of a unit of work."""
    committed: Callable[[UnitCommitted], None] | None
    """Reports a commit; None if there is no listener for it."""
    carries: bool = False
    """Whether recorded messages carry headers of requests."""
    reach: Reach | None = None
    """What the context may use of other ones. None: everything."""
    ages: Ages = no_age
    """How old its read models are."""
