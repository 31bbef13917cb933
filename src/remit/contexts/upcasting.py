"""Upcasters: pure functions that turn what an older release has stored into the form of the next version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, overload

from remit.contexts.declarations import where
from remit.domain import Aggregate, Projection, Record
from remit.messages import DomainEvent

Fields: TypeAlias = dict[str, Any]
"""The fields of an event or a state, as JSON holds them: by their names there."""


@dataclass(frozen=True, slots=True)
class Upcast:
    """What an upcaster makes of an old event, if it is another event than the one that its declaration names.

    `event` is the class of the other event, or its wire name. `fields` are in the form of its `version`, which is
    upcast further if the class has a later one.
    """

    event: type[DomainEvent] | str
    fields: Fields
    version: int = 1


Upcasted: TypeAlias = Fields | Upcast | Sequence[Fields | Upcast] | None
"""What an upcaster of events returns: the next form, another event, several of both in order, or None for no event."""


MadeOf = TypeVar("MadeOf", bound=Upcasted)


@dataclass(frozen=True, slots=True, eq=False)
class Upcaster:
    """One declaration of `Context.upcast`."""

    reads: Any
    """The class whose old version it reads, or the wire name of an event."""
    version: int
    function: Callable[[Fields], Any]
    to: Any = None
    """The event that it makes, if that is another one than it reads."""
    to_version: int = 1

    @property
    def place(self) -> str:
        """`file:line` of the function, for findings."""
        return where(self.function)

    @property
    def name(self) -> str:
        """What it reads, in words."""
        reads = self.reads if isinstance(self.reads, str) else getattr(self.reads, "__name__", self.reads)
        return f"{reads} version {self.version}"

    @property
    def is_of_state(self) -> bool:
        """Whether it reads a state: of an aggregate, a projection or a record."""
        return isinstance(self.reads, type) and issubclass(self.reads, (Aggregate, Projection, Record))

    @property
    def is_of_event(self) -> bool:
        """Whether it reads a domain event."""
        return isinstance(self.reads, str) or (isinstance(self.reads, type) and issubclass(self.reads, DomainEvent))

    def target(self, context: str) -> tuple[str, int]:
        """Wire name and version of the event whose form a returned dict has."""
        if self.to is None:
            return wire_name(self.reads, context), self.version + 1
        return wire_name(self.to, context), self.to_version


class Upcasting:
    """A context, in so far as it collects upcasters."""

    def __init__(self) -> None:
        super().__init__()
        self.upcasters: list[Upcaster] = []

    @overload
    def upcast(
        self, stored: type[Aggregate[Any, Any] | Projection[Any, Any] | Record[Any]], /, *, version: int
    ) -> Callable[[Callable[[Fields], Fields]], Callable[[Fields], Fields]]: ...
    @overload
    def upcast(
        self,
        stored: type[DomainEvent] | str,
        /,
        *,
        version: int,
        to: type[DomainEvent] | str | None = None,
        to_version: int = 1,
    ) -> Callable[[Callable[[Fields], MadeOf]], Callable[[Fields], MadeOf]]: ...
    def upcast(self, stored: Any, /, *, version: int, to: Any = None, to_version: int = 1) -> Callable[[Any], Any]:
        """Binds an upcaster: a pure function that turns the fields that an old `version` has stored into those of the
        next version.

        `stored` is a domain event of the context, or an aggregate, a projection or a record. It may be the wire name of
        an event whose class is gone; then `to` is the event that has taken its place, and the function returns the
        fields of its `to_version`. Upcasters are chained until the version of the class is reached.

        An upcaster of an event may also return `Upcast(OtherEvent, fields)`, a list of several events in order, or None
        if the event is to be read as if it had never happened. What is stored is never changed.
        """

        def register(function: Any) -> Any:
            self.upcasters.append(Upcaster(stored, version, function, to, to_version))
            return function

        return register


def wire_name(event: Any, context: str) -> str:
    """The wire name of an event of a context, given as a class or as a name with or without that of the context."""
    name = event if isinstance(event, str) else str(event.__remit_name__)
    return name if "." in name else f"{context}.{name}"


def event_upcasters(upcasters: Sequence[Upcaster], context: str) -> Mapping[tuple[str, int], Upcaster]:
    """The upcasters of events by wire name and version."""
    return {(wire_name(each.reads, context), each.version): each for each in upcasters if each.is_of_event}


def state_upcasters(upcasters: Sequence[Upcaster], of: type) -> Mapping[int, Upcaster]:
    """The upcasters of a class of states by version."""
    return {each.version: each for each in upcasters if each.reads is of}
