"""A request becomes a message, the reply becomes an answer."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import msgspec
import pytest

from remit.contexts import Context
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.hosting import System
from remit.messages import Command
from tests.edges.shop import Cancel, CustomerId, Line, Newest, OrderId, Orders, PlaceOrder, Recorder, Touch, call, edge


async def test_a_command_is_made_from_path_and_body() -> None:
    app, sender = edge(OrderId("o-1"))
    answer = await call(app, "POST", "/customers/7/orders", {"lines": [{"article": "tea", "amount": 2}]})
    assert (answer.status, answer.json) == (201, "o-1")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert sender.message == PlaceOrder(customer=CustomerId(7), lines=[Line(article="tea", amount=2)])
    assert sender.options["key"] is None
    assert 9 < sender.options["deadline"] <= 10


async def test_a_query_is_made_from_path_and_query_string() -> None:
    app, sender = edge([Line(article="tea", amount=2)])
    answer = await call(app, "GET", "/customers/7/orders?since=2026-02-03&tags=a&tags=b%20c&limit=5")
    assert (answer.status, answer.json) == (200, [{"article": "tea", "amount": 2}])
    assert sender.message == Orders(customer=CustomerId(7), since=date(2026, 2, 3), tags=["a", "b c"], limit=5)
    assert sender.options["fresh"] is False


async def test_defaults_hold_for_what_is_not_given() -> None:
    app, sender = edge([])
    await call(app, "GET", "/customers/7/orders")
    assert sender.message == Orders(customer=CustomerId(7))


@pytest.mark.parametrize(("given", "fresh"), [("true", True), ("1", True), ("false", False)])
async def test_a_fresh_answer_can_be_asked_for(given: str, fresh: bool) -> None:
    app, sender = edge([])
    await call(app, "GET", f"/customers/7/orders?fresh={given}")
    assert sender.options["fresh"] is fresh


@pytest.mark.parametrize("more", ["", "&fresh=true", "&fresh=false"])
async def test_an_answer_can_be_fresh_for_one_key(more: str) -> None:
    app, sender = edge([])
    await call(app, "GET", f"/customers/7/orders?fresh_key=ada%20b{more}")
    assert sender.options["fresh"] == "ada b"


async def test_delete_takes_its_fields_from_the_query_string() -> None:
    app, sender = edge()
    answer = await call(app, "DELETE", "/orders/o-1?because=late")
    assert (answer.status, answer.body) == (200, b"null")
    assert sender.message == Cancel(order=OrderId("o-1"), because="late")


async def test_a_command_whose_fields_are_all_places_needs_no_body() -> None:
    app, sender = edge()
    assert (await call(app, "PUT", "/orders/o-1/touched")).status == 200
    assert sender.message == Touch(order=OrderId("o-1"))


async def test_a_body_may_come_in_parts() -> None:
    app, sender = edge(OrderId("o-1"))
    assert (await call(app, "POST", "/customers/7/orders", parts=[b'{"lin', b'es":[]', b"}"])).status == 201
    assert sender.message.lines == []


async def test_a_literal_segment_goes_before_a_place() -> None:
    app, sender = edge(OrderId("o-1"))
    await call(app, "GET", "/customers/7/orders/newest")
    assert isinstance(sender.message, Newest)


@pytest.mark.parametrize(
    ("raw", "path", "order"),
    [
        ("/orders/a%2Fb", "/orders/a/b", "a/b"),
        ("/mounted/orders/a%2Fb", "/orders/a/b", "a/b"),
        ("/orders/a%20b", "/orders/a b", "a b"),
        ("/orders/caf%C3%A9", "/orders/café", "café"),
    ],
)
async def test_a_place_takes_what_the_client_encoded(raw: str, path: str, order: str) -> None:
    app, sender = edge()
    assert (await call(app, "DELETE", path, raw_path=raw)).status == 200
    assert sender.message.order == order


async def test_more_requests_than_there_is_room_for_are_turned_away() -> None:
    """At once, and the process still says how it is."""
    app, sender = edge(max_requests=2)
    begun, hold = asyncio.Event(), asyncio.Event()

    async def slowly(command: Any, /, **options: Any) -> None:
        begun.set()
        await hold.wait()

    sender.send = slowly  # type: ignore[method-assign]  # in place of the recorder's own
    running = [asyncio.create_task(call(app, "PUT", "/orders/o-1/touched")) for _ in range(2)]
    await begun.wait()
    refused = await call(app, "PUT", "/orders/o-1/touched")
    assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (503, "call.overloaded", "1")
    assert (await call(app, "GET", "/health/ready")).status == 200
    hold.set()
    assert [answer.status for answer in await asyncio.gather(*running)] == [200, 200]
    assert (await call(app, "PUT", "/orders/o-1/touched")).status == 200


@pytest.mark.parametrize("header", ["k-1", '"k-1"'])
async def test_the_idempotency_key_goes_to_the_sender(header: str) -> None:
    app, sender = edge()
    await call(app, "PUT", "/orders/o-1/touched", headers={"idempotency-key": header})
    assert sender.options["key"] == "k-1"


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"request-timeout": "2.5"}, 2, 2.5),
        ({"remit-timeout-ms": "1500"}, 1, 1.5),
        ({"remit-timeout-ms": "1500", "request-timeout": "9"}, 1, 1.5),
        ({"request-timeout": "100000"}, 29, 30),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("PUT", "/orders/o-1/touched"), ("GET", "/customers/7/orders")])
async def test_the_client_sets_the_deadline_within_the_maximum(
    method: str, path: str, headers: dict[str, str], least: float, most: float
) -> None:
    app, sender = edge([], max_deadline=30.0)
    await call(app, method, path, headers=headers)
    assert least < sender.options["deadline"] <= most


async def test_head_answers_like_get_without_the_body() -> None:
    app, _ = edge([Line(article="tea", amount=2)])
    whole = await call(app, "GET", "/customers/7/orders")
    head = await call(app, "HEAD", "/customers/7/orders")
    assert (head.status, head.headers, head.body) == (whole.status, whole.headers, b"")


async def test_status_204_has_no_body() -> None:
    sales = Context[Any]("sales")
    sales_edge = HttpEdge(sales)
    sales_edge.post("/orders/{order}/touched", Touch, status=204)
    answer = await call(
        HttpApp(System("shop", contexts=[sales], edges=[sales_edge]), Recorder()), "POST", "/orders/o-1/touched"
    )
    assert (answer.status, answer.body, answer.headers) == (204, b"", {})


class Odd(Command[None]):
    named: str = msgspec.field(name="class")
    items: list[int] = msgspec.field(default_factory=lambda: [1])


async def test_fields_keep_their_wire_names_and_defaults_beside_places() -> None:
    sales = Context[Any]("sales")
    sales_edge = HttpEdge(sales)
    sales_edge.post("/odd/{class}", Odd)
    sender = Recorder()
    assert (
        await call(HttpApp(System("shop", contexts=[sales], edges=[sales_edge]), sender), "POST", "/odd/x", {})
    ).status == 200
    assert sender.message == Odd(named="x", items=[1])


async def test_the_lifespan_of_the_server_is_answered() -> None:
    app, _ = edge()
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_websocket_is_closed() -> None:
    app, _ = edge()
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app({"type": "websocket", "path": "/"}, receive, send)
    assert sent == ["websocket.close"]
