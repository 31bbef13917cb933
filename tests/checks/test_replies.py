"""A command or a query says what it is answered with."""

from typing import Any

from remit import Command, Context, Query
from tests.checks.shop import checked, only


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
    assert finding.where == f"{__file__}:9"
    sales = Context("sales")
    sales.answer(Mute)(handle)
    assert only(checked(sales)).next == "class Mute(Query[<reply>])"


def test_reply_may_be_that_of_a_base() -> None:
    sales = Context("sales")
    sales.handle(Spoken)(handle)
    assert checked(sales) == []
