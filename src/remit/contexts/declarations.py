"""What a context declares, and in which roles: values collected by its decorators, read by everything else."""

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
    """One role. Checks, plans, placement and the pages read it from here."""

    name: str
    kinds: tuple[type[Message], ...]
    """What kinds of messages are bound to it."""
    told: str
    """What is bound to it, in the words of a finding."""
    component: Literal["write", "read"]
    """The component of the context that runs it."""
    is_called: bool = False
    """Somebody waits for its reply: there is one for each message."""
    follows: bool = False
    """It is a subscription of its own: progress is kept under its name."""


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

ROLES = (COMMAND, QUERY, REACTION, TOGETHER, PUBLISHER, PROJECTION)


C = TypeVar("C", bound=Command[Any, Any])

Begins = Literal["now"] | datetime
"""Where a new subscription begins: with what is written from now on, or after a time, in any zone."""


@dataclass(frozen=True)
class Handler:
    """A function bound to a message, in a role."""

    role: Role
    message: type[Message]
    function: Callable[..., Any]
    named: type[Message] | None = None
    """The class that the declaration names, where that one stands for those that inherit from it."""
    method: Callable[..., Any] | None = None
    """The method of a policy that takes the message."""
    begins: Begins | None = None
    """Where a new subscription begins; None: with the first message that is left."""

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def place(self) -> str:
        """Where the function stands, for findings."""
        return where(self.function)

    @property
    def fits(self) -> bool:
        """Whether the message is of a kind that the role takes. What a decorator was given may be anything."""
        message: Any = self.message
        return isinstance(message, type) and issubclass(message, self.role.kinds)


def each_of(bound: Handler, beside: Sequence[Handler]) -> list[Handler]:
    """A handler for the event that it is bound to, and for each event that inherits from it under a name of its own,
    but for those that its function is bound to by themselves."""
    if not bound.fits or bound.role.is_called or bound.message in bound.role.kinds:
        return [bound]
    events = known_events(bound.message)
    if len(events) == 1:
        return [bound]
    others = {each.message for each in beside if each.function is bound.function and each is not bound}
    return [replace(bound, message=each, named=bound.message) for each in events if each not in others]


def known_events(event: type[Message]) -> list[type[Message]]:
    """An event, and all that inherit from it and are no versions of it, as far as their modules are loaded."""
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
    """What is known of the message that is handled, beside what it says: the same whenever it is handled again.

    Of an event, and of a command sent for later, `id` is its identity in the log, and `time` is when it was recorded.
    Of another command, `id` is made of its type, its key and who gave the key, and `time` is when it was first begun; a
    command without a key has new ones for each call. So has a query.

    `id` is 32 hexadecimal characters. `time` is in UTC.
    """

    id: str
    time: datetime


class Later(Generic[C]):
    """Sends commands of type `C` for later: recorded with the unit of work, delivered like an event, applied once."""

    def send(self, command: C, /) -> None:
        """Records the command. It is delivered after the unit of work is committed, in order per key."""
        raise NotImplementedError


def where(function: Any) -> str:
    """`file:line` of a function or class, for findings."""
    if place := getattr(function, "__remit_place__", None):
        return str(place)
    function = getattr(function, "__remit_policy__", function)
    code = getattr(function, "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', function)}"


def line_of(declared: type) -> str:
    """`file:line` of a class, which is looked for in its source; `where` without one. For findings: it takes long."""
    try:
        return f"{inspect.getsourcefile(declared)}:{inspect.getsourcelines(declared)[1] or 1}"
    except (OSError, TypeError, SyntaxError):  # it was made at a prompt, or the file has changed since
        return where(declared)
