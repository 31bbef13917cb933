"""The declarations of a context and their roles: values that its decorators collect."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, Literal

from typing_extensions import TypeVar

from remit.messages import Command, DomainEvent, IntegrationEvent, Message, Query


@dataclass(frozen=True, eq=False, kw_only=True)
class Role:
    """A role of a declaration. Checks, plans and placement read its properties from here."""

    name: str
    kinds: tuple[type[Message], ...]
    """The kinds of messages to which a function in this role can be bound."""
    told: str
    """The expected message and its decorator, for the text of a finding."""
    component: Literal["write", "read", "acl"]
    """The component of the context that runs the function. A reaction in the module of an anti-corruption layer runs in
    `acl` instead (`Model.component_of`)."""
    is_called: bool = False
    """True if a caller waits for the reply. Then each message has exactly one handler."""
    follows: bool = False
    """True if it is a subscription: its progress is stored under its name."""


COMMAND = Role(
    name="command", kinds=(Command,), told="a command: @context.handle(Command)", component="write", is_called=True
)
QUERY = Role(name="query", kinds=(Query,), told="a query: @context.answer(Query)", component="read", is_called=True)
REACTION = Role(
    name="reaction",
    kinds=(DomainEvent, IntegrationEvent),
    told="a domain event of the context or an integration event: @context.react(Event)",
    component="write",
    follows=True,
)
TOGETHER = Role(
    name="together",
    kinds=(DomainEvent,),
    told="a domain event of the context: @context.react(Event, together=True)",
    component="write",
)
PUBLISHER = Role(
    name="publisher",
    kinds=(DomainEvent,),
    told="a domain event of the context: @context.publish(Event)",
    component="write",
)
PROJECTION = Role(
    name="projection",
    kinds=(DomainEvent, IntegrationEvent),
    told="domain events of the context and integration events: @context.project",
    component="read",
    follows=True,
)
TRANSLATION = Role(
    name="translation",
    kinds=(),
    told="a foreign message: @context.translate(Webhook(...))",
    component="acl",
    follows=True,
)

ROLES = (COMMAND, QUERY, REACTION, TOGETHER, PUBLISHER, PROJECTION, TRANSLATION)


C = TypeVar("C", bound=Command[Any, Any])

Begins = Literal["now"] | datetime
"""Where a new subscription begins: with messages written from now on, or after a time (with a UTC offset or zone)."""


@dataclass(frozen=True)
class Handler:
    """A function bound to a message, in a role."""

    role: Role
    message: type[Message]
    function: Callable[..., Any]
    named: type[Message] | None = None
    """The base class that the declaration names, if the message is one of its subclasses."""
    method: Callable[..., Any] | None = None
    """The method of a policy that takes the message."""
    begins: Begins | None = None
    """Where a new subscription begins. None: with the first message that the log still has."""

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def place(self) -> str:
        """`file:line` of the function, for findings."""
        return where(self.function)

    @property
    def fits(self) -> bool:
        """Whether the message is of a kind that the role takes. Any object may have been passed to the decorator."""
        message: Any = self.message
        return isinstance(message, type) and issubclass(message, self.role.kinds)


def each_of(bound: Handler, beside: Sequence[Handler]) -> list[Handler]:
    """A handler for the event to which it is bound, and one for each subclass with a wire name of its own, except
    those to which its function is bound separately."""
    if not bound.fits or bound.role.is_called or bound.message in bound.role.kinds:
        return [bound]
    events = known_events(bound.message)
    if len(events) == 1:
        return [bound]
    others = {each.message for each in beside if each.function is bound.function and each is not bound}
    return [replace(bound, message=each, named=bound.message) for each in events if each not in others]


def known_events(event: type[Message]) -> list[type[Message]]:
    """An event and all loaded subclasses of it, without other versions of the event (which have its wire name)."""
    found: dict[type[Message], None] = {event: None}
    waiting = [event]
    while waiting:
        for each in waiting.pop(0).__subclasses__():
            if _wire_name(each) != _wire_name(event) and each not in found:
                found[each] = None
                waiting.append(each)
    return list(found)


def _wire_name(event: Any) -> str:
    return str(event.__remit_name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Facts about the message that is handled, beside its fields. They are the same each time it is handled.

    For an event and for a command sent for later, `id` is the identity in the log, and `time` is when it was recorded.
    For another command with a key, `id` is derived from its type, its key and the caller that gave the key, and `time`
    is when the command was first begun. A command without a key and a query have new ones in each call.

    `id` is 32 hexadecimal characters. `time` is in UTC.
    """

    id: str
    time: datetime


class Later(Generic[C]):
    """Sends commands of type `C` for later: each is recorded with the unit of work, delivered like an event, and
    applied once."""

    __slots__ = ()

    def send(self, command: C, /) -> None:
        """Records the command. It is delivered after the unit of work is committed, in order per key.

        Raises `BadKey` if its key is too long or is not valid text, and `BadValue` if it could not be read again.
        """
        raise NotImplementedError


def where(function: Any) -> str:
    """`file:line` of a function without its decorators, or the qualified name of a class, for findings."""
    if place := getattr(function, "__remit_place__", None):
        return str(place)
    function = getattr(function, "__remit_policy__", function)
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', function)}"


def line_of(declared: type) -> str:
    """`file:line` of a class, or `where` if its source cannot be found. Reads the source file: slow, for findings
    only."""
    try:
        return f"{inspect.getsourcefile(declared)}:{inspect.getsourcelines(declared)[1] or 1}"
    except (OSError, TypeError, SyntaxError):  # defined at a prompt, or the file has changed since
        return where(declared)
