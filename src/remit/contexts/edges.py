"""Edges: how a context is reached from outside. Each edge is declared in a module of its own, beside its context."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remit.contexts.context import AnyCommand, Context
from remit.messages import Command, Query, Refusal

ClientOf = Callable[[Mapping[str, Any]], str | None]
"""Returns the client of a request to the HTTP edge, from its ASGI scope: a name that is the same for each request of
one client. None or "" means that the client is unknown; all unknown clients count as one."""

Statuses = Mapping[type[Refusal], int]
"""The HTTP status of each refusal that a route may answer."""


@dataclass(frozen=True)
class Route:
    """An HTTP route: method, path with `{field}` placeholders, and the message made from path, query string and
    body."""

    method: str
    path: str
    message: type[Command[Any, Any] | Query[Any, Any]]
    status: int = 200
    refusals: Statuses = field(default_factory=dict[type[Refusal], int])
    declared_at: str = field(default="", compare=False)
    """`file:line` of the declaration, for findings."""


class HttpEdge:
    """The HTTP edge of a context: its routes, and the messages to which they lead.

    `context` is the context or its name. With the name, the module of the edge needs to import only published
    languages, and a service that runs only the edge imports no other code. A route may lead to a message of any
    context.

    A path begins with `/`. A placeholder `{field}` fills a whole segment and names a field of the message. The other
    fields of a query come from the query string, those of a command from the JSON body. `refusals` maps declared
    refusals to HTTP statuses; the default is 409. A wrong route is reported at start as a finding (`ModelError`).

    `origins` lists the web origins whose pages may call these routes from a browser (CORS), such as
    `https://shop.example`; `*` allows every origin. Without `origins`, only pages from the address of the edge may call
    them. Cookies are never sent: a page of another origin authenticates with the header Authorization.
    """

    def __init__(self, context: Context[Any] | str, /, *, origins: Sequence[str] = ()) -> None:
        self.context = context if isinstance(context, str) else context.name
        self.origins = tuple(origins)
        self.routes: list[Route] = []

    def __repr__(self) -> str:
        return f"HttpEdge({self.context!r})"

    def get(self, path: str, query: type[Query[Any, Any]], /, *, refusals: Statuses | None = None) -> None:
        """Declares a route that asks a query. Its answer has status 200."""
        self._add("GET", path, query, 200, refusals)

    def post(self, path: str, command: AnyCommand, /, *, status: int = 200, refusals: Statuses | None = None) -> None:
        """Declares a route that sends a command. `status` is the HTTP status of the reply."""
        self._add("POST", path, command, status, refusals)

    def put(self, path: str, command: AnyCommand, /, *, status: int = 200, refusals: Statuses | None = None) -> None:
        """Declares a route that sends a command, as `post` does."""
        self._add("PUT", path, command, status, refusals)

    def delete(self, path: str, command: AnyCommand, /, *, status: int = 200, refusals: Statuses | None = None) -> None:
        """Declares a route that sends a command, as `post` does."""
        self._add("DELETE", path, command, status, refusals)

    def _add(
        self, method: str, path: str, message: type[Command[Any, Any] | Query[Any, Any]], status: int,
        refusals: Statuses | None,
    ) -> None:  # fmt: skip
        caller = sys._getframe(2)  # noqa: SLF001  # exists in all supported Pythons; `inspect` would read source files
        at = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        self.routes.append(Route(method, path, message, status, refusals or {}, at))
