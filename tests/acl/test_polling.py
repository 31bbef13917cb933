"""A polled API on the clock of the test: it pages, repeats itself, goes back, fails and hangs."""

from __future__ import annotations

import asyncio
import inspect
from datetime import timedelta
from typing import Any

import pytest

from remit import Command, Context, Query, Record, Records, System, Value
from remit.foreign import Fetched, Polled
from remit.runtime.events import TroubleBegun, TroubleEnded
from remit.testing import running
from remit.testing.app import App, SyncApp

MINUTE = timedelta(minutes=1)


class Rate(Value):
    currency: str
    cents: int
    number: int


class Quote(Command[None]):
    currency: str
    cents: int


class Quoted(Query[list[int]]):
    currency: str


class Quotes(Record[str]):
    cents: tuple[int, ...] = ()


class RatesApi:
    """What the test makes of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[Any] = []

    async def since(self, after: str) -> Any:
        self.asked.append(after)
        nothing: Fetched[Rate] = Fetched([], after)
        answer: Any = self.answers.pop(0) if self.answers else nothing
        if isinstance(answer, BaseException):
            raise answer
        if inspect.iscoroutinefunction(answer):
            await answer()
        return answer


async def newest(after: str, api: RatesApi) -> Fetched[Rate]:
    found: Fetched[Rate] = await api.since(after)
    return found


def key_of(rate: Rate) -> str:
    return f"{rate.currency}-{rate.number}"


def currency_of(rate: Rate) -> str:
    return rate.currency


def number_of(rate: Rate) -> int:
    return rate.number


pricing = Context("pricing")
pricing.provide(RatesApi, RatesApi)


@pricing.translate(
    Polled(
        "rates", fetch=newest, every=MINUTE, key=key_of, entity=currency_of, version=number_of,
        deadline=timedelta(seconds=10),
    )
)  # fmt: skip
def rated(rate: Rate) -> Quote | None:
    if rate.cents < 0:
        raise SystemExit(3)
    return Quote(currency=rate.currency, cents=rate.cents) if rate.cents else None


@pricing.handle(Quote)
async def quote(command: Quote, quotes: Records[Quotes]) -> None:
    before = await quotes.find(command.currency)
    await quotes.put(Quotes(id=command.currency, cents=(*(before.cents if before else ()), command.cents)))


@pricing.answer(Quoted)
async def quoted(query: Quoted, quotes: Records[Quotes]) -> list[int]:
    found = await quotes.find(query.currency)
    return [] if found is None else list(found.cents)


system = System("shop", contexts=[pricing])
EUR = [Rate(currency="EUR", cents=cents, number=number) for number, cents in enumerate([100, 101, 102, 103])]


def passes(app: SyncApp, seconds: float) -> None:
    """Lets time pass in steps that the system can follow."""
    for _ in range(int(seconds)):
        app.clock.move(seconds=1)
        app.settled()


@pytest.fixture
def api() -> RatesApi:
    return RatesApi()


async def hang() -> None:
    await asyncio.sleep(1000)


def serving(api: RatesApi, *listeners: Any) -> Any:
    return running(system, listeners=listeners).provide(RatesApi, lambda: api)


def test_page_is_stored_with_the_place_behind_it_and_the_next_fetch_goes_on_there(api: RatesApi) -> None:
    api.answers = [Fetched(EUR[:2], "p2"), Fetched(EUR[2:], "p4")]
    with serving(api) as app:
        passes(app, 2)
        assert app.ask(Quoted(currency="EUR")) == [100, 101]
        passes(app, 62)
        assert app.ask(Quoted(currency="EUR")) == [100, 101, 102, 103]
    assert api.asked == ["", "p2"]


def test_more_is_fetched_at_once(api: RatesApi) -> None:
    api.answers = [Fetched(EUR[:2], "p2", more=True), Fetched(EUR[2:], "p4")]
    with serving(api) as app:
        passes(app, 4)
        assert app.ask(Quoted(currency="EUR")) == [100, 101, 102, 103]
    assert api.asked == ["", "p2"]


def test_more_behind_the_same_place_is_no_endless_loop(api: RatesApi) -> None:
    api.answers = [Fetched([], "", more=True)] * 100
    with serving(api) as app:
        passes(app, 30)
    assert len(api.asked) == 1


def test_more_at_a_place_that_came_before_is_no_endless_loop(api: RatesApi) -> None:
    api.answers = [Fetched(EUR[:1], place, more=True) for place in ("b", "c", "") * 100]
    with serving(api) as app:
        passes(app, 30)
    assert len(api.asked) < 12


async def test_fetches_without_a_pause_leave_the_loop_to_others(api: RatesApi) -> None:
    api.answers = [Fetched(EUR[:1], str(number), more=True) for number in range(1, 2000)]
    async with running(system).provide(RatesApi, lambda: api):
        while not api.asked:  # noqa: ASYNC110  # until it has begun: nothing rings
            await asyncio.sleep(0)
        assert len(api.asked) < 100


def test_translation_that_ends_the_process_fails_its_message(api: RatesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    api.answers = [Fetched([EUR[0], Rate(currency="USD", cents=-1, number=0), EUR[1]], "p3")]
    with serving(api) as app:
        passes(app, 5)
        (parked,) = app.parked()
        assert "SystemExit: 3" in parked.error
        assert app.ask(Quoted(currency="EUR")) == [100, 101]


def test_api_that_repeats_itself_or_goes_back_changes_nothing_twice(api: RatesApi) -> None:
    api.answers = [Fetched(EUR[1:3], "p3"), Fetched(EUR[1:3], "p3"), Fetched(EUR[:2], "p1"), Fetched(EUR[3:], "p4")]
    with serving(api) as app:
        passes(app, 200)
        assert app.ask(Quoted(currency="EUR")) == [101, 102, 103]
    assert api.asked[:4] == ["", "p3", "p3", "p1"]


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (ConnectionError("no route"), "ConnectionError: no route"),
        (asyncio.CancelledError(), "RuntimeError: CancelledError"),
        (SystemExit(3), "RuntimeError: SystemExit: 3"),
        (BaseExceptionGroup("two", [asyncio.CancelledError()]), "RuntimeError: CancelledError"),
        (hang, "no answer within 10 s"),
        ("nonsense", "fetch returned 'nonsense'"),
        (Fetched([Rate(currency="EUR", cents=float("inf"), number=1)], "p"), "cents"),  # type: ignore[arg-type]  # wrong on purpose
    ],
)  # fmt: skip
def test_api_that_fails_is_asked_again_with_growing_pauses_and_seen(api: RatesApi, answer: Any, note: str) -> None:
    said: list[TroubleBegun | TroubleEnded] = []

    def hear(event: TroubleBegun | TroubleEnded) -> None:
        said.append(event)

    api.answers = [answer] * 8
    with serving(api, hear) as app:
        passes(app, 300)
        (follower,) = [each for each in app._app._host.followers if "foreign" in each.name]  # its state
        assert follower.state == "running"
    begun, ended = said
    assert isinstance(begun, TroubleBegun)
    assert begun.where == "pricing.foreign:rates"
    assert note in begun.note
    assert isinstance(ended, TroubleEnded)
    assert 9 <= len(api.asked) <= 14


async def test_next_process_fetches_when_it_is_due(api: RatesApi, tmp_path: Any) -> None:
    api.answers = [Fetched(EUR[:2], "p2")]
    for expected in ([""], []):
        async with running(system, store=f"sqlite:{tmp_path}/{{context}}.db").provide(RatesApi, lambda: api) as app:
            (follower,) = [each for each in app._host.followers if "foreign" in each.name]  # no method tells
            effect: Any = follower._effect  # no method tells
            async with asyncio.timeout(20):
                while not effect._next:  # noqa: ASYNC110  # until it knows when it is due: nothing rings
                    await asyncio.sleep(0.01)
            await app.settled()
            assert await app.ask(Quoted(currency="EUR")) == [100, 101]
        assert api.asked == expected
        api.asked.clear()


async def test_one_of_several_processes_fetches(api: RatesApi, tmp_path: Any) -> None:
    store = f"sqlite:{tmp_path}/{{context}}.db"
    one, other = (running(system, store=store).provide(RatesApi, lambda: api) for _ in range(2))
    async with one as first, other as second:
        assert [states(first), states(second)] == [["running"], ["standby"]]


def states(app: App) -> list[str]:
    """The states of the subscriptions to foreign sources."""
    return [each.state for each in app._host.followers if "foreign" in each.name]  # no method tells
