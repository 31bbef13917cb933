"""What a plan knows of a context is what the context declares."""

from __future__ import annotations

from remit import Command, Context, DomainEvent, IntegrationEvent, Later, Projection, Query, Sender
from remit.checks import model_of
from remit.contexts import ContextMap, Model
from remit.edges import HttpEdge
from remit.messages.component import Component
from remit.topology.placement import ContextShape
from remit.topology.shapes import shapes_of


class Pack(Command[None]):
    order: str


class Stocked(Query[int]):
    order: str


class Sell(Command[None]):
    order: str


class Count(Query[int]):
    order: str


class Closed(DomainEvent):
    order: str


class Packed(IntegrationEvent, version=1):
    order: str


class Parcels(Projection[str, Packed]):
    count: int = 0

    @staticmethod
    def key(event: Packed) -> str:
        return event.order

    def evolve(self, event: Packed) -> None:
        self.count += 1


async def sell(command: Sell, later: Later[Pack]) -> None:
    later.send(Pack(order=command.order))


async def count(query: Count, calls: Sender) -> int:
    return sum([await asked(order, calls) for order in [query.order]])


async def asked(order: str, calls: Sender) -> int:
    return await calls.ask(Stocked(order=order))


async def pack(command: Pack) -> None:
    """Nothing to do."""


async def pack_nothing(command: Sell) -> None: ...


async def stocked(query: Stocked) -> int:
    return 1


def packed(event: Closed) -> Packed:
    return Packed(order=event.order)


def model() -> Model:
    """Sales sends for later to stock, asks it, and follows it; accounts is hosted elsewhere."""
    sales, stock = Context("sales"), Context("stock")
    sales.handle(Sell)(sell)
    sales.answer(Count)(count)
    sales.project(Parcels)
    sales_edge = HttpEdge(sales)
    sales_edge.post("/orders", Sell)
    accounts_edge = HttpEdge("accounts")
    accounts_edge.get("/stock", Stocked)
    stock.handle(Pack)(pack)
    stock.answer(Stocked)(stocked)
    stock.publish(Closed)(packed)
    return model_of(
        ContextMap(name="shop", contexts=(sales, stock), elsewhere=("accounts",), edges=(sales_edge, accounts_edge))
    )


def test_a_shape_has_components_sources_and_calls() -> None:
    shapes = shapes_of(model())
    assert shapes["sales"] == ContextShape(
        frozenset({"write", "read", "edge"}),
        projects=frozenset({"stock"}),
        calls=frozenset({("edge", Component("sales", "write")), ("read", Component("stock", "read"))}),
    )


def test_who_is_sent_something_for_later_follows_the_sender() -> None:
    assert shapes_of(model())["stock"] == ContextShape(frozenset({"write", "read"}), reacts_to=frozenset({"sales"}))


def test_a_context_hosted_elsewhere_has_only_a_name() -> None:
    shapes = shapes_of(model())
    assert list(shapes) == ["sales", "stock", "accounts"]
    assert shapes["accounts"] is None


def test_context_that_keeps_nothing_has_a_write_component_that_may_be_left_out() -> None:
    gate, empty = Context("gate"), Context("empty")
    sales = Context("sales")
    sales.handle(Sell)(pack_nothing)
    edge = HttpEdge(gate)
    edge.post("/orders", Sell)
    shapes = shapes_of(model_of(ContextMap(name="shop", contexts=(sales, gate, empty), edges=(edge,))))
    needed = {name: shape and (set(shape.parts), set(shape.needed)) for name, shape in shapes.items()}
    assert needed["empty"] == ({"write"}, set())
    assert needed["gate"] == ({"write", "edge"}, {"edge"})
    assert needed["sales"] == ({"write"}, {"write"})
