"""What a context declares, and in which roles: values collected by its decorators, read by everything else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal

from typing_extensions import TypeVar

from remit.messages import Command, DomainEvent, IntegrationEvent, Message, Query, Refusal


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

ClientOf = Callable[[Mapping[str, Any]], str | None]
"""Says who makes a request to the HTTP edge, from its ASGI scope: a name, the same for each request of one client. None
or "" is one of those who cannot be told apart."""


Statuses = Mapping[type[Refusal], int]
"""The statuses by which a route answers refusals."""


@dataclass(frozen=True)
class Handler:
    """A function bound to a message, in a role."""

    role: Role
    message: type[Message]
    function: Callable[..., Any]

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


@dataclass(frozen=True)
class Route:
    """A door for HTTP: method, path with `{field}` places, the message made from path, query string and body."""

    method: str
    path: str
    message: type[Command[Any, Any] | Query[Any, Any]]
    status: int = 200
    refusals: Statuses = field(default_factory=dict[type[Refusal], int])


class Later(Generic[C]):
    """Sends commands of type `C` for later: recorded with the unit of work, delivered like an event, applied once."""

    def send(self, command: C, /) -> None:
        """Records the command. It is delivered after the unit of work is committed, in order per key."""
        raise NotImplementedError


def where(function: Any) -> str:
    """`file:line` of a function or class, for findings."""
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
