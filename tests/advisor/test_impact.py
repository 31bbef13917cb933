"""What is predicted for each way in which contexts interact."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from learning.process import TOPOLOGIES
from learning.system import platform
from remit import Aggregate, Command, Context, Query, Repository, Sender, System
from remit.advisor.contract import uses_of
from remit.advisor.impact import Impact, impact_of
from remit.advisor.outages import How, context_outage, service_outage
from remit.advisor.placed import unseen_by
from remit.advisor.reading import interactions_of
from remit.advisor.together import together
from remit.errors import CallError, RemitError, Unavailable
from remit.relations import CustomerSupplier
from remit.topology.file import read_topology
from remit.topology.placement import Placement, place
from remit.topology.shapes import shapes_of
from tests.advisor.bazaar import Left, Pack, bazaar, between_three, left, others, parcels, stalls, stock

INTERACTIONS = interactions_of(bazaar.model())


class Paint(Command[None]): ...


class Colour(Query[str]): ...


class Trees(Query[int]): ...


def told(context: str, how: How = "down") -> Impact:
    return impact_of(INTERACTIONS, context_outage(INTERACTIONS, context, how))


def reasons(points: Any, context: str) -> dict[str, str]:
    """Why, by point, without the points of the context that is away."""
    return {each.name: str(reason) for each, reason in points.items() if each.context != context}


def test_a_call_fails_with_what_it_calls_through_any_number_of_calls() -> None:
    fails = reasons(told("stock").fails, "stock")
    assert fails["stalls.Sell"] == "stalls.Sell → stock.Reserve", "the call of a reaction in the same unit of work"
    assert fails["POST /items/{item}/sales"] == "POST /items/{item}/sales → stalls.Sell → stock.Reserve"
    assert fails["GET /items/{item}/left"] == "GET /items/{item}/left → stock.Left", "a route to another context"
    assert "stalls.Prices" not in fails


def test_a_handler_that_catches_the_error_goes_on_without_the_answer_and_is_slow_all_the_same() -> None:
    found = told("stock")
    (show,) = (each for each in found.degrades if each.context != "stock")
    assert (show.name, found.degrades[show].basis) == ("stalls.Show", "estimate")
    assert "stalls.Show" in reasons(told("stock", "slow").degrades, "stock")


async def _kindly(calls: Sender, query: Left) -> int:
    try:
        return await calls.ask(query)
    except CallError:
        return 0


async def _left(calls: Sender) -> int:
    return await calls.ask(Left(item="a"))


class _Shelf:
    async def left(self, calls: Sender) -> int:
        return await self.asked(calls)

    async def asked(self, calls: Sender) -> int:
        return 0


class _RealShelf(_Shelf):
    async def asked(self, calls: Sender) -> int:
        return await calls.ask(Left(item="a"))


_SHELF, _PARTIAL = _RealShelf(), partial(_left)
_ERRORS = (Unavailable, KeyError)


async def _by_kind(calls: Sender, kind: type[Left] = Left) -> int:
    return await calls.ask(kind(item="a"))


class _Ways:
    """Handlers that call stock: how each of them catches the error."""

    @staticmethod
    async def surrounded(command: Paint, calls: Sender) -> None:
        try:
            await calls.ask(Left(item="a"))
        except Unavailable:
            return

    @staticmethod
    async def surrounded_twice(command: Paint, calls: Sender) -> None:
        try:
            try:
                await calls.ask(Left(item="a"))
            except ValueError:
                return
        except (KeyError, RemitError):
            return

    @staticmethod
    async def suppressed(command: Paint, calls: Sender) -> None:
        with suppress(Unavailable):
            await calls.ask(Left(item="a"))

    @staticmethod
    async def by_variable(command: Paint, calls: Sender) -> None:
        query = Left(item="a")
        try:
            await calls.ask(query)
        except Unavailable:
            return

    @staticmethod
    async def by_loop(command: Paint, calls: Sender) -> None:
        queries = [Left(item=each) for each in "ab"]
        for query in queries:
            with suppress(Unavailable):
                await calls.ask(query)

    @staticmethod
    async def by_function(command: Paint, calls: Sender) -> None:
        try:
            await _left(calls)
        except Unavailable:
            return

    @staticmethod
    async def by_inner_function(command: Paint, calls: Sender) -> None:
        async def ask() -> int:
            return await calls.ask(Left(item="a"))

        try:
            await ask()
        except Unavailable:
            return

    @staticmethod
    async def passed_on(command: Paint, calls: Sender) -> None:
        await _kindly(calls, Left(item="a"))

    @staticmethod
    async def bare(command: Paint, calls: Sender) -> None:
        await calls.ask(Left(item="a"))

    @staticmethod
    async def once(command: Paint, calls: Sender) -> None:
        try:
            await calls.ask(Left(item="a"))
        except Unavailable:
            await calls.ask(Left(item="b"))

    @staticmethod
    async def function_once(command: Paint, calls: Sender) -> None:
        try:
            await _left(calls)
        except Unavailable:
            await _left(calls)

    @staticmethod
    async def afterwards(command: Paint, calls: Sender) -> None:
        try:
            print(command)
        except Unavailable:
            return
        else:
            await calls.ask(Left(item="a"))

    @staticmethod
    async def another_error(command: Paint, calls: Sender) -> None:
        try:
            await calls.ask(Left(item="a"))
        except ValueError:
            return

    @staticmethod
    async def raised_again(command: Paint, calls: Sender) -> None:
        try:
            await calls.ask(Left(item="a"))
        except Unavailable:
            print("away")
            raise

    @staticmethod
    async def raised_by_the_first_clause(command: Paint, calls: Sender) -> None:
        try:
            await calls.ask(Left(item="a"))
        except Unavailable:
            raise
        except RemitError:
            return

    @staticmethod
    async def variable_used_twice(command: Paint, calls: Sender) -> None:
        query = Left(item="a")
        with suppress(Unavailable):
            await calls.ask(query)
        await calls.ask(query)

    @staticmethod
    async def another_is_raised(command: Paint, calls: Sender) -> None:
        try:
            await calls.ask(Left(item="a"))
        except Exception as error:
            raise ValueError("away") from error

    @staticmethod
    async def through_an_object(command: Paint, calls: Sender) -> None:
        await _SHELF.left(calls)

    @staticmethod
    async def through_an_override(command: Paint, calls: Sender) -> None:
        await _RealShelf().left(calls)

    @staticmethod
    async def through_a_partial(command: Paint, calls: Sender) -> None:
        await _PARTIAL(calls)

    @staticmethod
    async def through_a_default(command: Paint, calls: Sender) -> None:
        await _by_kind(calls)

    @staticmethod
    async def gathered(command: Paint, calls: Sender) -> None:
        await asyncio.gather(calls.ask(Left(item="a")))

    @staticmethod
    async def gathered_with_errors(command: Paint, calls: Sender) -> None:
        await asyncio.gather(calls.ask(Left(item="a")), return_exceptions=True)

    @staticmethod
    async def waited_for(command: Paint, calls: Sender) -> None:
        await asyncio.wait([asyncio.ensure_future(calls.ask(Left(item="a")))])

    @staticmethod
    async def left_alone(command: Paint, calls: Sender) -> None:
        asyncio.ensure_future(calls.ask(Left(item="a")))  # noqa: RUF006  # nobody waits for it

    @staticmethod
    async def returned_at_last(command: Paint, calls: Sender) -> None:
        try:
            await calls.ask(Left(item="a"))
        finally:
            return  # noqa: B012  # it discards the error

    @staticmethod
    async def by_a_tuple(command: Paint, calls: Sender) -> None:
        try:
            await calls.ask(Left(item="a"))
        except (ValueError, *_ERRORS):
            return


_CAUGHT = frozenset({
    "gathered_with_errors", "left_alone", "returned_at_last", "by_a_tuple",
    "surrounded", "surrounded_twice", "suppressed", "by_variable", "by_loop", "by_function", "by_inner_function",
    "passed_on",
})  # fmt: skip


@pytest.mark.parametrize("way", [name for name in vars(_Ways) if not name.startswith("__")])
def test_each_call_is_judged_by_the_clauses_that_surround_it(way: str) -> None:
    house, store = Context("house"), Context("stock")
    house.handle(Paint)(getattr(_Ways, way))
    store.answer(Left)(left)
    interactions = interactions_of(System("home", contexts=[house, store]).model())
    found = impact_of(interactions, context_outage(interactions, "stock", "down"))
    ends = found.degrades if way in _CAUGHT else found.fails
    assert "house.Paint" in {each.name for each in ends}


def test_a_caught_call_does_not_help_with_another_call() -> None:
    house, garden, store = Context("house"), Context("garden"), Context("stock")

    @house.handle(Paint)
    async def paint(command: Paint, calls: Sender) -> None:
        with suppress(Unavailable):
            await calls.ask(Left(item="a"))
        await calls.ask(Trees())

    @garden.answer(Trees)
    async def trees(query: Trees) -> int:
        return 3

    store.answer(Left)(left)
    interactions = interactions_of(System("home", contexts=[house, garden, store]).model())
    away = {name: impact_of(interactions, context_outage(interactions, name, "down")) for name in ("stock", "garden")}
    assert reasons(away["stock"].degrades, "stock") == {"house.Paint": "house.Paint → stock.Left"}
    assert reasons(away["garden"].fails, "garden") == {"house.Paint": "house.Paint → garden.Trees"}


def test_commands_for_later_wait_for_their_context_and_their_sender_goes_on() -> None:
    found = told("parcels")
    assert reasons(found.goes_on, "parcels")["stalls.Sell"] == "stalls.Sell → parcels.Pack → parcels.commands"
    assert reasons(found.fails, "parcels") == {}
    waits = {each.name for each in found.waits}
    assert waits == {"parcels.commands", "ledger.book"}


def test_commands_for_later_of_a_sender_that_is_down_wait_and_so_does_what_follows_from_them() -> None:
    found = told("stalls")
    assert reasons(found.waits, "stalls") == {
        "parcels.commands": "parcels.Pack → parcels.commands",
        "ledger.CountOf": "stalls.ItemSold → ledger.CountOf",
    }
    models = {each.name: str(each.because) for each in found.models}
    assert models["parcels.Parcel"] == "parcels.Pack → parcels.commands → parcels.Pack → parcels.Parcel"
    assert models["ledger tables"].endswith("parcels.ItemPacked → ledger.book → ledger tables")
    stale = reasons(found.stale, "stalls")
    assert {"ledger.Booked", "ledger.Counted"} <= stale.keys()


def test_the_log_of_a_slow_context_can_be_read() -> None:
    found = told("stalls", "slow")
    assert reasons(found.waits, "stalls") == {}
    assert reasons(found.degrades, "stalls") == {
        "stock.Reserve": "stock.Reserve → stalls.Prices",
    }


@pytest.mark.parametrize("context", bazaar.names)
@pytest.mark.parametrize("how", ["down", "slow"])
def test_every_point_has_exactly_one_outcome(context: str, how: How) -> None:
    found = told(context, how)
    all_of_them = [*found.fails, *found.degrades, *found.waits, *found.stale, *found.unaffected]
    all_of_them += [each for each in found.not_fresh if each not in found.stale and each not in found.degrades]
    assert len(all_of_them) == len(set(all_of_them)) == len(INTERACTIONS.points)


def test_a_fresh_answer_waits_for_services_of_which_the_asked_one_knows_nothing(tmp_path: Path) -> None:
    house, garden = Context("house"), Context("garden")

    @house.handle(Paint)
    async def paint(command: Paint) -> None: ...

    @house.answer(Colour)
    async def colour(query: Colour) -> str:
        return "red"

    @garden.answer(Trees)
    async def trees(query: Trees) -> int:
        return 3

    system = System("home", contexts=[house, garden])
    model = system.model()
    (tmp_path / "home.toml").write_text(
        'system = "home"\n[channels]\ncalls = "http"\n'
        '[services.house]\nruns = ["house"]\ncalls = "127.0.0.1:9001"\n'
        '[services.garden]\nruns = ["garden"]\ncalls = "127.0.0.1:9002"\n'
    )
    placement = place(read_topology(tmp_path / "home.toml"), shapes_of(model))
    unseen = unseen_by(placement, {name: system.hosting([name]).model() for name in ("house", "garden")})
    interactions = interactions_of(model)
    outage = service_outage(placement, "garden", "down")
    away = context_outage(interactions, "garden", "down")
    assert [each.name for each in impact_of(interactions, away).not_fresh] == []
    assert [each.name for each in impact_of(interactions, outage, unseen).not_fresh] == ["house.Colour"]


# --- contracts -------------------------------------------------------------------------------------------------------


def test_a_changed_message_concerns_all_that_handle_record_call_follow_and_route_to_it() -> None:
    seen = {(each.what, each.point): (each.basis, each.relation) for each in uses_of(INTERACTIONS, "stalls.ItemSold")}
    assert seen == {
        ("declares", "stalls.ItemSold"): ("declared", ""),
        ("publishes", "stalls.publish_as(Sold, ItemSold)"): ("declared", ""),
        ("records", "stalls.Sell"): ("estimate", ""),
        ("projects", "ledger.CountOf"): ("declared", "OpenHost"),
    }
    seen = {(each.what, each.point): (each.basis, each.relation) for each in uses_of(INTERACTIONS, "stock.Left")}
    assert seen == {
        ("declares", "stock.Left"): ("declared", ""),
        ("handles", "stock.Left"): ("declared", ""),
        ("calls", "stalls.Show"): ("estimate", "Partnership"),
        ("routes to", "GET /items/{item}/left"): ("declared", "Partnership"),
    }
    seen = {
        (each.what, each.point): (each.basis, each.relation) for each in uses_of(INTERACTIONS, "parcels.ItemPacked")
    }
    assert seen["reacts to", "ledger.book"] == ("declared", "AntiCorruptionLayer in tests.advisor.bazaar")
    sends = next(each for each in uses_of(INTERACTIONS, "parcels.Pack") if each.what == "sends for later")
    assert (sends.point, sends.basis) == ("stalls.Sell", "declared")
    assert Path(sends.place.rpartition(":")[0]).name == "bazaar.py"


def test_a_changed_message_concerns_the_outbox_of_code_with_its_own_transactions() -> None:
    office = Context("office", outbox=[Pack])
    relations = [*between_three, CustomerSupplier(supplier=parcels, customer=office)]
    system = System("office", contexts=[office, stalls, stock, parcels], relations=relations)
    uses = uses_of(interactions_of(system.model()), "parcels.Pack")
    (use,) = (each for each in uses if each.context == "office")
    assert (use.what, use.point, use.relation) == ("sends for later", "outbox of office", "CustomerSupplier")


# --- together --------------------------------------------------------------------------------------------------------


def test_contexts_that_call_one_another_in_a_circle_move_together() -> None:
    (group,) = together(replace(INTERACTIONS, relations=()))
    assert group.contexts == ("stalls", "stock")
    assert {(tie.context, tie.other) for tie in group.ties} == {("stalls", "stock"), ("stock", "stalls")}


def test_partners_and_contexts_with_a_kernel_in_common_move_together() -> None:
    (group,) = together(replace(INTERACTIONS, relations=tuple(others)))
    assert group.contexts == ("stalls", "stock", "parcels", "ledger")
    assert {tie.why for tie in group.ties} >= {"Partnership", "SharedKernel"}
    assert together(interactions_of(platform.hosting().model())) == []


# --- services --------------------------------------------------------------------------------------------------------


def placed(name: str) -> Placement:
    return place(read_topology(str(TOPOLOGIES / f"{name}.toml")), shapes_of(platform.hosting().model()))


def test_what_a_service_has_published_in_a_database_can_be_read_while_it_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PG", "SCHOOL_PASSWORD"):
        monkeypatch.setenv(name, "any")
    found = of_service("postgresql/four", "enrollment")
    assert {each.context for each in found.waits} == {"enrollment"}
    assert "learning.CourseRecord" in {each.name for each in found.models}, "what it has not decided yet comes later"


def of_service(topology: str, service: str) -> Impact:
    interactions = interactions_of(platform.hosting().model())
    return impact_of(interactions, service_outage(placed(topology), service, "down"))


def test_a_service_with_edges_alone_takes_its_routes_away_and_nothing_else() -> None:
    found = of_service("edges-http", "door")
    assert {each.kind for each in found.fails} == {"route"}
    assert not found.waits
    assert not found.models


def test_who_opens_the_store_of_a_source_can_read_its_log_while_its_service_is_down() -> None:
    found = of_service("apart-http", "learning-write")
    assert {each.name for each in found.waits} == {"learning.follow_enrollment"}, (
        "others read the store, or ask its reader"
    )
    assert "learning.CompleteModule" in {each.name for each in found.fails}
    stale = {each.name for each in found.stale if each.kind == "query"}
    assert stale == {"learning.Progress", "learning.Students", "learning.Transcript"}


class _Kept(Aggregate[str]):
    last: Paint | None = None


def test_a_changed_message_concerns_the_models_that_hold_it() -> None:
    house, store = Context("house"), Context("stock")

    @house.handle(Paint)
    async def paint(command: Paint) -> None: ...

    @store.answer(Left)
    async def kept(query: Left, models: Repository[_Kept]) -> int:
        return 0

    uses = uses_of(interactions_of(System("home", contexts=[house, store]).model()), "house.Paint")
    assert ("holds", "stock._Kept.last") in {(each.what, each.point) for each in uses}
