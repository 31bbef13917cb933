"""What a read model is built from is judged before a start."""

from typing import Any

import pytest

from remit import Aggregate, Context, Projection, Repository
from remit.errors import Finding
from tests.checks.shop import Orders, Place, Placed, checked, only


class Order(Aggregate[str, Placed]): ...


class Board(Projection[str, Placed]):
    count: int = 0

    @staticmethod
    def key(event: Placed) -> str:
        return event.order

    def evolve(self, event: Placed) -> None: ...


class Numbered(Projection[int, Placed]):
    count: int = 0

    @staticmethod
    def key(event: Placed) -> int:
        return 1

    def evolve(self, event: Placed) -> None: ...


class Stranger(Aggregate[str, Placed]): ...


def board(order: Any) -> Any: ...


async def late(order: Any) -> Any: ...


def found(*declared: tuple[Any, Any, Any]) -> list[Finding]:
    """The findings for these declarations."""
    sales = Context("sales")

    @sales.handle(Place)
    async def place(command: Place, orders: Repository[Order]) -> str:
        return command.order

    for projection in (Board, Numbered, Orders):
        sales.project(projection)
    for projection, aggregate, function in declared:
        sales.from_state(projection, aggregate)(function)
    return [finding for finding in checked(sales) if finding.code == "projection.state"]


def test_a_projection_of_the_identities_of_an_aggregate_has_no_finding() -> None:
    assert found((Board, Order, board)) == []


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        ((Stranger, Order, board), "Stranger is not a projection of 'sales'"),
        (("no class", "nothing", board), "is not a projection of 'sales'"),
        ((Board, Stranger, board), "Stranger is not an aggregate that a handler of 'sales' asks for"),
        ((Numbered, Order, board), "the key of Numbered is int, and the identity of Order is str"),
        ((Orders, Order, board), "Orders also follows OrderPaid"),
        ((Board, Order, late), "the function is async"),
    ],
)
def test_what_cannot_be_built_is_reported(declared: tuple[Any, Any, Any], what: str) -> None:
    assert what in only(found(declared)).what


def test_two_functions_for_one_projection_are_reported() -> None:
    assert "Board is built from states twice" in only(found((Board, Order, board), (Board, Order, board))).what
