"""What the tests of the map are made of: messages, an aggregate and declarations that hold together."""

from collections.abc import Sequence
from typing import Any

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Projection, Query, Refusal, Repository
from remit.checks import check
from remit.contexts import ContextMap, Relation
from remit.errors import Finding


class SoldOut(Refusal): ...


class Place(Command[str, SoldOut]):
    order: str


class Count(Query[int]): ...


class Placed(DomainEvent):
    order: str


class Paid(DomainEvent):
    order: str


class OrderPlaced(IntegrationEvent):
    order: str


class OrderPaid(IntegrationEvent):
    order: str


class Order(Aggregate[str, Placed]):
    placed: bool = False


class Orders(Projection[str, Placed | OrderPaid]):
    count: int = 0

    @staticmethod
    def key(event: Placed | OrderPaid) -> str:
        return event.order

    def evolve(self, event: Placed | OrderPaid) -> None:
        self.count += 1


async def place(command: Place, orders: Repository[Order]) -> str:
    return command.order


async def count(query: Count) -> int:
    return 0


def placed(event: Placed) -> OrderPlaced | None:
    return OrderPlaced(order=event.order)


def paid(event: Paid) -> OrderPaid:
    return OrderPaid(order=event.order)


async def on_placed(event: OrderPlaced) -> None: ...


def checked(*contexts: Context[Any], relations: Sequence[Relation] = ()) -> list[Finding]:
    """What the map of these contexts has to say."""
    return check(ContextMap(name="shop", contexts=contexts, stated=tuple(relations)))


def only(findings: list[Finding]) -> Finding:
    """The one finding there is."""
    assert len(findings) == 1, "\n\n".join(map(str, findings))
    return findings[0]


def untyped(declared: object) -> Any:
    """The same, where a test makes a mistake that a checker would report."""
    return declared


def followed() -> tuple[Context[Any], Context[Any]]:
    """`sales` publishes two events, and `billing` has nothing yet that follows them."""
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    sales.publish(Paid)(paid)
    return sales, billing
