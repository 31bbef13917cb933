"""A refusal is declared beside the reply, and a handler returns only what its message declares."""

from typing import Any

from remit import Command, Context, Query, Refusal
from tests.checks.shop import Place, Placed, SoldOut, checked, only, untyped


class Late(Refusal): ...


class Held(Command[SoldOut, Late]): ...


class Found(Query[int | SoldOut]): ...


def test_refusal_reply() -> None:
    sales = Context("sales")

    @sales.handle(Held)
    async def held(command: Held) -> Any: ...

    finding = only(checked(sales))
    assert (finding.code, finding.next) == ("refusal.reply", "class Held(Command[<reply>, SoldOut | Late])")


def test_refusal_reply_in_a_union() -> None:
    sales = Context("sales")

    @sales.answer(Found)
    async def found(query: Found) -> Any: ...

    finding = only(checked(sales))
    assert (finding.code, finding.next) == ("refusal.reply", "class Found(Query[<reply>, SoldOut])")


def test_refusal_undeclared() -> None:
    sales = Context("sales")

    async def placing(command: Place) -> str | SoldOut | Late:
        return ""

    untyped(sales).handle(Place)(placing)
    finding = only(checked(sales))
    assert (finding.code, finding.expected) == ("refusal.undeclared", "SoldOut")
    assert finding.next == "declare it behind the reply: [<reply>, SoldOut | Late]"


def test_refusal_undeclared_by_a_reaction() -> None:
    sales = Context("sales")

    async def noting(event: Placed) -> SoldOut | None: ...

    untyped(sales).react(Placed)(noting)
    finding = only(checked(sales))
    assert finding.code == "refusal.undeclared"
    assert finding.next == "return None, and record an event if others have to know; an error would park the key"


def test_refusal_undeclared_by_a_method_of_a_policy() -> None:
    sales = Context("sales")

    class Noting:
        async def noting(self, event: Placed) -> SoldOut | None: ...

        untyped(sales).react(Placed)(noting)

    sales.policy(Noting)
    assert only(checked(sales)).code == "refusal.undeclared"


def test_a_declared_refusal_may_be_returned() -> None:
    sales = Context("sales")

    @sales.handle(Place)
    async def placing(command: Place) -> str | SoldOut:
        return SoldOut()

    assert checked(sales) == []
