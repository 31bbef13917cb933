"""Calls out: every failure reaches the handler in a declared form, none hangs, and a repetition has the same key."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Refusal, Repository, System
from remit.errors import DeadlineExceeded, HandlerFailed, OutcomeUnknown, Unavailable
from remit.foreign import Gateway
from remit.testing import running
from remit.testing.app import App


class CardError(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NetworkError(Exception):
    pass


class Declined(Refusal):
    code: str


class Undeclared(Refusal):
    code: str


class Charge(Command[str, Declined]):
    invoice: str


class ChargeTwice(Command[list[str], Declined]):
    invoice: str


def declined(error: CardError) -> Declined | Undeclared:
    return Declined(code=error.code) if error.code != "odd" else Undeclared(code=error.code)


class Cards(
    Gateway, failures={CardError: declined, NetworkError: Unavailable}, deadline=timedelta(seconds=2)
):  # fmt: skip
    """A client of a payment gateway, as the test makes it answer."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.invoices: list[str] = []
        self.answers: list[Any] = []

    async def charge(self, invoice: str) -> str:
        self.keys.append(self.key)
        self.invoices.append(invoice)
        answer = self.answers.pop(0) if self.answers else "paid"
        if isinstance(answer, BaseException):
            raise answer
        if answer is hang:
            await hang()
        if answer is swallow:
            await swallow()
        await asyncio.sleep(0.01)
        return str(answer)

    async def charge_twice(self, invoice: str) -> list[str]:
        return [await self.charge(invoice), await self.charge(invoice)]


class Changed(DomainEvent):
    pass


class Invoice(Aggregate[str, Changed]):
    times: int = 0


payments = Context("payments")
payments.provide(Cards, Cards)


@payments.handle(Charge)
async def charge(command: Charge, cards: Cards, invoices: Repository[Invoice]) -> str:
    invoice = await invoices.obtain(command.invoice)
    invoice.times += 1
    invoice.record(Changed())
    return await cards.charge(command.invoice)


@payments.handle(ChargeTwice)
async def charge_twice(command: ChargeTwice, cards: Cards) -> list[str]:
    return [await cards.charge(command.invoice), await cards.charge(command.invoice)]


@payments.react(Changed)
async def also(event: Changed, cards: Cards) -> None:
    await cards.charge("again")


system = System("shop", contexts=[payments])


async def hang() -> None:
    await asyncio.sleep(1000)


async def swallow() -> None:
    """As code that catches its own cancellation."""
    with contextlib.suppress(asyncio.CancelledError):
        await hang()


def serving(cards: Cards) -> Any:
    return running(system).provide(Cards, lambda: cards)


def test_answer_is_returned() -> None:
    with serving(Cards()) as app:
        assert app.send(Charge(invoice="i-1")) == "paid"


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (NetworkError("no route"), Unavailable, "charge: NetworkError: no route"),
        (ConnectionRefusedError("nobody there"), Unavailable, "nobody there"),
        (ConnectionResetError("gone"), OutcomeUnknown, "gone"),
        (hang, OutcomeUnknown, "charge: no answer within 2 s"),
        (swallow, OutcomeUnknown, "charge: no answer within 2 s"),
        (ValueError("odd"), HandlerFailed, "Cards.charge failed: ValueError: odd"),
        (CardError("odd"), HandlerFailed, "a refusal it does not declare: Undeclared"),
    ],
)
def test_failure_reaches_the_caller_in_a_declared_form(answer: Any, error: type[Exception], told: str) -> None:
    cards = Cards()
    cards.answers = [answer]
    with serving(cards) as app:
        with pytest.raises(error, match=told.replace("(", r"\(")):
            app.send(Charge(invoice="i-1"))
        assert app.recorded(Changed) == []


def test_declared_failure_is_the_refusal_of_the_command() -> None:
    cards = Cards()
    cards.answers = [CardError("no-cover")]
    with serving(cards) as app:
        assert app.attempt(Charge(invoice="i-1")) == Declined(code="no-cover")


def test_deadline_of_the_call_is_kept() -> None:
    cards = Cards()
    cards.answers = [hang]
    with serving(cards) as app, pytest.raises(DeadlineExceeded):
        app.send(Charge(invoice="i-1"), deadline=0.5)


def test_repeated_command_calls_with_the_same_key_and_each_call_has_its_own() -> None:
    cards = Cards()
    cards.answers = ["paid", NetworkError("gone")]
    with serving(cards) as app:
        with pytest.raises(Unavailable):
            app.send(ChargeTwice(invoice="i-1"), key="wish-1")
        app.send(ChargeTwice(invoice="i-1"), key="wish-1")
        app.send(ChargeTwice(invoice="i-1"), key="wish-2")
    first, second, *_ = cards.keys
    assert cards.keys[2:4] == [first, second]
    assert len(set(cards.keys)) == 4
    assert all(len(key) == 32 for key in cards.keys)


def test_handler_that_runs_again_after_a_conflict_calls_with_the_same_key() -> None:
    cards = Cards()
    with serving(cards) as app:
        app.at_once(*(Charge(invoice="i-1") for _ in range(3)))
        app.settled()
    keys = [key for key, invoice in zip(cards.keys, cards.invoices, strict=True) if invoice == "i-1"]
    assert len(keys) > 3
    assert len(set(keys)) == 3


def test_reaction_is_tried_again_with_the_same_key() -> None:
    cards = Cards()
    cards.answers = ["paid", NetworkError("gone"), OutcomeUnknown("gone"), "paid"]
    with serving(cards) as app:
        app.send(Charge(invoice="i-1"))
        app.settled()
    of_command, *of_reaction = cards.keys
    assert len(of_reaction) == 3
    assert len(set(of_reaction)) == 1
    assert of_command not in of_reaction


def test_gateway_that_is_down_is_not_called_until_it_may_be_up_again() -> None:
    cards = Cards()
    cards.answers = [NetworkError("gone")] * 5

    async def called(app: App) -> str:
        try:
            await app.send(ChargeTwice(invoice="i-1"))
        except Unavailable as error:
            return error.what
        return "answered"

    with serving(cards) as app:
        for _ in range(5):
            assert "NetworkError" in app._run(called(app._app))  # the error is of interest
        assert "not called, because it did not answer" in app._run(called(app._app))
        assert len(cards.keys) == 5
        app.clock.move(seconds=10)
        assert app._run(called(app._app)) == "answered"
        assert app._run(called(app._app)) == "answered"


def test_refusals_do_not_open_the_way_out() -> None:
    cards = Cards()
    cards.answers = [CardError("no-cover")] * 30
    with serving(cards) as app:
        for _ in range(30):
            assert app.attempt(Charge(invoice="i-1")) == Declined(code="no-cover")
        assert app.send(Charge(invoice="i-1")) == "paid"


def test_one_method_that_calls_another_is_one_call() -> None:
    cards = Cards()
    assert asyncio.run(cards.charge_twice("i-1")) == ["paid", "paid"]
    assert len(set(cards.keys)) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [(CardError("no-cover"), Declined), (NetworkError(""), Unavailable), (KeyError(), HandlerFailed)],
)
def test_gateway_is_tested_alone(answer: Exception, error: type[Exception]) -> None:
    cards = Cards()
    cards.answers = [answer]
    with pytest.raises(error):
        asyncio.run(cards.charge("i-1"))


def test_subclass_has_the_failures_of_its_base() -> None:
    class Slower(Cards, deadline=timedelta(seconds=9)):
        async def refund(self, answer: Callable[[], None]) -> None:
            answer()

    def fail() -> None:
        raise CardError("late")

    with pytest.raises(Declined):
        asyncio.run(Slower().refund(fail))
