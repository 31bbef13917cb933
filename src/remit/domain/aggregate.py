"""Aggregates: consistency boundaries that decide with plain methods and record domain events."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, Protocol

from typing_extensions import TypeVar

from remit.domain.mutable import Mutable
from remit.domain.recorded import FIXED, as_recorded
from remit.messages import DomainEvent

K = TypeVar("K")
E = TypeVar("E", bound=DomainEvent, default=Any)


class Recording(Protocol):
    """The run of a handler. It is notified when an aggregate records its first event."""

    ended: bool

    def note(self, aggregate: Aggregate[Any, Any], /) -> None:
        """Called when an aggregate records its first event."""
        ...


recording: ContextVar[Recording | None] = ContextVar("recording", default=None)
"""The latest run of a handler in this task. It may have ended."""


class Aggregate(Mutable, Generic[K, E], recording=True):
    """A consistency boundary with an identity, stored as state with an optimistic version.

    Written as `Aggregate[Id]`, or as `Aggregate[Id, Issued | Paid]`, which may record only these events. Fields are
    keyword-only and mutable. A method that decides changes fields and calls `record`. Two aggregates of one class with
    equal fields are equal, whatever they have recorded. The hash depends only on class and identity.
    """

    id: K

    def __hash__(self) -> int:
        return hash((self.__class__, self.id))

    def record(self, event: E) -> None:
        """Records a domain event, with the values that it has now. It is stored in the transaction that stores this
        aggregate. Later changes to objects inside the event do not change what is stored."""
        if event.__class__ not in FIXED:
            event = as_recorded(event)
        recorded = self.__dict__.get("_recorded")
        if recorded is None:
            self.__dict__["_recorded"] = [event]
            run = recording.get()
            if run is not None and not run.ended:
                run.note(self)
        else:
            recorded.append(event)

    if TYPE_CHECKING:

        def _held(self) -> Aggregate[K, Any]: ...


def take_recorded(aggregate: Aggregate[Any, Any]) -> list[DomainEvent]:
    """The events recorded since the last call, in order."""
    recorded: list[DomainEvent] = aggregate.__dict__.pop("_recorded", None) or []
    return recorded


def has_recorded(aggregate: Aggregate[Any, Any]) -> bool:
    """Whether it has recorded events since the last call of `take_recorded`."""
    return "_recorded" in aggregate.__dict__
