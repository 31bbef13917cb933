"""Copies of aggregates that were just decoded: what shares a part that can change is not copied."""

from dataclasses import dataclass
from typing import Any

import pytest

from remit import Aggregate, EventSourced, Value, field
from remit.domain import copying


class Line(Value):
    text: str


class Holding(Value):
    texts: list[str]


@dataclass
class Loose:
    text: str


class Basket(EventSourced[str, Any]):
    note: str | None = None
    lines: list[Line] = field(default_factory=list[Line])
    by_name: dict[str, tuple[Line, ...]] = field(default_factory=dict[str, tuple[Line, ...]])
    seen: set[int] | None = None


def test_a_copy_changes_apart_from_the_value() -> None:
    value = Basket(id="b", lines=[Line(text="a")], by_name={"a": ()}, seen={1})
    copied = copying(Basket)
    assert copied is not None
    made = copied(value)
    assert made == value
    value.note = "x"
    value.lines.append(Line(text="b"))
    value.by_name["b"] = ()
    assert value.seen is not None
    value.seen.add(2)
    assert made == Basket(id="b", lines=[Line(text="a")], by_name={"a": ()}, seen={1})


@pytest.mark.parametrize("kind", [list[list[int]], dict[str, Loose], Holding, tuple[Holding, ...], Loose, Any])
def test_a_class_with_parts_that_can_change_inside_of_others_has_no_copies(kind: Any) -> None:
    class Deep(Aggregate[str]):
        part: kind  # pyright: ignore[reportInvalidTypeForm]  # made for each case

    assert copying(Deep) is None


def test_a_class_whose_construction_runs_code_has_no_copies() -> None:
    class Made(Aggregate[str]):
        def __post_init__(self) -> None:
            self.kept = True

    assert copying(Made) is None
