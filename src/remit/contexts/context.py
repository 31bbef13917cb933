"""A bounded context: a name, an owner, a language, and what it declares by decorators.

Decorators register and return the function unchanged; nothing is inspected here and nothing runs.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import timedelta
from typing import Any, Concatenate, Generic, Literal, Protocol, overload

from typing_extensions import ParamSpec, TypeVar

from remit.contexts.declarations import (
    COMMAND,
    PROJECTION,
    PUBLISHER,
    QUERY,
    REACTION,
    TOGETHER,
    Handler,
    Role,
    Route,
    Statuses,
)
from remit.domain import Projection
from remit.messages import Command, DomainEvent, IntegrationEvent, Query
from remit.messages.base import _Pair  # pyright: ignore[reportPrivateUsage]  # the checking-only half of the message bases

M = TypeVar("M")
M2 = TypeVar("M2")
M3 = TypeVar("M3")
M4 = TypeVar("M4")
M5 = TypeVar("M5")
R = TypeVar("R")
P = ParamSpec("P")
S = TypeVar("S")
B = TypeVar("B", bound=DomainEvent, default=DomainEvent)
Doc = TypeVar("Doc", bound=type[Projection[Any, Any]])
M_co = TypeVar("M_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)
B_co = TypeVar("B_co", covariant=True)
AnyCommand = type[Command[Any, Any]]
_Publisher = Callable[[M], IntegrationEvent | None]


class _CommandType(Protocol[M_co, R_co]):
    def _command(self) -> _Pair[M_co, R_co]: ...


class _QueryType(Protocol[M_co, R_co]):
    def _query(self) -> _Pair[M_co, R_co]: ...


class _EventType(Protocol[M_co, B_co]):
    """The context's own domain event, or an integration event."""

    def _event(self) -> M_co: ...
    def _owner(self) -> B_co: ...


class _DomainType(Protocol[M_co, B_co]):
    def _domain(self) -> M_co: ...
    def _owner(self) -> B_co: ...


class _Binds(Protocol[M, R]):
    def __call__(
        self, handler: Callable[Concatenate[M, P], Awaitable[R]], /
    ) -> Callable[Concatenate[M, P], Awaitable[R]]: ...


def _calling_module() -> str:
    """The module whose code makes a context, by its name. `Context[Base](...)` is called by `typing`."""
    frame = sys._getframe(1)  # noqa: SLF001  # in all Pythons that we know; `inspect` would read the sources
    while frame.f_back is not None and frame.f_globals.get("__name__") in (__name__, "typing"):
        frame = frame.f_back
    name: str = frame.f_globals.get("__name__", "")
    return name


class Context(Generic[B]):
    """A bounded context.

    `name` is part of every wire name and of the store's name: lower-case letters, digits, `_`, single dashes. `kind` is
    the subdomain type; `owner` is one team; `language` is the path of its document; `events` is a base class of
    the context's domain events, which makes a foreign domain event a static error. `outbox` are the integration events
    that code publishes which owns its transaction, and the commands that it sends for later: see `System.outbox`.
    `keep` is how long its messages stay at least; they go when all that follow them have handled them too. With None
    they stay for ever.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: Literal["core", "supporting", "generic"] = "supporting",
        owner: str = "",
        language: str = "",
        events: type[B] | None = None,
        outbox: Sequence[type[IntegrationEvent] | AnyCommand] = (),
        keep: timedelta | None = timedelta(days=7),
    ) -> None:
        self.name = name
        self.declared_in = _calling_module()
        self.kind = kind
        self.owner = owner
        self.language = language
        self.events = events
        self.outbox = tuple(outbox)
        self.keep = keep
        self.handlers: list[Handler] = []
        self.publishers: list[Handler] = []
        self.projections: list[type[Projection[Any, Any]]] = []
        self.routes: list[Route] = []
        self.provided: dict[type, Callable[[], Any]] = {}

    def __repr__(self) -> str:
        return f"Context({self.name!r})"

    @property
    def functions(self) -> list[Handler]:
        """Handlers and publishers."""
        return [*self.handlers, *self.publishers]

    @property
    def roles(self) -> set[Role]:
        """The roles that something declared by the context has."""
        return {each.role for each in self.functions} | ({PROJECTION} if self.projections else set())

    def handle(self, command: _CommandType[M, R], /) -> _Binds[M, R]:
        """Binds the one handler of a command."""
        return self._bind(COMMAND, command)

    def answer(self, query: _QueryType[M, R], /) -> _Binds[M, R]:
        """Binds the one handler of a query. It may read anything of its context and write nothing."""
        return self._bind(QUERY, query)

    @overload
    def react(self, one: _EventType[M, B], /) -> _Binds[M, None]: ...
    @overload
    def react(self, one: _DomainType[M, B], /, *, together: bool) -> _Binds[M, None]: ...
    @overload
    def react(self, one: _EventType[M, B], two: _EventType[M2, B], /) -> _Binds[M | M2, None]: ...
    @overload
    def react(
        self, one: _EventType[M, B], two: _EventType[M2, B], three: _EventType[M3, B], /
    ) -> _Binds[M | M2 | M3, None]: ...
    @overload
    def react(
        self, one: _EventType[M, B], two: _EventType[M2, B], three: _EventType[M3, B], four: _EventType[M4, B], /
    ) -> _Binds[M | M2 | M3 | M4, None]: ...
    @overload
    def react(
        self,
        one: _EventType[M, B],
        two: _EventType[M2, B],
        three: _EventType[M3, B],
        four: _EventType[M4, B],
        five: _EventType[M5, B],
        /,
    ) -> _Binds[M | M2 | M3 | M4 | M5, None]: ...
    def react(self, *events: Any, together: bool = False) -> Any:
        """Binds a reaction to one event, or to several, up to five: `async def on_either(event: Placed | Cancelled)`.

        What belongs together has to be one reaction: the order of events is kept within a reaction, not between two.

        A reaction is a policy with its own transaction, retries and parked keys, run after the event is stored. With
        `together`, only for one of the context's own domain events: in the very transaction that records the event.
        """
        return self._bind(TOGETHER if together else REACTION, *events)

    def publish(self, event: _DomainType[M, B], /) -> Callable[[_Publisher[M]], _Publisher[M]]:
        """Binds a publisher: makes an integration event from a domain event, or None to keep it private.

        A domain event may have several. When they make versions of one integration event, whoever follows any of these
        versions handles it once, as the newest that is followed; it is ordered by the key of the oldest.
        """

        def register(publisher: Any) -> Any:
            self.publishers.append(Handler(PUBLISHER, event, publisher))  # type: ignore[arg-type]  # seen as a protocol
            return publisher

        return register

    def project(self, projection: Doc, /) -> Doc:
        """Declares a projection of this context (a class decorator)."""
        self.projections.append(projection)
        return projection

    # `service` is a class; `type[S]` would refuse protocols and abstract classes, which is what services are named by
    def provide(
        self,
        service: Callable[..., S],
        make: Callable[
            [], AbstractAsyncContextManager[S, Any] | AbstractContextManager[S, Any] | Coroutine[Any, Any, S] | S
        ],
        /,
    ) -> None:
        """Makes a service of the user's own available to handlers by its type.

        `make` is called once, when the system starts; what it raises ends the start with `ServiceError`. It may be
        async. A function of `contextlib.contextmanager` or `asynccontextmanager` is left when the system stops, so that
        it can close what it has opened.
        """
        named: Any = service
        self.provided[named] = make

    def get(self, path: str, query: type[Query[Any, Any]], /, *, refusals: Statuses | None = None) -> None:
        """Declares an HTTP route that asks a query."""
        self.routes.append(Route("GET", path, query, 200, refusals or {}))

    def post(self, path: str, command: AnyCommand, /, *, status: int = 200, refusals: Statuses | None = None) -> None:
        """Declares an HTTP route that sends a command. Undeclared refusals answer 409."""
        self.routes.append(Route("POST", path, command, status, refusals or {}))

    def put(self, path: str, command: AnyCommand, /, *, status: int = 200, refusals: Statuses | None = None) -> None:
        """Declares an HTTP route that sends a command."""
        self.routes.append(Route("PUT", path, command, status, refusals or {}))

    def delete(self, path: str, command: AnyCommand, /, *, status: int = 200, refusals: Statuses | None = None) -> None:
        """Declares an HTTP route that sends a command."""
        self.routes.append(Route("DELETE", path, command, status, refusals or {}))

    def _bind(self, role: Role, *messages: Any) -> _Binds[Any, Any]:
        def register(function: Any, /) -> Any:
            self.handlers += [Handler(role, message, function) for message in messages]
            return function

        return register
