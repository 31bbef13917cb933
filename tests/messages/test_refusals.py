"""Refusals: exceptions with typed, keyword-only fields."""

from typing import Any

import pytest

from remit import Refusal, field


class SoldOut(Refusal): ...


class Refused(Refusal):
    reason: str
    attempts: int = 1
    notes: list[str] = field(default_factory=list[str])
    limit: int = field(default=3)


class RefusedForGood(Refused):
    since: str = "today"


def test_a_refusal_is_raised_and_caught_with_its_fields() -> None:
    with pytest.raises(Refused) as caught:
        raise Refused(reason="no money", attempts=2)
    assert (caught.value.reason, caught.value.attempts, caught.value.limit) == ("no money", 2, 3)


def test_a_refusal_says_what_it_carries() -> None:
    assert str(SoldOut()) == "SoldOut()"
    assert str(RefusedForGood(reason="x")) == "RefusedForGood(reason='x', attempts=1, notes=[], limit=3, since='today')"


def test_fields_are_keyword_only_and_complete() -> None:
    made: Any = Refused
    with pytest.raises(TypeError, match="positional"):
        made("no money")
    with pytest.raises(TypeError, match="reason"):
        made()
    with pytest.raises(TypeError, match="gift"):
        made(reason="x", gift=1)


def test_default_factories_are_called_for_each_refusal() -> None:
    one, other = Refused(reason="a"), Refused(reason="b")
    one.notes.append("seen")
    assert other.notes == []


def test_refusals_are_compared_by_what_they_say() -> None:
    assert Refused(reason="a") == Refused(reason="a")
    assert Refused(reason="a") != Refused(reason="b")
    assert SoldOut() == SoldOut()
    assert SoldOut() != Refused(reason="a")
    assert len({Refused(reason="a"), Refused(reason="a"), Refused(reason="b")}) == 2
