"""A step that was refused passes no comparison of a test that has not named the refusal or looked at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from remit import Aggregate, Command, Context, Query, Refusal, Repository, Sender
from remit.testing import Outcome, given


class Full(Refusal):
    seats: int


class Book(Command[None, Full]):
    guest: str
    how: str = "raised"


class Free(Query[int, Full]): ...


class Rows(Query[int]): ...


class Hall(Aggregate[str]):
    guests: int = 0

    def enter(self) -> None:
        raise Full(seats=0)


hall = Context("hall")


@hall.handle(Book)
async def book(command: Book, halls: Repository[Hall]) -> Full | None:
    (await halls.obtain("h")).guests += 1
    if command.how == "raised":
        raise Full(seats=0)
    return Full(seats=0)


@hall.answer(Free)
async def free(query: Free, calls: Sender) -> int:
    raise Full(seats=await calls.ask(Rows()))


FULL, RAISED, RETURNED = Full(seats=0), Book(guest="ada"), Book(guest="ada", how="returned")
EMPTY = Hall(id="h")


def compare(outcome: Outcome[Any]) -> list[Callable[[], object]]:
    """The comparisons that say nothing of a refusal."""
    left = outcome.states
    return [outcome.sends, outcome.publishes, outcome.calls, lambda: outcome.leaves(*left)]


@pytest.mark.parametrize("message", [RAISED, RETURNED])
@pytest.mark.parametrize("number", range(4))
def test_no_comparison_is_green_after_a_refusal_that_the_test_has_not_named(message: Book, number: int) -> None:
    outcome = given(hall, EMPTY).when(message)
    with pytest.raises(AssertionError, match=r"it was refused, which the test does not expect\n  was: Full\(seats=0\)"):
        compare(outcome)[number]()


@pytest.mark.parametrize("message", [RAISED, RETURNED])
def test_comparisons_follow_the_refusal_that_the_test_has_named(message: Book) -> None:
    for each in compare(given(hall, EMPTY).when(message).then(FULL)):
        each()


def test_a_refusal_that_the_test_has_looked_at_is_expected() -> None:
    outcome = given(hall, EMPTY).when(RAISED)
    assert outcome.refusal == FULL
    outcome.sends().publishes().calls().leaves(EMPTY)
    method = given(EMPTY).when(Hall.enter)
    with pytest.raises(AssertionError, match="it was refused"):
        method.leaves(EMPTY)
    assert method.refusal == FULL
    method.leaves(EMPTY)


def test_the_calls_of_a_query_follow_its_refusal_too() -> None:
    with pytest.raises(AssertionError, match="it was refused"):
        given(hall).on(Rows).answers(0).when(Free()).calls(Rows())
    given(hall).on(Rows).answers(0).when(Free()).then(FULL).calls(Rows())


def test_what_differs_is_said_before_the_refusal() -> None:
    with pytest.raises(AssertionError, match=r"called: 1 expected, 0 found(.|\n)*it was refused: Full\(seats=0\)"):
        given(hall, EMPTY).when(RAISED).calls(Rows())
