"""Routes that do not hold are found at once, when the edge is made."""

from __future__ import annotations

import pytest

from remit.contexts import Context, Route
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.errors import ModelError
from remit.hosting import System
from remit.messages import Command, Query
from tests.edges.shop import Cancel, Closed, LimitExceeded, Line, Newest, Orders, PlaceOrder, Recorder, Touch


class Box:
    pass


class Wrapped(Query[int]):
    line: Line


class FreshKey(Query[int]):
    fresh_key: str


class Fresh(Query[int]):
    fresh: bool


class Boxed(Command[Box]):
    order: str


class Ping(Query[None]):
    pass


def findings(*routes: Route) -> list[tuple[str, str]]:
    edge = HttpEdge("sales")
    edge.routes.extend(routes)
    with pytest.raises(ModelError) as raised:
        HttpApp(System("shop", contexts=[Context("sales")], edges=[edge]), Recorder())
    for finding in raised.value.findings:
        assert finding.where.split()[0] in ("GET", "POST", "PUT", "DELETE")
        assert finding.next
    return [(finding.code, finding.what) for finding in raised.value.findings]


@pytest.mark.parametrize(
    ("route", "code", "part"),
    [
        (Route("POST", "/orders/{what}", Touch), "route.place", "{what} "),
        (Route("POST", "/orders/{order", Touch), "route.path", "not closed"),
        (Route("POST", "/orders/order}", Touch), "route.path", "not closed"),
        (Route("POST", "/orders/x{order}", Touch), "route.path", "whole segment"),
        (Route("POST", "/orders/{}", Touch), "route.path", "whole segment"),
        (Route("POST", "/{order}/{order}", Touch), "route.path", "twice"),
        (Route("POST", "orders/{order}", Touch), "route.path", "begin with '/'"),
        (Route("GET", "/orders?x=1", Newest), "route.path", "query string"),
        (Route("POST", "/orders/{lines}", PlaceOrder), "route.place", "segment of a path"),
        (Route("GET", "/lines", Wrapped), "route.query", "query string"),
        (Route("GET", "/fresh", Fresh), "route.query", "fresh"),
        (Route("GET", "/fresh", FreshKey), "route.query", "fresh_key"),
        (Route("POST", "/boxes", Boxed), "route.type", "Box"),
        (Route("GET", "/docs", Ping), "route.doubled", "this edge itself"),
        (Route("POST", "/orders", Newest), "route.method", "POST sends a command"),
        (Route("GET", "/orders/{order}", Touch), "route.method", "GET asks a query"),
        (Route("DELETE", "/o/{order}", Cancel, 200, {LimitExceeded: 402}), "route.refusal", "LimitExceeded"),
        (Route("DELETE", "/o/{order}", Cancel, 200, {Closed: 200}), "route.refusal", "200"),
        (Route("POST", "/o/{order}", Touch, 404), "route.status", "404"),
    ],
)
def test_a_route_that_does_not_hold(route: Route, code: str, part: str) -> None:
    ((found, what),) = findings(route)
    assert found == code
    assert part in what


def test_two_routes_with_one_method_and_path() -> None:
    ((code, what),) = findings(
        Route("GET", "/customers/{customer}", Newest), Route("GET", "/customers/{customer}", Orders)
    )
    assert code == "route.doubled"
    assert "Newest" in what


def test_places_of_other_names_make_no_other_path() -> None:
    ((code, _),) = findings(Route("PUT", "/{order}", Touch), Route("PUT", "/{customer}", PlaceOrder))
    assert code == "route.doubled"


def test_all_findings_come_together() -> None:
    assert len(findings(Route("POST", "/{x}", Touch), Route("POST", "/{", Touch))) == 2
