"""Every error of a call says what to do next: in its own words, or in those of its class."""

import pytest

from remit.errors import (
    CallError,
    DeadlineExceeded,
    OutcomeUnknown,
    Overloaded,
    Stale,
    StoreUnavailable,
    Unavailable,
    another,
)


@pytest.mark.parametrize("kind", [Unavailable, Overloaded, StoreUnavailable, DeadlineExceeded, OutcomeUnknown])
def test_a_call_that_may_be_repeated_names_the_key(kind: type[CallError]) -> None:
    assert "with the same key" in kind("it ended").next


def test_a_stale_answer_says_how_to_settle_it() -> None:
    assert Stale("a key is parked").next == "ask without fresh, or settle what remit status shows"


def test_the_place_that_raises_an_error_may_say_more() -> None:
    error = Unavailable("it ended", next="remit status")
    assert (error.next, another(error).next) == ("remit status", "remit status")
