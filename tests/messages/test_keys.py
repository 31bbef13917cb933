"""Texts under which something is stored, ordered or applied once: all but those that some store could not hold."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import pytest

from remit.errors import BadKey
from remit.messages import LONGEST_KEY, fits, key_text


class Shade(str, enum.Enum):  # noqa: UP042  # the text of one is not what str() makes of it
    DARK = "d"


class Level(int, enum.Enum):
    LOW = 1


class Place(NamedTuple):
    row: str
    seat: int


LONGEST = ["k" * LONGEST_KEY, "\u00e9" * (LONGEST_KEY // 2), "\U0001f600" * (LONGEST_KEY // 4)]
GOOD = ["", " ", "a\nb", "\x01\x7f", "\ufeff\u2028", *LONGEST]
BAD = ["a\0b", "\0", "\ud800", "x\udfff", *(text + "k" for text in LONGEST), "\u00e9" * 500, "k" * 100_000]


@pytest.mark.parametrize("text", GOOD)
def test_a_text_is_its_own_key(text: str) -> None:
    assert key_text(text, "identity", "shop.Order") == text
    assert fits(text)


@pytest.mark.parametrize("text", BAD)
def test_what_some_store_cannot_hold_is_no_key(text: str) -> None:
    with pytest.raises(BadKey) as raised:
        key_text(text, "identity", "shop.Order")
    assert raised.value.where == "shop.Order"
    assert "512 bytes" in raised.value.expected
    assert len(str(raised.value)) < 600
    assert str(raised.value).encode()
    assert not fits(text)


@pytest.mark.parametrize(
    ("given", "text"), [(7, "7"), (Shade.DARK, "d"), (Level.LOW, "1"), (Place("a", 1), "Place(row='a', seat=1)")]
)
def test_what_is_no_text_is_measured_as_it_is_stored(given: Any, text: str) -> None:
    """A member of an enumeration is stored as the text or number that it is, and read again as that."""
    assert key_text(given, "identity", "shop.Order") == text


@pytest.mark.parametrize("given", [1.0, -0.0, 0.5, float("nan")])
def test_a_fraction_is_no_key_because_one_number_has_several_texts(given: float) -> None:
    with pytest.raises(BadKey, match="float"):
        key_text(given, "identity", "shop.Order")


def test_a_composite_identity_is_measured_as_a_whole() -> None:
    assert key_text(Place("k" * 480, 1), "identity", "shop.Order")
    with pytest.raises(BadKey):
        key_text(Place("k" * 500, 1), "identity", "shop.Order")


def test_a_number_of_which_python_makes_no_text_is_no_key() -> None:
    with pytest.raises(BadKey, match="an int of 66439 bits"):
        key_text(10**20_000, "identity", "shop.Order")
