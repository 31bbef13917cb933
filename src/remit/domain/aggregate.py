"""Aggregates: consistency boundaries that decide with plain methods and record domain events."""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache
from inspect import isclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol

from typing_extensions import TypeVar

from remit.domain.mutable import Mutable
from remit.domain.recorded import FIXED, as_recorded
from remit.errors import IdentityChanged, NotDeclared
from remit.messages import DomainEvent, key_text, parameter_of, union_members

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
        aggregate. Later changes to objects inside the event do not change what is stored.

        Raises `NotDeclared` for an event that the class does not declare.
        """
        if event.__class__ not in self.__remit_plain__:
            event = _admitted(self.__class__, event)
        recorded = self.__dict__.get("_recorded")
        if recorded is None:
            self.__dict__["_recorded"] = [event]
            run = recording.get()
            if run is not None and not run.ended:
                run.note(self)
        else:
            recorded.append(event)

    if TYPE_CHECKING:
        __remit_plain__: ClassVar[set[type]]
        """The classes of events that this class may record and that are immutable at every depth."""

        def _held(self) -> Aggregate[K, Any]: ...


@cache
def recorded_by(cls: Any) -> tuple[type, ...]:
    """The events that a class of aggregates may record. All domain events, if it does not name them."""
    arguments = parameter_of(cls, Aggregate)
    named = union_members(arguments[1]) if len(arguments) > 1 else ()
    return named if named and all(isclass(each) and issubclass(each, DomainEvent) for each in named) else (DomainEvent,)


def admitted(aggregate: Aggregate[Any, E], event: E) -> E:
    """The event as the aggregate records it: a copy, if any part of it can change. Raises `NotDeclared`."""
    if event.__class__ in aggregate.__remit_plain__:
        return event
    made: E = _admitted(aggregate.__class__, event)
    return made


def _admitted(cls: Any, event: Any) -> Any:
    """The event as an aggregate of this class records it. Raises `NotDeclared`."""
    if not isinstance(event, recorded_by(cls)):
        declared = ", ".join(each.__name__ for each in recorded_by(cls))
        name = type(event).__name__
        raise NotDeclared(
            f"{cls.__name__} records {name}, which it does not declare", where=cls.__name__, expected=declared,
            next=f"class {cls.__name__}(Aggregate[..., {declared.replace(', ', ' | ')} | {name}])",
        )  # fmt: skip
    made = as_recorded(event)
    if event.__class__ in FIXED:
        cls.__remit_plain__.add(event.__class__)
    return made


def refuse_other_identity(aggregate: Aggregate[Any, Any], id: str, where: str) -> None:
    """Raises `IdentityChanged` unless `id` is still the text of the identity of an aggregate."""
    if (now := key_text(aggregate.id, "identity", where)) != id:
        name = type(aggregate).__name__
        raise IdentityChanged(
            f"the identity of {name} {id!r} was changed to {now!r}", where=where,
            expected="an identity that stays the same for the whole life of the aggregate",
            next=f"make a new {name}, add it, and remove this one",
        )  # fmt: skip


def take_recorded(aggregate: Aggregate[Any, Any]) -> list[DomainEvent]:
    """The events recorded since the last call, in order."""
    recorded: list[DomainEvent] = aggregate.__dict__.pop("_recorded", None) or []
    return recorded


def has_recorded(aggregate: Aggregate[Any, Any]) -> bool:
    """Whether it has recorded events since the last call of `take_recorded`."""
    return "_recorded" in aggregate.__dict__
