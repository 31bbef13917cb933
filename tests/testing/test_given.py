"""given, when, then, for what decides without a store: aggregates, publishers, projections."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remit import Envelope, IntegrationEvent
from remit.testing import KitError, given
from tests.testing.library import (
    BookId,
    BookLent,
    BookReturned,
    Copy,
    Lent,
    Loans,
    OnLoan,
    ReaderId,
    Returned,
    Undeclared,
    lent,
    returned,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=14)
MOBY, ADA, BOB = BookId("moby-dick"), ReaderId("ada"), ReaderId("bob")
LENT = Lent(loan="l-1", book=MOBY, reader=ADA, until=LATER)
ON_LOAN = Copy(id=MOBY, reader=ADA, until=LATER)


def message(error: pytest.ExceptionInfo[AssertionError]) -> list[str]:
    return str(error.value).splitlines()


def test_an_aggregate_records_events_and_is_as_expected_afterwards() -> None:
    outcome = given(Copy(id=MOBY)).when(Copy.lend, "l-1", ADA, now=NOON)
    outcome.then(LENT).replies(LATER).leaves(ON_LOAN)
    assert outcome.reply == LATER


def test_an_aggregate_refuses_and_stays_as_it_was() -> None:
    given(ON_LOAN).when(Copy.lend, "l-2", BOB, NOON).then(OnLoan(until=LATER)).leaves(ON_LOAN)


@pytest.mark.parametrize(
    ("expected", "by"),
    [(BookReturned(book=MOBY), "publishes(BookReturned(...))"), (ON_LOAN, "leaves(Copy(...))"), (LATER, "replies(")],
)
def test_then_names_what_compares_a_thing_that_is_no_event_and_no_refusal(expected: Any, by: str) -> None:
    with pytest.raises(KitError, match=re.escape(f"Next: .{by}")):
        given(Copy(id=MOBY)).when(Copy.lend, "l-1", ADA, now=NOON).then(expected)


def test_what_was_recorded_before_a_refusal_was_raised_is_dropped() -> None:
    given(Copy(id=MOBY)).when(Copy.spoil).then(Undeclared()).then(Undeclared(reason=""))


def test_a_refusal_that_is_returned_keeps_what_was_recorded() -> None:
    def give_up(copy: Copy) -> Undeclared:
        copy.give_back()
        return Undeclared(reason="torn")

    given(ON_LOAN).when(give_up).then(Returned(book=MOBY, reader=ADA), Undeclared(reason="torn")).leaves(Copy(id=MOBY))


def test_what_is_given_is_copied_without_what_it_has_recorded() -> None:
    copy = Copy.bought(MOBY)
    given(copy).when(Copy.lend, "l-1", ADA, NOON).then(LENT)
    given(copy).when(Copy.lend, "l-1", ADA, NOON).then(LENT)
    assert copy.reader is None


def test_a_function_that_makes_an_aggregate_begins_with_nothing() -> None:
    given().when(Copy.bought, MOBY).then(Returned(book=MOBY, reader=ReaderId("shop"))).leaves(Copy(id=MOBY))


def test_another_error_than_a_refusal_is_raised_as_it_is() -> None:
    with pytest.raises(TypeError, match="missing"):
        given(Copy(id=MOBY)).when(Copy.lend, "l-1")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]  # the mistake to be found


def test_a_publisher_makes_an_event_or_keeps_it_private() -> None:
    given(LENT).when(lent).then(BookLent(book=MOBY, reader=ADA))
    given(Returned(book=MOBY, reader=ADA)).when(returned).then(BookReturned(book=MOBY))
    given(Returned(book=MOBY, reader=ReaderId("shop"))).when(returned).then()
    with pytest.raises(AssertionError) as error:
        given(LENT).when(lent).then()
    assert message(error) == [
        "published: 0 expected, 1 found",
        "  not expected: BookLent(book='moby-dick', reader='ada')",
    ]


def test_a_projection_is_folded_from_events_into_the_document_of_the_last_one() -> None:
    given(Loans, LENT).then(Loans(books=[MOBY]))
    given(Loans, LENT, LENT.replace(reader=BOB)).when(Returned(book=MOBY, reader=ADA)).then(Loans())
    given(Loans, LENT).when(LENT.replace(reader=BOB)).then(Loans(books=[MOBY]))
    with pytest.raises(AssertionError, match=re.escape("books[0]: expected nothing, was 'moby-dick'")):
        given(Loans, LENT).then(Loans())
    with pytest.raises(AssertionError, match="there was no event"):
        given(Loans).then(Loans())


def test_an_event_that_differs_is_told_field_by_field() -> None:
    with pytest.raises(AssertionError) as error:
        given(Copy(id=MOBY)).when(Copy.lend, "l-1", ADA, NOON).then(LENT.replace(reader=BOB, loan="l-2"))
    assert message(error) == [
        "recorded: 1 expected, 1 found",
        "  Lent differs:",
        "    loan: expected 'l-2', was 'l-1'",
        "    reader: expected 'bob', was 'ada'",
    ]


def test_missing_and_additional_events_are_told_apart() -> None:
    with pytest.raises(AssertionError) as error:
        given(ON_LOAN).when(Copy.give_back).then(LENT)
    lines = message(error)
    assert lines[0] == "recorded: 1 expected, 1 found"
    assert lines[1].startswith("  missing: Lent(loan='l-1', book='moby-dick'")
    assert lines[2:] == ["  not expected: Returned(book='moby-dick', reader='ada')"]


def test_events_in_another_order_are_told_so() -> None:
    def twice(copy: Copy) -> None:
        copy.give_back()
        copy.lend("l-1", ADA, NOON)

    back = Returned(book=MOBY, reader=ADA)
    given(ON_LOAN).when(twice).then(back, LENT)
    with pytest.raises(AssertionError, match="in another order: Returned, Lent"):
        given(ON_LOAN).when(twice).then(LENT, back)
    with pytest.raises(AssertionError) as error:
        given(ON_LOAN).when(twice).then(LENT)
    assert message(error)[1:] == ["  not expected: Returned(book='moby-dick', reader='ada')"]


def test_a_refusal_is_told_apart_from_events_from_another_one_and_from_none() -> None:
    with pytest.raises(AssertionError, match=r"not refused\n  expected: OnLoan\(.*\n  recorded: Lent\(") as error:
        given(Copy(id=MOBY)).when(Copy.lend, "l-1", ADA, NOON).then(OnLoan(until=LATER))
    with pytest.raises(AssertionError, match=r"another refusal\n  expected: Undeclared\(.*\n  was: OnLoan\("):
        given(ON_LOAN).when(Copy.lend, "l-1", ADA, NOON).then(Undeclared())
    with pytest.raises(AssertionError, match=r"the refusal OnLoan differs\n  until: expected .*, was "):
        given(ON_LOAN).when(Copy.lend, "l-1", ADA, NOON).then(OnLoan(until=NOON))
    with pytest.raises(AssertionError, match="missing: Lent") as error:
        given(ON_LOAN).when(Copy.lend, "l-1", ADA, NOON).then(LENT)
    assert isinstance(error.value.__cause__, OnLoan), "the traceback shows where it was refused"
    with pytest.raises(AssertionError, match="refused, which the test does not expect"):
        given(ON_LOAN).when(Copy.lend, "l-1", ADA, NOON).then()
    with pytest.raises(AssertionError, match="refused, which the test does not expect"):
        given(ON_LOAN).when(Copy.lend, "l-1", ADA, NOON).replies(LATER)


def test_a_state_that_differs_or_is_not_there_is_told() -> None:
    outcome = given(ON_LOAN).when(Copy.give_back)
    with pytest.raises(AssertionError, match=r"Copy 'moby-dick' differs\n  reader: expected 'ada', was None"):
        outcome.leaves(Copy(id=MOBY, reader=ADA))
    with pytest.raises(AssertionError, match=r"no Copy 'emma' afterwards\n  there is: Copy 'moby-dick'"):
        outcome.leaves(Copy(id=BookId("emma")))


def test_a_class_that_is_neither_a_projection_nor_a_policy_is_a_mistake_of_the_test() -> None:
    class Reminding:
        def __init__(self, copies: Any) -> None: ...

        async def lent(self, event: Lent) -> None: ...

    anything: Any = Reminding
    with pytest.raises(KitError, match="Reminding is no projection") as refused:
        given(anything)
    assert refused.value.next == "given(...).when(Reminding, <an event>) if it is a policy"
    with pytest.raises(KitError, match="Reminding is neither an aggregate nor a policy"):
        given(ON_LOAN).when(anything, LENT)
    with pytest.raises(KitError, match=r"Reminding\.lent is a method of a policy"):
        given(ON_LOAN).when(anything.lent, LENT)


def test_a_bound_method_and_two_refusals_are_mistakes_of_the_test() -> None:
    with pytest.raises(KitError, match=r"a method of the class"):
        given(ON_LOAN).when(ON_LOAN.give_back)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]  # the mistake to be found
    with pytest.raises(KitError, match="2 refusals"):
        given(ON_LOAN).when(Copy.spoil).then(Undeclared(), Undeclared())


@pytest.mark.parametrize("changed", [LENT.replace(loan=""), Returned(book=MOBY, reader=ADA), LENT.replace(until=NOON)])
def test_expecting_something_else_fails(changed: Lent | Returned) -> None:
    with pytest.raises(AssertionError):
        given(Copy(id=MOBY)).when(Copy.lend, "l-1", ADA, NOON).then(changed)


class BookWent(IntegrationEvent):
    book: BookId
    at: datetime


def stamped(event: Lent, envelope: Envelope) -> BookWent | None:
    return BookWent(book=event.book, at=envelope.time)


def test_a_publisher_that_asks_for_the_envelope_gets_one() -> None:
    published = given(LENT).at(NOON).when(stamped)
    published.then(BookWent(book=MOBY, at=NOON))
