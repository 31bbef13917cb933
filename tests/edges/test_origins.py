"""Pages of other origins call routes from a browser if the edge says so, and no others do."""

from __future__ import annotations

from typing import Any

import pytest

from remit import Context, System
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.errors import ModelError
from tests.edges.shop import Answered, Orders, PlaceOrder, Recorder, call

SHOP, OTHER = "https://shop.example", "https://other.example"
ORDERS = "/customers/1/orders"
ORDER: dict[str, Any] = {"lines": []}


def app(*origins: str, docs: bool = True) -> HttpApp:
    edge = HttpEdge("sales", origins=origins)
    edge.post("/customers/{customer}/orders", PlaceOrder, status=201)
    edge.get("/customers/{customer}/orders", Orders)
    return HttpApp(System("shop", contexts=[Context[Any]("sales")], edges=[edge]), Recorder(), docs=docs)


async def asked_before(app: HttpApp, origin: str, method: str = "POST", path: str = ORDERS) -> Answered:
    """What a browser asks before it sends a request of a page."""
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return await call(app, "OPTIONS", path, headers=headers)


def granted(answer: Answered) -> list[str]:
    return sorted(name for name in answer.headers if name.startswith("access-control"))


async def test_a_page_of_a_declared_origin_may_call_and_read_the_answer() -> None:
    before = await asked_before(app(SHOP), SHOP)
    assert before.status == 204
    assert before.headers["access-control-allow-origin"] == SHOP
    assert before.headers["access-control-allow-methods"] == "POST"
    assert "idempotency-key" in before.headers["access-control-allow-headers"]
    answer = await call(app(SHOP), "POST", ORDERS, ORDER, headers={"Origin": SHOP})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (201, SHOP)
    assert answer.headers["vary"] == "origin"


async def test_a_page_may_send_the_headers_that_travel_with_a_request() -> None:
    edge = HttpEdge("sales", origins=[SHOP])
    edge.post("/customers/{customer}/orders", PlaceOrder, status=201)
    shop = System("shop", contexts=[Context[Any]("sales")], edges=[edge], headers=["X-Tenant"])
    before = await asked_before(HttpApp(shop, Recorder()), SHOP)
    sent = before.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "x-tenant"} <= set(sent)


async def test_a_page_reads_problems_too() -> None:
    answer = await call(app(SHOP), "POST", ORDERS, {"lines": 5}, headers={"Origin": SHOP})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (422, SHOP)


@pytest.mark.parametrize("origin", [OTHER, "null", SHOP + ":8443", "http://shop.example", "*"])
async def test_pages_of_other_origins_may_not(origin: str) -> None:
    before = await asked_before(app(SHOP), origin)
    answer = await call(app(SHOP), "GET", ORDERS, headers={"Origin": origin})
    assert (granted(before), granted(answer)) == ([], [])
    assert answer.headers["vary"] == "origin", "a cache keeps the answers to different pages apart"


async def test_an_edge_that_declares_nothing_says_nothing() -> None:
    before = await asked_before(app(), SHOP)
    answer = await call(app(), "GET", ORDERS, headers={"Origin": SHOP})
    assert granted(before) == []
    assert {"vary", *granted(answer)} & {*answer.headers} == set()


async def test_every_origin_may_where_the_edge_says_so() -> None:
    assert (await asked_before(app("*"), OTHER)).headers["access-control-allow-origin"] == OTHER


async def test_a_method_without_a_route_is_not_granted() -> None:
    assert (await asked_before(app(SHOP), SHOP, "DELETE")).status == 405
    assert (await asked_before(app(SHOP), SHOP, "POST", "/nowhere")).status == 404


async def test_preflight_for_head_is_answered_as_for_get() -> None:
    before = await asked_before(app(SHOP), SHOP, "HEAD")
    assert (before.status, before.headers["access-control-allow-methods"]) == (204, "HEAD")


@pytest.mark.parametrize("origin", ["http://LOCALHOST:3000", "https://[::1]:8443", "https://xn--shp-tna.example"])
async def test_origin_with_a_port_or_an_address_is_one(origin: str) -> None:
    assert (await asked_before(app(origin), origin.lower())).status == 204


async def test_a_plain_options_request_is_answered_as_ever() -> None:
    assert (await call(app(SHOP), "OPTIONS", ORDERS)).status == 405


@pytest.mark.parametrize(
    "wrong",
    [
        "shop.example", "https://shop.example/", "https://", "ftp://shop.example", "", "null", "https://*.example",
        "https://shop.example:443", "http://shop.example:80", "https://a,b", "https://shop.example:99999",
        "https://shöp.example",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_found_at_start(wrong: str) -> None:
    with pytest.raises(ModelError) as caught:
        app(wrong)
    assert [finding.code for finding in caught.value.findings] == ["edge.origin"]


async def test_the_root_leads_to_the_docs_page() -> None:
    answer = await call(app(), "GET", "/")
    assert (answer.status, answer.headers["location"]) == (307, "/docs")
    assert (await call(app(docs=False), "GET", "/")).status == 404


async def test_a_route_may_have_the_root() -> None:
    edge = HttpEdge("sales")
    edge.put("/", PlaceOrder)
    served = HttpApp(System("shop", contexts=[Context[Any]("sales")], edges=[edge]), Recorder())
    assert (await call(served, "PUT", "/", {"customer": 1, **ORDER})).status == 200
    assert (await call(served, "GET", "/")).status == 307
