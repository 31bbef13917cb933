"""A market with baskets that are kept as state, and read models that a rebuild builds from that state."""

from collections.abc import Callable
from typing import Any

from remit import Aggregate, Command, Context, DomainEvent, Projection, Query, Repository, Row, System, View


class Put(DomainEvent):
    basket: str
    pieces: int


class Left(DomainEvent):
    basket: str


class Basket(Aggregate[str, Put | Left]):
    pieces: int = 0
    puts: int = 0


class Fill(Command[None]):
    basket: str
    pieces: int


class Leave(Command[None]):
    basket: str


class Pieces(Query[int]):
    basket: str


class Heavy(Query[list[str]]):
    pieces: int


def market(  # noqa: C901  # one context with all its functions
    held_of: Callable[[Any, type[Any]], Any] = lambda basket, held: held(pieces=basket.pieces, puts=basket.puts),
    declared: bool = True,
) -> System:
    """The same system, with a projection that is built by this function of the state and the class."""
    context = Context("market")

    @context.project
    class Held(Projection[str, Put]):
        pieces: int = 0
        puts: int = 0

        @staticmethod
        def key(event: Put) -> str:
            return event.basket

        def evolve(self, event: Put) -> None:
            self.pieces, self.puts = self.pieces + event.pieces, self.puts + 1

    @context.project
    class Full(Row[str, Put | Left], indexes=[("pieces",)]):
        basket: str = ""
        pieces: int = 0

        @staticmethod
        def key(event: Put | Left) -> str:
            return event.basket

        def evolve(self, event: Put | Left) -> None:
            if isinstance(event, Left):
                self.remove()
            else:
                self.basket, self.pieces = event.basket, self.pieces + event.pieces

    if declared:

        @context.from_state(Held, Basket)
        def held(basket: Basket) -> Held | None:
            return held_of(basket, Held)  # type: ignore[no-any-return]  # what a test gives

        @context.from_state(Full, Basket)
        def full(basket: Basket) -> Full | None:
            return Full(basket=basket.id, pieces=basket.pieces)

    @context.handle(Fill)
    async def fill(command: Fill, baskets: Repository[Basket]) -> None:
        basket = await baskets.obtain(command.basket)
        basket.pieces, basket.puts = basket.pieces + command.pieces, basket.puts + 1
        basket.record(Put(basket=command.basket, pieces=command.pieces))

    @context.handle(Leave)
    async def leave(command: Leave, baskets: Repository[Basket]) -> None:
        basket = await baskets.find(command.basket)
        if basket is not None:
            basket.record(Left(basket=command.basket))
            baskets.remove(basket)

    @context.answer(Pieces)
    async def pieces(query: Pieces, baskets: View[Held]) -> int:
        return (await baskets.get(query.basket)).pieces

    @context.answer(Heavy)
    async def heavy(query: Heavy, baskets: View[Full]) -> list[str]:
        return [each.basket for each in (await baskets.where(pieces=query.pieces).page()).items]

    return System("market", contexts=[context])
