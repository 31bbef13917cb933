"""The headers of a request reach the interceptors of every handler that the request reaches, and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Later, Query, Repository, Sender, System
from remit.contexts import Invocation
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.errors import RemitError
from remit.hosting.assembly import assemble
from remit.runtime.remote.wire import CallCodec
from remit.runtime.work.carried import carried
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.edges.shop import call
from tests.runtime.apart import Side
from tests.runtime.talk import until

ALL = ["buy", "price", "pay", "on_bought", "on_paid", "thank"]
"""The handlers that one purchase reaches: by calls, by events of both kinds, and by a command sent for later."""


class Buy(Command[int]):
    what: str


class Price(Query[int]):
    what: str


class Pay(Command[None]):
    what: str


class Thank(Command[None]):
    what: str


class Bought(DomainEvent):
    what: str


class Paid(DomainEvent):
    what: str


class GotPaid(IntegrationEvent, version=1):
    what: str


class Purchase(Aggregate[str, Bought]): ...


class Payment(Aggregate[str, Paid]): ...


class Market:
    """A desk that buys at a till, and which headers each handler has had, by what was bought."""

    def __init__(self, headers: list[str]) -> None:
        self.seen: dict[str, dict[str, Mapping[str, str]]] = {}
        self.desk, self.till = (Context(name, interceptors=[self.note]) for name in ("desk", "till"))
        self._open_desk()
        self._open_till()
        edge = HttpEdge(self.desk)
        edge.post("/purchases", Buy)
        edge.get("/prices/{what}", Price)
        self.system = System("market", contexts=[self.desk, self.till], edges=[edge], headers=headers)

    async def note(self, invocation: Invocation, /) -> Any:
        what: Any = invocation.message
        self.seen.setdefault(what.what, {})[invocation.handler] = invocation.headers
        return await invocation.proceed()

    def _open_desk(self) -> None:
        desk = self.desk

        @desk.handle(Buy)
        async def buy(command: Buy, kept: Repository[Purchase], sender: Sender) -> int:
            await sender.send(Pay(what=command.what))
            (await kept.obtain(command.what)).record(Bought(what=command.what))
            return await sender.ask(Price(what=command.what))

        @desk.react(Bought)
        async def on_bought(event: Bought) -> None: ...

        @desk.react(GotPaid)
        async def on_paid(event: GotPaid, later: Later[Thank]) -> None:
            later.send(Thank(what=event.what))

    def _open_till(self) -> None:
        till = self.till

        @till.handle(Pay)
        async def pay(command: Pay, kept: Repository[Payment]) -> None:
            (await kept.obtain(command.what)).record(Paid(what=command.what))

        @till.answer(Price)
        async def price(query: Price) -> int:
            return 3

        @till.publish(Paid)
        def publish(event: Paid) -> GotPaid:
            return GotPaid(what=event.what)

        @till.handle(Thank)
        async def thank(command: Thank) -> None: ...

    async def all_of(self, what: str) -> Mapping[str, Mapping[str, str]]:
        """The headers that each handler has had for one purchase, once all have."""
        await until(lambda: sorted(self.seen.get(what, {})) == sorted(ALL))
        return self.seen[what]


def everywhere(headers: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """What each handler has had."""
    return dict.fromkeys(ALL, headers)


async def buys(edge: Any, what: str, *headers: tuple[str, str]) -> Any:
    return await call(edge, "POST", "/purchases", {"what": what}, more=headers)


async def test_they_reach_every_handler_by_calls_and_events(anywhere: str) -> None:
    market = Market(["X-Tenant"])
    host = assemble(market.system.model(), store=anywhere)
    await host.start()
    edge = HttpApp(market.system, host)
    assert (await buys(edge, "tea", ("x-tenant", 'ac"me'), ("x-other", "1"))).status == 200
    assert (await buys(edge, "jam")).status == 200
    assert await market.all_of("tea") == everywhere({"x-tenant": 'ac"me'})
    assert await market.all_of("jam") == everywhere({}), "those of another request are not kept"
    await host.stop()


@pytest.fixture(params=["json", "msgpack"])
async def apart(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Market, Side, Side]]:
    market, exchange = Market(["x-tenant"]), Exchange()
    desk, till = (
        Side(market.system, name, InProcessCalls(exchange), encoding=request.param) for name in ("desk", "till")
    )
    for side in (desk, till):
        await side.start()
    yield market, desk, till
    for side in (desk, till):
        await side.stop()


async def test_they_reach_every_handler_in_other_processes(apart: tuple[Market, Side, Side]) -> None:
    market, desk, _ = apart
    edge = HttpApp(market.system, desk.host)
    assert (await buys(edge, "tea", ("x-tenant", "ac me %7"))).status == 200
    assert (await buys(edge, "jam")).status == 200
    assert await market.all_of("tea") == everywhere({"x-tenant": "ac me %7"})
    assert await market.all_of("jam") == everywhere({})


async def test_a_task_that_answers_others_keeps_none_of_theirs(apart: tuple[Market, Side, Side]) -> None:
    """Nor does one whose header cannot be read, which is told."""
    market, _, till = apart
    asked = CallCodec("", "query", till.host.model.contracts[Price], "json")
    for said, status in (("%7B%22x-tenant%22:%22acme%22%7D", "ok"), ("%7B", "message.invalid")):
        request = asked.request(Price(what=status), {"remit-headers": said, "remit-timeout-ms": "5000"})
        assert (await till.reception.answer(request)).status == status
        assert carried.get() == {}
    assert market.seen["ok"]["price"] == {"x-tenant": "acme"}
    assert "message.invalid" not in market.seen


def test_code_that_is_no_edge_says_them_itself() -> None:
    market = Market(["x-tenant"])
    with market.system.connect_sync(store="memory:") as app:
        with market.system.with_headers({"x-tenant": "acme"}):
            app.ask(Price(what="tea"))
        app.ask(Price(what="jam"))
    assert {what: seen["price"] for what, seen in market.seen.items()} == {"tea": {"x-tenant": "acme"}, "jam": {}}


@pytest.mark.parametrize("headers", [{"x-other": "1"}, {"x-tenant": "\n"}, {"x-tenant": "é"}, {"x-tenant": "a" * 256}])
def test_a_header_that_cannot_travel_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(RemitError, match="header"):
        Market(["x-tenant"]).system.with_headers(headers)


@pytest.mark.parametrize("given", [["a", "a"], ["\x07"], ["a" * 256]])
async def test_a_client_of_the_edge_is_told_of_a_header_that_cannot_travel(given: list[str]) -> None:
    market = Market(["x-tenant"])
    host = assemble(market.system.model(), store="memory:")
    await host.start()
    got = await buys(HttpApp(market.system, host), "tea", *(("x-tenant", value) for value in given))
    assert (got.status, got.json["code"], got.json["where"]) == (400, "http.malformed-header", "header x-tenant")
    assert market.seen == {}
    await host.stop()


async def test_a_system_that_names_none_stores_none() -> None:
    market = Market([])
    host = assemble(market.system.model(), store="memory:")
    await host.start()
    await buys(HttpApp(market.system, host), "tea", ("x-tenant", "acme"))
    assert await market.all_of("tea") == everywhere({})
    await host.stop()


@pytest.mark.parametrize("name", ["authorization", "cookie", "remit-key", "x tenant", ""])
def test_system_header(name: str) -> None:
    """Headers that travel are stored, so credentials are none of them."""
    assert [finding.code for finding in System("market", contexts=[], headers=[name]).check()] == ["system.header"]


def test_system_header_of_too_many() -> None:
    names = [f"x-{number}" for number in range(9)]
    assert [finding.code for finding in System("market", contexts=[], headers=names).check()] == ["system.header"]
    assert System("market", contexts=[], headers=names[1:]).check() == []
