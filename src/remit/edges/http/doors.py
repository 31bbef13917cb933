"""Compiles declared routes to operations, which are checked and prepared, and operations to endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil, inf
from typing import Any

import msgspec
from msgspec import structs

from remit.contexts import ClientOf, Context, Route, Sender, Webhook, Written
from remit.contexts.annotations import name_of
from remit.contexts.declarations import where
from remit.contexts.edges import HttpEdge
from remit.contexts.foreign import path_of
from remit.edges.http.origins import is_origin, origins_of
from remit.edges.http.problems import refused, rejected
from remit.edges.http.reading import Reader, arrives_as, body_reader, body_type, fields_of, only, query_reader
from remit.edges.http.request import Endpoint, HttpRequest, HttpResponse, Limits, json_answer
from remit.edges.http.routing import Router, places_of
from remit.errors import Findings, Unavailable, nearest, one_of
from remit.messages import Codec, Command, Message, Query, Refusal, contract_of, declared_context, reply_of, wire_types
from remit.runtime.work.aging import aging
from remit.runtime.work.carried import carrying

FRESH = "fresh"
FRESH_KEY = "fresh_key"
POSITION = "Remit-Position"
"""The header by which a request with a command asks for the position of what it writes, the header of the answer to it,
and the header of a query that waits for this position."""
_POSITION = POSITION.lower().encode()
RESERVED = ("/health/live", "/health/ready", "/health/status")
"""The paths that every edge has. The pages about its routes can be switched off."""


@dataclass(frozen=True)
class Operation:
    """One prepared route: its fields, its body, its answers, and the functions that read and write them."""

    context: str
    route: Route
    name: str
    places: tuple[str, ...]
    fields: tuple[structs.FieldInfo, ...]
    body: Any
    reply: Any
    refusals: tuple[type[Refusal], ...]
    read: Reader
    encode: Any
    origins: frozenset[bytes]
    """The origins of the pages that may call it from a browser."""

    @property
    def asks(self) -> bool:
        return self.route.method == "GET"

    @property
    def silent(self) -> bool:
        """Whether the status of the reply forbids a body."""
        return self.route.status in (204, 205)

    def status_of(self, refusal: type[Refusal]) -> int:
        """The status of the route for a refusal or the nearest of its bases. Default: 409."""
        statuses = self.route.refusals
        return next((statuses[cls] for cls in refusal.__mro__ if cls in statuses), 409)


def findings_on_routes(edges: Iterable[HttpEdge], reserved: Iterable[str], unsound: Collection[str] = ()) -> Findings:
    """All findings on the routes of these edges. `reserved` are the paths of the edge itself. `unsound` are the places
    of messages that have findings: their routes are not checked."""
    findings = Findings()
    for _ in _sound(edges, reserved, findings, unsound):
        pass
    return findings


def findings_on_hooks(
    contexts: Iterable[Context[Any]], edges: Iterable[HttpEdge], unsound: Collection[str] = ()
) -> Findings:
    """A finding for each webhook of these contexts that has the path of a route or of another webhook."""
    findings, router = Findings(), Router[str]()
    for edge, route in _sound(edges, (), Findings(), unsound):
        router.add(route.method, route.path, f"a route of {edge.context!r} ({route.message.__name__})")
    for owner, each in ((context, each) for context in contexts for each in context.translations):
        source: object = each.source
        path = path_of(source, owner.name) if isinstance(source, Webhook) else ""
        if not path.startswith("/") or any(mark in path for mark in "{}?#"):
            continue  # no webhook, or another finding
        taken = router.add("POST", path, f"the webhook {each.source.name!r} of {owner.name!r}")
        if taken:
            findings.report(
                "webhook.path", where(each.function), f"the path {path} is taken by {taken}",
                expected="a path of its own", next=f"Webhook({each.source.name!r}, ..., path=...)",
            )  # fmt: skip
    return findings


def compile_operations(edges: Iterable[HttpEdge], reserved: tuple[str, ...]) -> list[Operation]:
    """All routes of these edges, prepared. Raises `ModelError` with every finding."""
    findings = Findings()
    bodies: dict[tuple[type[Message], frozenset[str]], Any] = {}
    operations = [_operation(edge, route, bodies) for edge, route in _sound(edges, reserved, findings)]
    findings.settle()
    return operations


def _sound(
    edges: Iterable[HttpEdge], reserved: Iterable[str], findings: Findings, unsound: Collection[str] = ()
) -> Iterator[tuple[HttpEdge, Route]]:
    """The routes without findings. Reports the others, and edges with findings."""
    router: Router[str] = Router()
    for path in reserved:
        router.add("GET", path, "this edge itself")
    for edge in edges:
        for origin in (each for each in edge.origins if not is_origin(each)):
            findings.report(
                "edge.origin", repr(edge), f"{origin!r} is not an origin",
                expected="scheme, host, and a port other than the default, as browsers send it; or *", next='origins=["https://shop.example"]',
            )  # fmt: skip
        for route in (each for each in edge.routes if where(each.message) not in unsound):
            here = _check(route)
            if not here:
                taken = router.add(route.method, route.path, f"context {edge.context!r} ({route.message.__name__})")
                if taken:
                    _report(
                        here, route, "route.doubled", f"the path is taken by {taken}", "one route per path",
                        "give one of them another path",
                    )  # fmt: skip
            if not here:
                yield edge, route
            findings.extend(here)


def endpoint(
    operation: Operation,
    sender: Sender,
    limits: Limits,
    client_of: ClientOf | None = None,
    headers: Sequence[str] = (),
) -> Endpoint:
    """The endpoint that reads the message, sends or asks it, and answers with the reply. `headers` names the request
    headers that are passed on with the call."""
    outside: Any = sender  # the type `Sender` has no `caller`, because a sender inside a handler takes none
    has_age = operation.asks and getattr(sender, "measures", _always)(operation.route.message)
    read, encode, status, silent = operation.read, operation.encode, operation.route.status, operation.silent

    def answer(reply: Any) -> HttpResponse:
        return HttpResponse(status, [], b"") if silent else json_answer(status, encode(reply))

    async def ask(request: HttpRequest) -> HttpResponse:
        request.expect_no_body()
        query = request.query()
        fresh = _freshness(query)
        message: Any = read(request.places, query, b"")
        left, after = request.remaining(limits), request.headers.get(_POSITION, b"").decode("latin-1").strip()
        doing = sender.ask(message, deadline=left, fresh=fresh, after=after)
        return await _asked(doing, answer) if has_age else answer(await doing)

    async def send(request: HttpRequest) -> HttpResponse:
        key, body = request.key(), b""
        if operation.body is None:
            request.expect_no_body()
        else:
            body = await request.body(limits)
        message: Any = read(request.places, request.query(), body)
        how = {} if key is None else {"caller": caller_of(request.scope, request.headers, client_of)}
        doing = outside.send(message, deadline=request.remaining(limits), key=key, **how)
        return await _sent(doing, answer) if _POSITION in request.headers else answer(await doing)

    chosen = _taking_along(tuple(headers), ask if operation.asks else send)

    crowd = limits.crowd

    async def declared(request: HttpRequest) -> HttpResponse:
        if crowd.size >= limits.max_requests:
            raise crowd.turned_away(limits.max_requests)
        crowd.size += 1
        try:
            return await chosen(request)
        except Refusal as refusal:
            raise refused(refusal, operation.status_of(type(refusal)), operation.name) from refusal
        finally:
            crowd.size -= 1

    return declared


def _always(query: type) -> bool:
    """For senders that do not know which answers have an age."""
    return True


async def _asked(doing: Awaitable[Any], answer: Callable[[Any], HttpResponse]) -> HttpResponse:
    """The answer to a query, with the age of the oldest read model that it comes from, of those that promise one."""
    ages = list[float]()
    around = aging.set(ages)
    try:
        answered = answer(await doing)
    finally:
        aging.reset(around)
    if ages and (age := max(ages)) < inf:
        answered.headers.append((b"age", b"%d" % ceil(age)))
    return answered


async def _sent(doing: Awaitable[Any], answer: Callable[[Any], HttpResponse]) -> HttpResponse:
    """The answer to a command, with the position of what it has written, if that is known."""
    with Written() as written:
        answered = answer(await doing)
    with suppress(Unavailable):
        if position := written.position:
            answered.headers.append((_POSITION, position.encode()))
    return answered


def _taking_along(names: tuple[str, ...], endpoint: Endpoint) -> Endpoint:
    """The endpoint, with request headers of these names passed on."""
    if not names:
        return endpoint

    async def taking(request: HttpRequest) -> HttpResponse:
        with carrying(request.named(names)):
            return await endpoint(request)

    return taking


def _operation(edge: HttpEdge, route: Route, bodies: dict[tuple[type[Message], frozenset[str]], Any]) -> Operation:
    """The prepared route. `bodies` has the types of bodies: routes whose bodies have the same fields share one, because
    the document has one schema per name of a class."""
    message, context = route.message, edge.context
    places = places_of(route.path)
    reply, refusals = reply_of(message)
    answers: Codec[Any] = Codec(reply)  # the reply of a command was checked before its commit
    encode = answers.write if route.method == "GET" else answers.encode
    if route.method in ("GET", "DELETE"):
        body, read = None, query_reader(message, places)
    else:
        fields = (message, frozenset(places))
        body = bodies[fields] = bodies.get(fields) or body_type(message, places)
        read = body_reader(message, places, Codec(body, message.__name__))
    return Operation(
        context=context, route=route, places=places,
        name=contract_of(message, declared_context(message) or context).type,
        fields=fields_of(message), body=body, reply=reply, refusals=refusals, read=read, encode=encode,
        origins=origins_of(edge.origins),
    )  # fmt: skip


def _freshness(query: dict[str, list[str]]) -> bool | str:
    """Removes the parameters for freshness from a query: the ordering key, True for all keys, or False."""
    fresh, keys = _flag(query.pop(FRESH, None)), query.pop(FRESH_KEY, None)
    return fresh if keys is None else only(FRESH_KEY, keys)


def _flag(texts: list[str] | None) -> bool:
    if texts is None:
        return False
    text = only(FRESH, texts)
    try:
        return msgspec.convert(text, bool, strict=False)
    except msgspec.ValidationError as error:
        raise rejected(
            "http.invalid-message", f"{text!r} is neither true nor false", where="query string",
            pointer=f"/{FRESH}", expected="true or false", next="Send fresh=true, or remove the parameter",
        ) from error  # fmt: skip


def _check(route: Route) -> Findings:
    """The findings on one route, without regard to other routes."""
    findings = Findings()
    _check_method(route, findings)
    _check_path(route, findings)
    if not findings:
        _check_types(route, findings)
        _check_refusals(route, findings)
    return findings


def _check_method(route: Route, findings: Findings) -> None:
    message: type = route.message
    if issubclass(message, Query if route.method == "GET" else Command):
        return
    does = "asks a query" if route.method == "GET" else "sends a command"
    is_a = "query" if issubclass(message, Query) else "command" if issubclass(message, Command) else None
    verb = "get" if is_a == "query" else "post"
    _report(
        findings,
        route,
        "route.method",
        f"{route.method} {does}, and {message.__name__} is {f'a {is_a}' if is_a else 'neither a command nor a query'}",
        "GET for a query; POST, PUT or DELETE for a command",
        f"write edge.{verb}({route.path!r}, {message.__name__})" if is_a else "name a command or a query",
    )


def _check_path(route: Route, findings: Findings) -> None:
    try:
        places = places_of(route.path)
    except ValueError as error:
        _report(findings, route, "route.path", str(error), "a path like /students/{student}/invoices", _mended(route))
        return
    fields = [field.encode_name for field in fields_of(route.message)]
    for place in places:
        if place not in fields:
            near = nearest(place, fields)
            _report(
                findings, route, "route.place", f"the place {{{place}}} names no field of {route.message.__name__}",
                one_of(fields, "no places: the message has no fields"),
                f"did you mean {{{near}}}?"
                if near
                else f"remove {{{place}}} from the path, or give {route.message.__name__} a field of this name",
            )  # fmt: skip


def _check_types(route: Route, findings: Findings) -> None:
    message: type[Message] = route.message
    try:
        reply, refusals = reply_of(message)
        msgspec.json.schema_components(wire_types([message, reply, *refusals]))
        arrivals = {field.encode_name: arrives_as(field.type) for field in fields_of(message)}
    except TypeError as error:
        _report(
            findings, route, "route.type", f"{message.__name__} or its answers cannot be JSON: {error}",
            "types that JSON has", f"change the type in {message.__name__}, or remove the route",
        )  # fmt: skip
        return
    places = places_of(route.path)
    for name, arrival in arrivals.items():
        if name in places and arrival != "text":
            _report(
                findings,
                route,
                "route.place",
                f"a value of {name!r} cannot be written as a segment of a path",
                "a text, number, UUID, date, time or enumeration",
                f"remove {{{name}}} from the path",
            )
        elif route.method in ("GET", "DELETE") and not arrival:
            _report(
                findings, route, "route.query", f"a value of {name!r} cannot be written in a query string",
                "text, a number, or a list of these",
                f"give {message.__name__} a field for each part of {name!r}"
                if route.method == "GET"
                else "send it with POST or PUT, which take a JSON body",
            )  # fmt: skip
        elif route.method == "GET" and name in (FRESH, FRESH_KEY):
            _report(
                findings,
                route,
                "route.query",
                f"the parameter {name!r} is reserved: it asks for a fresh answer",
                f"any other name than {FRESH!r} and {FRESH_KEY!r}",
                "rename the field, or its name on the wire",
            )


def _check_refusals(route: Route, findings: Findings) -> None:
    declared = reply_of(route.message)[1]
    for refusal, status in route.refusals.items():
        if refusal not in declared:
            _report(
                findings, route, "route.refusal", f"{route.message.__name__} does not declare {refusal.__name__}",
                f"one of: {', '.join(r.__name__ for r in declared)}" if declared else "no refusals: none is declared",
                "remove it from refusals={...}, or declare it behind the reply: "
                f"[<reply>, {' | '.join(map(name_of, (*declared, refusal)))}]",
            )  # fmt: skip
        if not 400 <= status <= 599:
            _report(
                findings, route, "route.refusal", f"{refusal.__name__} has the status {status}", "400 to 599",
                f"refusals={{{refusal.__name__}: 409}}",
            )  # fmt: skip
    if not 200 <= route.status <= 299:
        _report(
            findings, route, "route.status", f"the status of a reply is {route.status}", "200 to 299",
            "status=200; the status of a refusal is in refusals={...}",
        )  # fmt: skip


def _mended(route: Route) -> str:
    """What to write instead of a path that is wrong."""
    if route.path.startswith("/"):
        return f"change the path {route.path!r}: a place is a whole segment, as in /orders/{{order}}"
    return f"write edge.{route.method.lower()}({'/' + route.path!r}, {route.message.__name__})"


def _report(findings: Findings, route: Route, code: str, what: str, expected: str, next: str) -> None:
    findings.report(
        code, f"{route.declared_at} {route.method} {route.path}".lstrip(), what, expected=expected,
        next=next,
    )  # fmt: skip


_EDGE = "http:"
"""The prefix of all callers of this edge; no context has such a name. Alone, it stands for all unknown clients."""


def caller_of(scope: Mapping[str, Any], headers: Mapping[bytes, bytes], client_of: ClientOf | None) -> str:
    """The caller of a request, as it is stored with the key and sent to other services: a digest of the client."""
    if client_of is None:
        return _named(headers.get(b"authorization", b"").strip(), b"authorization")
    return _named((client_of(scope) or "").encode(), b"client")


def _named(who: bytes, kind: bytes) -> str:
    """A digest, so that neither credentials nor names of people are in stores and logs."""
    return _EDGE + blake2b(who, digest_size=16, person=kind).hexdigest() if who else _EDGE
