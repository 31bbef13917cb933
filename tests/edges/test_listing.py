"""What a client asks of a list over HTTP is its own mistake if it cannot be answered: 400, with a code."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from remit import System
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.runtime import Host
from tests.edges.shop import call
from tests.runtime.parcels import Assign, Assigned, Carried, system


@pytest.fixture
async def app() -> AsyncIterator[HttpApp]:
    contexts = system.contexts
    edge = HttpEdge("parcels")
    edge.get("/couriers/{courier}/parcels", Carried)
    async with system.connect(store="memory:") as host:
        assert isinstance(host, Host)
        await host.send(Assign(assigned=[Assigned(parcel=f"p{n}", courier="ada") for n in range(3)]))
        yield HttpApp(System("parcels", contexts=contexts, edges=[edge]), host)


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "9223372036854775807"])
async def test_a_page_of_a_size_that_no_page_has_is_refused(app: HttpApp, limit: str) -> None:
    answer = await call(app, "GET", f"/couriers/ada/parcels?limit={limit}")
    assert (answer.status, answer.json["code"]) == (400, "view.bad-limit")
    assert limit in answer.json["detail"]


async def test_a_cursor_of_another_query_and_a_malformed_one_are_refused(app: HttpApp) -> None:
    page = await call(app, "GET", "/couriers/ada/parcels?limit=2&fresh=true")
    cursor = page.json["next"]
    assert (await call(app, "GET", f"/couriers/ada/parcels?limit=2&after={cursor}")).status == 200
    for wrong in (
        f"/couriers/bob/parcels?after={cursor}",
        "/couriers/ada/parcels?after=x",
        "/couriers/ada/parcels?after=",
    ):
        answer = await call(app, "GET", wrong)
        assert (answer.status, answer.json["code"]) == (400, "view.bad-cursor")
