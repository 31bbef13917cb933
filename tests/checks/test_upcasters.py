"""An upcaster is a plain function, and its chain leads to the version of a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Repository
from tests.checks.shop import checked


class Turn(Command[None]):
    id: str


class Turned(DomainEvent, version=3):
    by: int


class Wheel(Aggregate[str, Turned], version=2): ...


def step(fields: dict[str, Any]) -> dict[str, Any]:
    return fields


async def waits(fields: dict[str, Any]) -> dict[str, Any]:
    return fields


def two(fields: dict[str, Any], more: int) -> dict[str, Any]:
    return fields


def found(
    *upcasters: tuple[Any, int, dict[str, Any]] | tuple[Any, int, dict[str, Any], Callable[..., Any]],
) -> Any:
    context = Context("mill")

    @context.handle(Turn)
    async def turn(command: Turn, wheels: Repository[Wheel]) -> None: ...

    for stored, version, options, *function in upcasters:
        declare: Any = context.upcast(stored, version=version, **options)
        declare(function[0] if function else step)
    return checked(context)


WHOLE: list[Any] = [(Turned, 1, {}), (Turned, 2, {}), (Wheel, 1, {})]


MORE: list[Any] = [
    [],
    [("Spun", 1, {"to": Turned})],
    [("Spun", 1, {"to": Turned, "to_version": 3}), ("Span", 2, {"to": "Spun"})],
    [("Gone", 1, {}), ("Gone", 2, {})],
]


@pytest.mark.parametrize("more", MORE)
def test_a_whole_chain_is_no_finding(more: list[Any]) -> None:
    all_found = found(*WHOLE, *more)
    assert [str(each) for each in all_found] == []
    assert "upcaster.missing" not in {each.code for each in all_found.notes}


FAULTS: list[Any] = [
    ([(Turned, 1, {})], "upcaster.gap", "Turned version 1 becomes mill.Turned version 2, which nothing reads"),
    ([("Spun", 1, {"to": "Spin"})], "upcaster.gap", "Spun version 1 becomes mill.Spin version 1"),
    ([("A", 1, {"to": "B"}), ("B", 1, {"to": "A"})], "upcaster.gap", "A version 1 becomes mill.B version 1"),
    ([(Turned, 3, {})], "upcaster.version", "an upcaster reads Turned version 3, and the class has version 3"),
    ([(Wheel, 2, {})], "upcaster.version", "an upcaster reads Wheel version 2, and the class has version 2"),
    ([(Turned, 0, {})], "upcaster.version", "0 is no version"),
    ([("Spun", 1, {}), ("Spun", 1, {})], "upcaster.doubled", "two upcasters read Spun version 1"),
    ([(Turned, 2, {}, waits)], "upcaster.function", "waits is async"),
    ([(Turned, 2, {}, two)], "upcaster.function", "two does not take the fields as its only argument"),
    ([(Turn, 1, {})], "upcaster.subject", "Turn is not stored in versions"),
    ([(Wheel, 1, {"to": Turned})], "upcaster.subject", "to=Turned is not what Wheel version 1 can become"),
]


@pytest.mark.parametrize(("upcasters", "code", "what"), FAULTS)
def test_what_cannot_be_upcast_is_found(upcasters: list[Any], code: str, what: str) -> None:
    assert any(each.code == code and each.what.startswith(what) for each in found(*upcasters))


def test_a_state_without_an_upcaster_is_noted() -> None:
    assert "upcaster.missing" in {each.code for each in found().notes}
