"""A small model with routes, a sender that records, and a client that speaks ASGI without a server or a framework."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NewType

from remit.contexts import Context
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.hosting import System
from remit.messages import Command, Query, Refusal, Value

OrderId = NewType("OrderId", str)
CustomerId = NewType("CustomerId", int)


class LimitExceeded(Refusal):
    """The customer may not owe that much."""

    limit: int


class Closed(Refusal):
    reason: str


class Line(Value):
    article: str
    amount: int


class PlaceOrder(Command[OrderId, LimitExceeded | Closed]):
    """Places an order.

    An order of nothing is possible.
    """

    customer: CustomerId
    lines: list[Line]
    note: str = ""


class Import(Command[None]):
    rows: list[dict[str, int]]


class Cancel(Command[None, Closed]):
    order: OrderId
    because: str = "no reason"


class Touch(Command[None]):
    order: OrderId


class Orders(Query[list[Line], Closed]):
    """The orders of a customer."""

    customer: CustomerId
    since: date | None = None
    tags: list[str] = []  # noqa: RUF012  # msgspec copies an empty list for each message
    limit: int = 20


class Newest(Query[OrderId]):
    customer: CustomerId


def shop() -> System:
    """Fresh contexts, so that a test may add to them."""
    sales = Context[Any]("sales")
    sales_edge = HttpEdge(sales)
    sales_edge.post("/customers/{customer}/orders", PlaceOrder, status=201, refusals={LimitExceeded: 402})
    sales_edge.get("/customers/{customer}/orders", Orders)
    sales_edge.get("/customers/{customer}/orders/newest", Newest)
    sales_edge.delete("/orders/{order}", Cancel, refusals={Closed: 410})
    sales_edge.put("/orders/{order}/touched", Touch)
    sales_edge.post("/import", Import)
    return System("shop", contexts=[sales], edges=[sales_edge])


@dataclass
class Recorder:
    """A sender that keeps what it was given, and answers with `reply` or raises it."""

    reply: Any = None
    calls: list[tuple[Any, dict[str, Any]]] = field(default_factory=list[tuple[Any, dict[str, Any]]])

    async def send(self, command: Any, /, **options: Any) -> Any:
        return self._answer(command, options)

    async def ask(self, query: Any, /, **options: Any) -> Any:
        return self._answer(query, options)

    async def attempt(self, message: Any, /, **options: Any) -> Any:
        raise NotImplementedError

    @property
    def message(self) -> Any:
        """The message of the only call."""
        ((message, _),) = self.calls
        return message

    @property
    def options(self) -> dict[str, Any]:
        """The options of the only call."""
        ((_, options),) = self.calls
        return options

    def _answer(self, message: Any, options: dict[str, Any]) -> Any:
        self.calls.append((message, options))
        if isinstance(self.reply, BaseException):
            raise self.reply
        return self.reply


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Application = Callable[[Any, Any, Any], Awaitable[None]]


async def call(
    app: Application,
    method: str,
    path: str,
    body: Any = b"",
    *,
    headers: dict[str, str] | None = None,
    raw_path: str | None = None,
    parts: list[bytes] | None = None,
    more: Sequence[tuple[str, str]] = (),
    events: list[str] | None = None,
    hangs: bool = False,
) -> Answered:
    """One request. `body` is bytes, or a value that is sent as JSON; `parts` is a body in parts (used up). `more` are
    headers that may be there several times. `events` are filled with what is sent and received; a client that `hangs`
    says nothing more."""
    path, _, query = path.partition("?")
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    chunks = parts if parts is not None else [sent]
    fields = {"host": "test", **({"content-type": "application/json"} if sent or parts else {})}
    fields |= {"content-length": str(len(sent))} if sent else {}
    fields |= headers or {}
    sent_headers = [*((name, value) for name, value in fields.items() if value), *more]
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": (raw_path or path).encode(), "query_string": query.encode(),
        "root_path": "", "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in sent_headers],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {}, "extensions": {},
    }  # fmt: skip
    happened = [] if events is None else events
    sink: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        happened.append("http.request")
        if not chunks and hangs:
            await asyncio.Event().wait()
        if not chunks:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: MutableMapping[str, Any]) -> None:
        happened.append(message["type"])
        sink.append(message)

    await app(scope, receive, send)
    return _answered(sink)


def _answered(sink: list[MutableMapping[str, Any]]) -> Answered:
    if not sink:
        return Answered(0, {}, b"")
    start, *rest = sink
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answered(start["status"], headers, b"".join(message.get("body", b"") for message in rest))


def edge(reply: Any = None, **options: Any) -> tuple[HttpApp, Recorder]:
    """The shop's edge and the sender behind it."""
    sender = Recorder(reply)
    return HttpApp(shop(), sender, **options), sender
