"""Calls to a double: what the channel and the other side refuse or remember in a running system."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit import Command, Context, Query, Refusal, Sender, System
from remit.errors import DeadlineExceeded, HandlerFailed, OutcomeUnknown, Unavailable
from remit.testing import Double, alone
from remit.testing.doubles import MAX_BYTES


class Full(Refusal):
    seats: int


class Book(Command[str, Full], identity="seat"):
    seat: str
    guest: str = ""


class Name(Query[str]):
    guest: str


class Go(Command[str]):
    how: str


desk, hall = Context("desk"), Context("hall")
BOOKED = Book(seat="a1", guest="ada")


@hall.handle(Book)
async def book(command: Book) -> str:
    return command.seat


@hall.answer(Name)
async def name(query: Name) -> str:
    return query.guest


@desk.handle(Go)
async def go(command: Go, calls: Sender) -> str:
    match command.how:
        case "book twice":
            return f"{await calls.send(BOOKED)} {await calls.send(BOOKED)}"
        case "insist":
            return f"{await calls.attempt(BOOKED)} {await calls.attempt(BOOKED)}"
        case "one key":
            return f"{await calls.send(BOOKED, key='k')} {await calls.send(Book(seat='a2'), key='k')}"
        case "fall back":
            try:
                return await calls.send(BOOKED)
            except Unavailable:
                return "away"
        case guest:
            return await calls.ask(Name(guest=guest), deadline=2.0)


both = System("both", contexts=[desk, hall])


def test_a_double_is_asked_once_for_one_command_as_the_context_handles_it_once() -> None:
    double = Double(hall).on(Book).answers(lambda book: f"{book.seat}, {len(double.received(Book))}")
    with alone(desk, of=both, doubles=[double]) as app:
        assert app.send(Go(how="book twice")) == "a1, 1 a1, 1"
    assert double.received(Book) == [BOOKED]


def test_a_refused_command_is_asked_again() -> None:
    answers: list[Any] = [Full(seats=0), "yes"]
    double = Double(hall).on(Book).answers(lambda book: answers.pop(0))
    with alone(desk, of=both, doubles=[double]) as app:
        assert app.send(Go(how="insist")) == "Full(seats=0) yes"


def test_another_command_under_the_same_key_is_refused() -> None:
    double = Double(hall).on(Book).answers("yes")
    with alone(desk, of=both, doubles=[double]) as app, pytest.raises(HandlerFailed) as failed:
        app.send(Go(how="one key"))
    assert "the key 'k' was used for another message" in str(failed.value.__cause__)


def test_a_double_that_answers_too_late_has_not_answered() -> None:
    async def slowly(query: Name) -> str:
        await asyncio.sleep(3600)
        return "late"

    with alone(desk, of=both, doubles=[Double(hall).on(Name).answers(slowly)]) as app:
        with pytest.raises(DeadlineExceeded, match=r"no answer within 2\.000 s"):
            app.send(Go(how="ada"))
        assert app.clock.elapsed < 60


def test_a_message_and_a_reply_that_the_channel_does_not_carry_fail_the_call() -> None:
    double = Double(hall).on(Name).answers(lambda query: "x" * MAX_BYTES)
    with alone(desk, of=both, doubles=[double]) as app:
        with pytest.raises(HandlerFailed, match="ReplyTooLarge"):
            app.send(Go(how="ada"))
        with pytest.raises(HandlerFailed, match="TooLarge: the message is larger than what the channel carries"):
            app.send(Go(how="x" * MAX_BYTES))
    assert double.received(Name) == [Name(guest="ada")]


def test_a_double_may_be_away() -> None:
    def away(book: Book) -> str:
        raise Unavailable("nobody answers")

    def unknown(book: Book) -> str:
        raise OutcomeUnknown("no answer came")

    with alone(desk, of=both, doubles=[Double(hall).on(Book).answers(away)]) as app:
        assert app.send(Go(how="fall back")) == "away"
    doubles = [Double(hall).on(Book).answers(unknown)]
    with alone(desk, of=both, doubles=doubles) as app, pytest.raises(OutcomeUnknown):
        app.send(Go(how="fall back"))
