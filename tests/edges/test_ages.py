"""The answer to a query says how old the read models are that it comes from, if they promise their freshness."""

from __future__ import annotations

import asyncio

import pytest

from remit import System
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.observability.health import Health
from remit.runtime import Host
from tests.edges.school import PlacesOf, school
from tests.edges.shop import call
from tests.runtime.talk import on_virtual_time
from tests.runtime.upkeep.board import Best, Goals, apart, league


def edge_of(host: Host) -> HttpApp:
    system = league()
    edge = HttpEdge("rankings")
    edge.get("/teams/{team}/goals", Goals)
    edge.get("/best", Best)
    return HttpApp(System("league", contexts=system.contexts, edges=[edge]), host)


@pytest.mark.parametrize("side", ["rankings", "matches"])
@on_virtual_time
async def test_an_answer_has_its_age_whichever_process_has_the_edge(side: str) -> None:
    async with apart() as shop:
        app = edge_of(shop.rankings if side == "rankings" else shop.matches)
        await shop.score()
        await shop.settled()
        answer = await call(app, "GET", "/teams/reds/goals")
        assert (answer.json, answer.headers["age"]) == (1, "1")


@on_virtual_time
async def test_an_answer_from_a_model_with_a_silent_source_says_its_age_and_is_a_problem_past_the_limit() -> None:
    async with apart() as shop:
        app = edge_of(shop.rankings)
        await shop.score()
        await shop.settled()
        await shop.stop_matches()
        await asyncio.sleep(40)
        for path in ("/teams/reds/goals", "/best"):
            answer = await call(app, "GET", path)
            assert (answer.status, answer.json) == (200, 1)
            assert 40 <= int(answer.headers["age"]) <= 44
        await asyncio.sleep(30)
        answer = await call(app, "GET", "/best")
        assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "view.too-old", "5")
        assert (await call(app, "GET", "/teams/reds/goals")).status == 200


@on_virtual_time
async def test_health_tells_of_models_that_promise_their_freshness() -> None:
    async with apart() as shop:
        await shop.settled()
        assert [(each.name, each.state, each.well) for each in Health(shop.rankings).models()] == [
            ("rankings.Table", "fresh", True), ("rankings.Standing", "fresh", True),
        ]  # fmt: skip
        assert Health(shop.matches).models() == []
        await shop.stop_matches()
        await asyncio.sleep(15)
        assert {(each.state, each.well) for each in Health(shop.rankings).models()} == {("source-silent", False)}


@on_virtual_time
async def test_only_what_may_have_an_age_is_asked_for_it() -> None:
    async with apart() as shop:
        assert shop.rankings.measures(Goals)
        assert shop.matches.measures(Goals), "another process answers it, and may know"
    async with school().connect(store="memory:") as sender:
        assert isinstance(sender, Host)
        assert not sender.measures(PlacesOf)
