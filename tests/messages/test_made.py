"""What was made wrongly is named, with its class and its field."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from remit import Aggregate, Command, DomainEvent, Refusal, Value
from remit.messages.made import made_wrongly


class Placed(DomainEvent):
    order: str
    count: int = 0


class Money(Value):
    cents: int


class Nothing(Command[None]): ...


class Order(Aggregate[str]):
    count: int


class No(Refusal):
    limit: int


def untyped(declared: object) -> Any:
    """The same, where a test makes a mistake that a checker would report."""
    return declared


class Table:
    placed = Placed


ANY: Any = Placed
HOLDER: Any = Table()


def by_module() -> Any:
    return untyped_module.Placed(ordr="1")


untyped_module: Any = sys.modules[__name__]


def inside() -> Any:
    return [ANY(order=str(n), extra=ANY(order="1")) for n in (1, 2)]


def two_on_a_line() -> Any:
    return ANY(order="1"), untyped_module.Money(cent=ANY(order="2"))


def over_several_lines() -> Any:
    return ANY(
        order="1",
        ordr=(
            "2"
        ),
    )  # fmt: skip


def by_a_variable() -> Any:
    made: Any = Money
    return made()


def by_a_closure() -> Any:
    made: Any = Money

    def inner() -> Any:
        return made()

    return inner()


def by_keywords() -> Any:
    fields = {"ordr": 1}
    return ANY(**fields)


FIELDS = "its fields are order, count"
CASES: list[tuple[Callable[[], Any], str]] = [
    (lambda: ANY(ordr="1"), f"Placed has no field 'ordr': {FIELDS}"),
    (lambda: ANY(), "Placed was made without its field 'order'"),
    (lambda: ANY("1"), "Placed takes its fields by name: order, count"),
    (lambda: untyped_module.Order(id="1"), "Order was made without its field 'count'"),
    (lambda: untyped_module.Nothing(a=1), "Nothing has no field 'a': its fields are none"),
    (lambda: untyped_module.Table.placed(ordr=1), f"Placed has no field 'ordr': {FIELDS}"),
    (by_module, f"Placed has no field 'ordr': {FIELDS}"),
    (inside, f"Placed has no field 'extra': {FIELDS}"),
    (two_on_a_line, "Money has no field 'cent': its fields are cents"),
    (over_several_lines, f"Placed has no field 'ordr': {FIELDS}"),
    (by_a_variable, "Money was made without its field 'cents'"),
    (by_a_closure, "Money was made without its field 'cents'"),
    (by_keywords, f"Placed has no field 'ordr': {FIELDS}"),
]


def error_of(make: Callable[[], Any]) -> BaseException:
    with pytest.raises(Exception) as raised:  # noqa: PT011  # whatever is raised
        make()
    return raised.value


@pytest.mark.parametrize(("make", "said"), CASES)
def test_class_and_field_are_named(make: Callable[[], Any], said: str) -> None:
    assert made_wrongly(error_of(make)) == said


@pytest.mark.parametrize(
    "make",
    [
        lambda: untyped(No)(other=1),
        lambda: HOLDER.placed(ordr=1),
        lambda: (lambda: ANY)()(ordr=1),
        lambda: "a" + untyped(1),
        lambda: 1 / 0,
        lambda: untyped(Placed(order="a")).replace(ordr=1),
    ],
)
def test_other_errors_are_left_as_they_are(make: Callable[[], Any]) -> None:
    assert made_wrongly(error_of(make)) is None


def test_error_that_was_never_raised_is_left_as_it_is() -> None:
    assert made_wrongly(TypeError("Missing required argument 'order'")) is None
    assert made_wrongly(error_of(lambda: _raise("Missing required argument 'order'"))) is None


def _raise(text: str) -> Any:
    raise TypeError(text)
