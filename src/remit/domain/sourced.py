"""Event-sourced aggregates: the state is folded from the aggregate's own events."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from remit.domain.aggregate import Aggregate, admitted
from remit.errors import NotFolded
from remit.messages import DomainEvent

K = TypeVar("K")
E = TypeVar("E", bound=DomainEvent)


class EventSourced(Aggregate[K, E], Generic[K, E]):
    """A consistency boundary with an identity, stored as the stream of its events.

    Written as `EventSourced[Id, Opened | Closed]`. Every field but `id` has a default: together they are the state
    before the first event. A method that decides calls `record`, which applies the event by `evolve`. Nothing else
    changes fields. Otherwise it is used as an `Aggregate` is: by `Repository`, claims, publishers and reactions.
    """

    def evolve(self, event: E, /) -> None:
        """Applies one of its events to the fields. It is pure, and it decides nothing: the event has happened."""
        raise NotImplementedError

    def record(self, event: E) -> None:
        """Applies a domain event by `evolve` and records it, with the values that it has now.

        Raises `NotDeclared` for an event that the class does not declare, `NotFolded` if `evolve` calls it, and what
        `evolve` raises; then the event is not recorded.
        """
        held = self.__dict__
        if "_evolving" in held:
            raise _recorded_in_evolve(self, event)
        held["_evolving"] = True
        try:
            if event.__class__ not in self.__remit_plain__:
                event = admitted(self, event)
            self.evolve(event)
        finally:
            del held["_evolving"]
        super().record(event)


def _recorded_in_evolve(aggregate: EventSourced[Any, Any], event: Any) -> NotFolded:
    name = type(aggregate).__name__
    return NotFolded(
        f"evolve() of {name} records {type(event).__name__}", where=name,
        expected="an evolve() that only changes fields: it runs again whenever the aggregate is loaded",
        next="record the event in the method that decides",
    )  # fmt: skip


def not_folded(aggregate: EventSourced[Any, Any], folded: EventSourced[Any, Any], where: str) -> NotFolded:
    """The error for an aggregate whose fields are not what its events make them."""
    struct: Any = aggregate
    fields: tuple[str, ...] = struct.__struct_fields__
    changed = [each for each in fields if getattr(aggregate, each) != getattr(folded, each)] or [*fields]
    name, first = type(aggregate).__name__, changed[0]
    return NotFolded(
        f"{name} {aggregate.id!r} was changed other than by its events: {first} is {getattr(aggregate, first)!r},"
        f" and its events make it {getattr(folded, first)!r}", where=where,
        expected=f"fields that only evolve() changes, the same way each time (differs: {', '.join(changed)})",
        next="record an event, and change the field in evolve()",
    )  # fmt: skip
