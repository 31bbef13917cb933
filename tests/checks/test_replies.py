"""A command or a query says what it is answered with, and its handler returns that."""

from collections.abc import Sequence
from typing import Any, Never

import pytest

from remit import Command, Context, Query, Refusal, Value
from tests.checks.shop import checked, only, untyped


class Gone(Refusal): ...


class Numbered(Value):
    number: int


class Deep(Numbered): ...


class Silent(Command): ...  # type: ignore[type-arg]  # the mistake  # pyright: ignore[reportMissingTypeArgument]


class Mute(Query): ...  # type: ignore[type-arg]  # the mistake  # pyright: ignore[reportMissingTypeArgument]


class Base(Command[None]): ...


class Spoken(Base): ...


async def handle(message: Any) -> Any: ...


def test_message_without_a_reply() -> None:
    sales = Context("sales")
    sales.handle(Silent)(handle)
    finding = only(checked(sales))
    assert (finding.code, finding.next) == ("message.no-reply", "class Silent(Command[None])")
    assert finding.where == f"{__file__}:22"
    sales = Context("sales")
    sales.answer(Mute)(handle)
    assert only(checked(sales)).next == "class Mute(Query[<reply>])"


def test_reply_may_be_that_of_a_base() -> None:
    sales = Context("sales")
    sales.handle(Spoken)(handle)
    assert checked(sales) == []


class Half(Query[float]): ...


class Several(Query[Sequence[int]]): ...


class Maybe(Command[Numbered | None, Gone]): ...


def returning(message: Any, returned: Any) -> list[str]:
    """What is found if the handler of a message says that it returns this."""
    desk = Context("desk")

    async def handler(message: Any) -> Any: ...

    handler.__annotations__["return"] = returned
    untyped(desk.answer if issubclass(message, Query) else desk.handle)(message)(handler)
    return [each.what for each in checked(desk) if each.code == "handler.reply"]


@pytest.mark.parametrize(
    ("message", "returned"),
    [
        (Half, float), (Half, int), (Half, bool), (Half, Any), (Half, object), (Half, float | Gone), (Half, Never),
        (Several, list[int]), (Several, tuple[int, ...]), (Several, list[Any]), (Maybe, Numbered), (Maybe, None),
        (Maybe, Deep), (Maybe, Gone),
    ],
)  # fmt: skip
def test_what_may_be_the_reply_is_no_finding(message: Any, returned: Any) -> None:
    assert returning(message, returned) == []


@pytest.mark.parametrize(
    ("message", "returned", "what"),
    [
        (Half, str, "handler returns str, and the reply of Half is float"),
        (Half, float | None, "handler returns None, and the reply of Half is float"),
        (
            Several,
            dict[str, int],
            "handler returns dict[str, int], and the reply of Several is collections.abc.Sequence[int]",
        ),
        (Maybe, str | Gone, "handler returns str, and the reply of Maybe is Numbered | None"),
    ],
)
def test_what_is_never_the_reply_is_a_finding(message: Any, returned: Any, what: str) -> None:
    assert returning(message, returned) == [what]
