"""The ASGI application: finds the endpoint, converts its errors into problem details, and answers."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from remit.contexts import ClientOf, Sender
from remit.contexts.edges import HttpEdge
from remit.edges.http.doors import compile_operations, endpoint
from remit.edges.http.failures import Failures
from remit.edges.http.hooks import hook_endpoint, secrets_of
from remit.edges.http.openapi import describe
from remit.edges.http.origins import Door, preflight, sendable, shared
from remit.edges.http.page import render
from remit.edges.http.problems import Rejected, problem_of
from remit.edges.http.request import (
    Endpoint,
    Gone,
    HttpRequest,
    HttpResponse,
    Limits,
    Receive,
    Scope,
    Send,
    json_answer,
    mounted_at,
    own_path,
    problem_answer,
    segments_of,
    throw_away,
)
from remit.edges.http.routing import Router
from remit.errors import Findings
from remit.runtime.calling.hooks import Hook

Check = Callable[[], Awaitable[dict[str, Any]]]

_log = logging.getLogger("remit.edges.http")
_NO_STORE = (b"cache-control", b"no-store")
_PAGE_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'",
)


class Routed(Protocol):
    """The part of a system that an HTTP application needs."""

    @property
    def name(self) -> str: ...
    @property
    def edges(self) -> Sequence[HttpEdge]: ...
    @property
    def client_of(self) -> ClientOf | None: ...
    @property
    def headers(self) -> Sequence[str]: ...


class HttpApp:
    """The routes of a system as an ASGI 3 application, for use alone or mounted in another application.

    It also serves `/health/live`, `/health/ready`, `/health/status`, `/openapi.json` and `/docs`. `max_body` is in
    bytes. `max_requests` is the number of requests that are handled at the same time; further ones are answered with
    503. Without `docs` there is no `/openapi.json` and no `/docs`, and the answer to an unknown path names no routes.

    A client sets its deadline with the header `Request-Timeout` (seconds) or `remit-timeout-ms`. `default_deadline`
    applies if it does not, `max_deadline` if it asks for more (both in seconds).

    `ready` reports whether this process can serve. Its report is the body of the answer; the status is 503 if its entry
    `ready` is false, or if `ready` fails or takes longer than `default_deadline`. `status` reports in the same way
    whether everything is `well`; it is meant for monitoring, not for load balancers.

    `sender` is what `System.connect` gives, or an object whose `send` also takes `caller`: the client that gave the
    idempotency key. The client is identified by the header Authorization, or by `client_of`, which overrides the one of
    the system.

    Raises `ModelError` with every wrong route.
    """

    def __init__(
        self,
        system: Routed,
        sender: Sender,
        *,
        max_body: int = 1_000_000,
        default_deadline: float = 10.0,
        max_deadline: float = 60.0,
        ready: Check | None = None,
        status: Check | None = None,
        client_of: ClientOf | None = None,
        max_requests: int = 1000,
        docs: bool = True,
    ) -> None:
        self._limits = Limits(max_body, default_deadline, max_deadline, max_requests)
        own: dict[str, Endpoint] = {
            "/health/live": self._show_live,
            "/health/ready": partial(self._show_reported, "ready", ready),
            "/health/status": partial(self._show_reported, "well", status),
            **({"/openapi.json": self._show_openapi, "/docs": self._show_docs} if docs else {}),
        }
        operations = compile_operations(system.edges, tuple(own))
        self._description = describe(system.name, operations)
        self._page = render(self._description)
        self._has_docs = docs
        self._sendable = sendable(system.headers)
        self._failures = Failures()
        self._router: Router[Door] = Router(tells_routes=docs)
        for path, show in own.items():
            self._router.add("GET", path, Door(show))
        for operation in operations:
            serve = endpoint(operation, sender, self._limits, client_of or system.client_of, system.headers)
            self._router.add(operation.route.method, operation.route.path, Door(serve, operation.origins))
        self._add_hooks(getattr(sender, "hooks", ()))
        if docs:
            self._router.add("GET", "/", Door(self._show_way))  # has no effect if a route has this path

    def _add_hooks(self, hooks: Sequence[Hook]) -> None:
        """Raises `ModelError` for webhooks whose secret is not set, and for those whose path is taken."""
        findings = Findings()
        for hook, secrets in zip(hooks, secrets_of(hooks, os.environ), strict=True):
            if self._router.add("POST", hook.path, Door(hook_endpoint(hook, secrets, self._limits))) is not None:
                findings.report(
                    "webhook.path", hook.name, f"the path {hook.path} is taken by a route or by another webhook",
                    expected="a path of its own", next=f"Webhook({hook.source.name!r}, ..., path=...)",
                )  # fmt: skip
        findings.settle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection: a request, or the lifespan of the server."""
        kind = scope["type"]
        if kind == "http":
            try:
                status, headers, body, unread = await self._answer(scope, receive)
            except Gone:
                return
            await send({"type": "http.response.start", "status": status, "headers": headers})
            body = b"" if scope["method"] == "HEAD" else body
            if unread:  # the client has its answer, and may still be sending the body
                await send({"type": "http.response.body", "body": body, "more_body": True})
                await throw_away(receive, unread)
                body = b""
            await send({"type": "http.response.body", "body": body})
        elif kind == "lifespan":
            await _live(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": "no WebSocket here"})

    async def _answer(self, scope: Scope, receive: Receive) -> HttpResponse:
        method = _served(scope["method"])
        door: Door | None = None
        try:
            path = own_path(scope)
            if method == "OPTIONS" and (asked := _asks_before(scope)):
                door_asked_for = self._router.find(_served(asked), path, segments_of(scope, path))[0]
                return preflight(door_asked_for, asked, _headers(scope), self._sendable)
            values: tuple[str, ...] = ()
            door = self._router.plain(method, path)
            if door is None:
                door, values = self._router.find(method, path, segments_of(scope, path))
            answer = await door.serve(HttpRequest(scope, receive, values))
        except Rejected as rejected:
            answer = problem_answer(rejected, has_docs=self._has_docs)
        except Gone:
            raise
        except Exception as error:  # noqa: BLE001  # for any error, the client gets an answer and the log the cause
            raised = problem_of(error)
            self._failures.say(scope, error, raised)
            answer = problem_answer(raised)
        return answer if door is None or not door.origins else shared(answer, door, _headers(scope))

    async def _show_live(self, request: HttpRequest) -> HttpResponse:
        return json_answer(200, b'{"live":true}', _NO_STORE)

    async def _show_reported(self, what: str, check: Check | None, request: HttpRequest) -> HttpResponse:
        report: dict[str, Any] = {what: True}
        if check is not None:
            try:
                async with asyncio.timeout(self._limits.default_deadline):
                    report = await check()
            except Exception:  # noqa: BLE001  # a failed check counts as a negative one
                _log.exception("the check whether it is %s failed", what)
                report = {what: False}
        return json_answer(200 if report.get(what, True) else 503, msgspec.json.encode(report), _NO_STORE)

    async def _show_openapi(self, request: HttpRequest) -> HttpResponse:
        root = mounted_at(request.scope, "/openapi.json")
        return json_answer(200, msgspec.json.encode({**self._description, "servers": [{"url": root or "/"}]}))

    async def _show_way(self, request: HttpRequest) -> HttpResponse:
        way = mounted_at(request.scope, "/") + "/docs"
        return HttpResponse(307, [(b"location", way.encode()), (b"content-length", b"0")], b"")

    async def _show_docs(self, request: HttpRequest) -> HttpResponse:
        return json_answer(200, self._page, _PAGE_POLICY, kind=b"text/html; charset=utf-8")


def _served(method: str) -> str:
    """The method of the route that answers: HEAD is answered as GET, without the body."""
    return "GET" if method == "HEAD" else method


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])


def _asks_before(scope: Scope) -> str:
    """The method that a browser asks for in a preflight request. Empty for any other request."""
    headers = _headers(scope)
    return headers.get(b"access-control-request-method", b"").decode("latin-1") if b"origin" in headers else ""


async def _live(receive: Receive, send: Send) -> None:
    """The lifespan protocol. The owner of the sender starts and stops the system, so nothing remains to be done
    here."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
