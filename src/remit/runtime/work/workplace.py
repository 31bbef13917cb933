"""What the units of work of one context have around them in a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from remit.contexts import Clock, Ids, Sender
from remit.messages import Codec, Contract
from remit.runtime.events import UnitCommitted
from remit.runtime.plan import ContextPlan, EventPlan
from remit.stores import Store


class Forms(dict[type, EventPlan]):
    """The plans of messages by class. One that is met for the first time is planned then."""

    __slots__ = ("_contract",)

    def __init__(self, known: Mapping[type, EventPlan], contract: Callable[[type], Contract]) -> None:
        super().__init__(known)
        self._contract = contract

    def __missing__(self, message: type) -> EventPlan:
        plan = self[message] = EventPlan(self._contract(message), Codec[Any](message))
        return plan


@dataclass(frozen=True, slots=True, eq=False)
class Workplace:
    """What all units of work of one context have around them in a process."""

    plan: ContextPlan
    store: Store
    recorded: Forms
    """How the context's domain events are written."""
    published: Forms
    """How what it publishes is written, and what it sends for later."""
    services: Mapping[type, Any]
    """What its users have provided, once the process has started."""
    ids: Ids
    clock: Clock
    seconds: Callable[[], float]
    """The time, in seconds since the epoch."""
    sender: Callable[[Any], Sender]
    """The sender for the handlers of a unit of work."""
    committed: Callable[[UnitCommitted], None] | None
    """Where it is said that a unit of work was committed; None while nobody listens."""
    carries: bool = False
    """Whether the system names headers of requests, which travel with what is recorded."""
