"""Edges: how a context is reached from outside. Each is declared in a module of its own, beside its context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remit.contexts.context import AnyCommand, Context
from remit.messages import Command, Query, Refusal

ClientOf = Callable[[Mapping[str, Any]], str | None]
"""Says who makes a request to the HTTP edge, from its ASGI scope: a name, the same for each request of one client. None
or "" is one of those who cannot be told apart."""

Statuses = Mapping[type[Refusal], int]
"""The statuses by which a route answers refusals."""


@dataclass(frozen=True)
class Route:
    """A door for HTTP: method, path with `{field}` places, the message made from path, query string and body."""

    method: str
    path: str
    message: type[Command[Any, Any] | Query[Any, Any]]
    status: int = 200
    refusals: Statuses = field(default_factory=dict[type[Refusal], int])


class HttpEdge:
    """The HTTP edge of a context: its routes, and the messages that they lead to.

    `context` is the context, or its name. With the name, the module of the edge needs nothing but published languages,
    and a service that runs the edge alone imports no other code. A route may lead to any context's messages.

    A path begins with `/`. `{field}` in it fills a whole segment and names a field of the message; the other fields of
    a query come from the query string, those of a command from the body, as JSON. `refusals` are the statuses of
    declared refusals, 409 where a refusal is not named. What is wrong with a route is found at start.

    `origins` are those of the pages that may call these routes from a browser (CORS), `https://shop.example` for
    example; `*` is every page. Without them only pages that come from the edge's own address may. Cookies are never
    sent: such a page shows who it is by the header Authorization.
    """

    def __init__(self, context: Context[Any] | str, /, *, origins: Sequence[str] = ()) -> None:
        self.context = context if isinstance(context, str) else context.name
        self.origins = tuple(origins)
        self.routes: list[Route] = []

    def __repr__(self) -> str:
        return f"HttpEdge({self.context!r})"

    def get(self, path: str, query: type[Query[Any, Any]], /, *, refusals: Statuses | None = None) -> None:
        """Declares a route that asks a query."""
        self.routes.append(Route("GET", path, query, 200, refusals or {}))

    def post(self, path: str, command: AnyCommand, /, *, status: int = 200, refusals: Statuses | None = None) -> None:
        """Declares a route that sends a command. `status` is that of its reply."""
        self.routes.append(Route("POST", path, command, status, refusals or {}))

    def put(self, path: str, command: AnyCommand, /, *, status: int = 200, refusals: Statuses | None = None) -> None:
        """Declares a route that sends a command, as `post` does."""
        self.routes.append(Route("PUT", path, command, status, refusals or {}))

    def delete(self, path: str, command: AnyCommand, /, *, status: int = 200, refusals: Statuses | None = None) -> None:
        """Declares a route that sends a command, as `post` does."""
        self.routes.append(Route("DELETE", path, command, status, refusals or {}))
