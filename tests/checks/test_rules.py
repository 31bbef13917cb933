"""The rules report everything that does not hold, at once: each finding has a code, a place and a next step."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from types import new_class
from typing import Any, NewType
from uuid import UUID

import pytest

from remit import (
    Aggregate,
    Clock,
    Command,
    Context,
    CustomerSupplier,
    DomainEvent,
    Later,
    ModelError,
    OpenHost,
    Partnership,
    Projection,
    Query,
    Refusal,
    Repository,
    Sql,
    System,
    Value,
    View,
)
from remit.checks import check, model_of
from remit.checks.statements import check_statements
from remit.contexts import ContextMap
from remit.findings import Findings
from tests.checks import shop
from tests.checks.shop import (
    Count,
    Order,
    OrderPaid,
    OrderPlaced,
    Orders,
    Paid,
    Place,
    Placed,
    checked,
    count,
    on_placed,
    only,
    paid,
    place,
    placed,
    untyped,
)
from tests.typing import programs

# --- what holds ------------------------------------------------------------------------------------------------------


def test_a_whole_system_has_no_finding() -> None:
    assert programs.shop.check() == []
    assert {(contract.type, contract.version) for contract in programs.shop.model().contracts.values()} == {
        ("sales.place", 2),
        ("sales.CancelOrder", 1),
        ("sales.OrdersOf", 1),
        ("sales.Placed", 1),
        ("sales.Cancelled", 1),
        ("sales.OrderPlaced", 1),
        ("billing.Owed", 1),
    }


def test_a_handler_may_take_a_base_of_its_message() -> None:
    sales = Context("sales")

    @sales.react(Placed)
    async def audit(event: DomainEvent) -> None: ...

    assert checked(sales) == []


def test_several_contexts_may_react_to_one_event_and_one_function_to_several() -> None:
    sales, one, other = Context("sales"), Context("one"), Context("other")
    sales.publish(Placed)(placed)
    sales.publish(Paid)(paid)
    one.react(OrderPlaced)(on_placed)

    async def on_either(event: OrderPlaced | OrderPaid) -> None: ...

    other.react(OrderPlaced, OrderPaid)(on_either)
    assert checked(sales, one, other) == []


# --- contexts and relations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "Sales", "1st", "sales team", "../etc", "x" * 64, "sales--team", "sales-", "l\u00e4den", "sales.team"]
)
def test_context_name(name: str) -> None:
    finding = only(checked(Context(name)))
    assert (finding.code, finding.what) == ("context.name", f"{name!r} is no name for a context")


@pytest.mark.parametrize("name", ["", "Shop", "my shop", "my.shop", "l\u00e4den", "shop*", "a--b", "a-", "x" * 64])
def test_system_name(name: str) -> None:
    finding = only(check(ContextMap(name=name, contexts=())))
    assert (finding.code, finding.what) == ("system.name", f"{name!r} is no name for a system")


@pytest.mark.parametrize("name", ["a", "my-shop_2", "x" * 63, "a-1"])
def test_names_that_systems_and_contexts_may_have(name: str) -> None:
    assert check(ContextMap(name=name, contexts=(Context(name),))) == []


def test_context_duplicate() -> None:
    assert only(checked(Context("sales"), Context("sales"))).code == "context.duplicate"


def test_relation_unknown_context() -> None:
    sales, stranger = Context("sales"), Context("stranger")
    finding = only(checked(sales, relations=[CustomerSupplier(supplier=sales, customer=stranger), OpenHost(sales)]))
    assert (finding.code, finding.expected) == ("relation.unknown-context", "one of: sales")
    assert "Context('stranger')" in finding.what


def test_relation_self() -> None:
    sales = Context("sales")
    assert only(checked(sales, relations=[Partnership(sales, sales)])).code == "relation.self"


# --- owners and names ------------------------------------------------------------------------------------------------


def test_message_foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "__context__", "elsewhere", raising=False)
    sales = Context("sales")
    sales.answer(Count)(count)
    finding = only(checked(sales))
    assert (finding.code, finding.next) == (
        "message.foreign",
        "send or ask it: await sender.send(...), await sender.ask(...)",
    )
    assert "Count belongs to 'elsewhere'" in finding.what


def test_message_two_owners_of_a_domain_event() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)

    @billing.react(Placed)
    async def charge(event: Placed) -> None: ...

    finding = only(checked(sales, billing))
    assert finding.code == "message.two-owners"
    assert "'sales'" in finding.what
    assert "'billing'" in finding.what
    assert finding.next == "let its owner publish an integration event, and react to that one"


def test_message_two_owners_of_a_folded_event() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    sales.publish(Paid)(paid)
    billing.project(Orders)
    assert only(checked(sales, billing)).code == "message.two-owners"


def test_message_two_owners_of_a_command() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.answer(Count)(count)
    billing.answer(Count)(count)
    assert {finding.code for finding in checked(sales, billing)} == {"message.two-owners", "handler.doubled"}


def test_message_two_owners_of_an_integration_event() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)

    @billing.publish(Paid)
    def also_placed(event: Paid) -> OrderPlaced:
        return OrderPlaced(order=event.order)

    assert only(checked(sales, billing)).code == "message.two-owners"


def test_message_collision() -> None:
    class Other(Query[int], name="Count"): ...

    sales = Context("sales")
    sales.answer(Count)(count)

    @sales.answer(Other)
    async def other(query: Other) -> int:
        return 1

    finding = only(checked(sales))
    assert finding.code == "message.collision"
    assert "share the wire name sales.Count version 1" in finding.what


def test_versions_of_one_name_do_not_collide() -> None:
    class Newer(Query[int], name="Count", version=2): ...

    sales = Context("sales")
    sales.answer(Count)(count)

    @sales.answer(Newer)
    async def newer(query: Newer) -> int:
        return 1

    assert checked(sales) == []


# --- handlers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [Placed, OrderPlaced, Count, str, "Place", None])
def test_handler_kind_of_a_command(message: Any) -> None:
    sales = Context("sales")
    sales.handle(message)(untyped(place))
    assert only(checked(sales)).code == "handler.kind"


@pytest.mark.parametrize("message", [Placed, Place, int, None])
def test_handler_kind_of_a_query(message: Any) -> None:
    sales = Context("sales")
    sales.answer(message)(untyped(count))
    assert only(checked(sales)).code == "handler.kind"


@pytest.mark.parametrize("message", [Place, Count, Order, "Placed", None])
def test_handler_kind_of_a_reaction(message: Any) -> None:
    sales = Context("sales")
    sales.react(message)(untyped(on_placed))
    finding = next(finding for finding in checked(sales) if finding.code == "handler.kind")
    assert "cannot be bound as a reaction" in finding.what


def test_reaction_together() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    untyped(billing).react(OrderPlaced, together=True)(on_placed)
    finding = only(checked(sales, billing))
    assert (finding.code, finding.next) == ("reaction.together", "@context.react(OrderPlaced)")


def test_reaction_doubled() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    billing.react(OrderPlaced)(on_placed)
    billing.react(OrderPlaced)(on_placed)
    assert only(checked(sales, billing)).code == "reaction.doubled"


def named(name: str, function: Any) -> Any:
    """The function under another name."""
    function.__name__ = function.__qualname__ = name
    return function


def followed() -> tuple[Context[Any], Context[Any]]:
    """`sales` publishes two events, and `billing` has nothing yet that follows them."""
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    sales.publish(Paid)(paid)
    return sales, billing


async def on_paid(event: OrderPaid) -> None: ...


def test_subscription_same_name_of_reactions_to_different_events() -> None:
    async def once_paid(event: OrderPaid) -> None: ...

    sales, billing = followed()
    billing.react(OrderPlaced)(on_placed)
    billing.react(OrderPaid)(named("on_placed", once_paid))
    finding = only(checked(sales, billing))
    assert finding.code == "subscription.same-name"
    assert "both called on_placed" in finding.what


def test_subscription_same_name_of_a_reaction_and_a_projection() -> None:
    async def reaction(event: OrderPaid) -> None: ...

    sales, billing = followed()
    untyped(sales).react(OrderPaid)(named("Orders", reaction))
    sales.project(Orders)
    finding = only(checked(sales, billing))
    assert (finding.code, finding.next[:18]) == ("subscription.same-name", "rename one of them")


def test_two_reactions_of_one_name_to_some_of_the_same_events_are_told_of_once() -> None:
    async def either(event: OrderPlaced | OrderPaid) -> None: ...

    sales, billing = followed()
    billing.react(OrderPlaced, OrderPaid)(named("on_placed", either))
    billing.react(OrderPlaced)(on_placed)
    assert only(checked(sales, billing)).code == "reaction.doubled"


def test_one_reaction_to_several_events_has_one_name() -> None:
    async def either(event: OrderPlaced | OrderPaid) -> None: ...

    sales, billing = followed()
    billing.react(OrderPlaced, OrderPaid)(either)
    assert checked(sales, billing) == []


def test_contexts_may_have_reactions_of_one_name() -> None:
    sales, billing = followed()
    for context in (sales, billing):
        context.react(OrderPaid)(on_paid)
    assert checked(sales, billing) == []


def test_subscription_reserved_of_a_reaction() -> None:
    async def reaction(event: OrderPaid) -> None: ...

    sales, billing = followed()
    billing.react(OrderPaid)(named("commands", reaction))
    finding = only(checked(sales, billing))
    assert (finding.code, finding.expected) == ("subscription.reserved", "any other name than 'commands'")


def test_subscription_reserved_of_a_projection() -> None:
    class Kept(Projection[str, Placed]):
        key = Orders.key
        evolve = Orders.evolve

    Kept.__name__ = "commands"
    sales = Context("sales")
    sales.project(Kept)
    assert only(checked(sales)).code == "subscription.reserved"


def test_event_foreign() -> None:
    class SalesEvent(DomainEvent): ...

    sales = Context("sales", events=SalesEvent)

    @sales.react(untyped(Placed))
    async def on_foreign(event: Placed) -> None: ...

    finding = only(checked(sales))
    assert (finding.code, finding.expected) == ("event.foreign", "a SalesEvent, or an integration event")
    untyped(sales).publish(Placed)(placed)
    assert [found.code for found in checked(sales)] == ["event.foreign", "event.foreign"]


def test_event_unpublished() -> None:
    billing = Context("billing")
    billing.react(OrderPlaced)(on_placed)
    finding = only(checked(billing))
    assert (finding.code, finding.expected) == ("event.unpublished", "a publisher that returns it")


def test_event_unpublished_by_its_own_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "__context__", "sales", raising=False)
    sales, billing = Context("sales"), Context("billing")
    sales.handle(Place)(place)
    sales.answer(Count)(count)
    billing.react(OrderPlaced)(on_placed)
    finding = only(checked(sales, billing))
    assert finding.code == "event.unpublished"
    assert finding.next == "@sales.publish(<DomainEvent>) def ...(event) -> OrderPlaced"


def test_handler_sync() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    @untyped
    def at_once(query: Count) -> int:
        return 1

    finding = only(checked(sales))
    assert (finding.code, finding.next) == ("handler.sync", "async def at_once(...)")


def test_handler_doubled() -> None:
    sales = Context("sales")
    sales.answer(Count)(count)

    @sales.answer(Count)
    async def again(query: Count) -> int:
        return 1

    finding = only(checked(sales))
    assert finding.code == "handler.doubled"
    assert "count (" in finding.what
    assert finding.what.endswith("and again")


def test_handler_missing_for_a_route() -> None:
    sales = Context("sales")
    sales.get("/count", Count)
    finding = only(checked(sales))
    assert (finding.code, finding.where, finding.next) == ("handler.missing", "GET /count", "@sales.answer(Count)")


def test_handler_missing_for_what_is_sent_later() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, later: Later[Place]) -> int:
        return 1

    finding = only(checked(sales))
    assert (finding.code, finding.what) == (
        "handler.missing",
        "Place is sent for later by counting and has no handler",
    )


def test_handler_missing_for_a_message_of_the_published_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "__context__", "sales", raising=False)
    sales = Context("sales")
    sales.answer(Count)(count)
    finding = only(checked(sales))
    assert (finding.code, finding.what) == (
        "handler.missing",
        "Place belongs to context 'sales' and has no handler",
    )
    assert finding.next == "@sales.handle(Place)"


def test_handler_annotation() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def lost(query: Count, clock: "Nowhere") -> int:  # type: ignore[name-defined]  # noqa: F821  # the mistake
        return 1

    finding = only(checked(sales))
    assert finding.code == "handler.annotation"
    assert "name 'Nowhere' is not defined" in finding.what
    assert "test_rules.py:" in finding.where


def test_handler_dependency() -> None:
    sales, other = Context("sales"), Context("other")
    other.project(Orders)

    @sales.answer(Count)
    async def counting(query: Count, size: int, orders: View[Orders], prices: Repository[Placed]) -> int:  # type: ignore[type-var]  # the mistake
        return 1

    sales.publish(Placed)(placed)
    other.publish(Paid)(paid)
    findings = [finding for finding in checked(sales, other) if finding.code == "handler.dependency"]
    assert [finding.next for finding in findings] == [
        "sales.provide(int, <zero-argument callable>)",
        "@sales.project class Orders(Projection[...])",
        "Repository[<an aggregate>]",
    ]


def test_a_handler_takes_what_it_asks_for_by_position() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, *, clock: Clock) -> int:
        return 1

    finding = only(checked(sales))
    assert (finding.code, finding.what) == ("handler.parameters", "parameter 'clock' of counting is keyword-only")


def test_each_finding_is_reported_once() -> None:
    """What cannot be read or stored is the business of one check alone."""

    class Odd(Aggregate[str]):
        place: complex = 0j

    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, odd: Repository[Odd]) -> int:
        return 1

    with pytest.raises(ModelError) as caught:
        System("shop", contexts=[sales]).model()
    assert [finding.code for finding in caught.value.findings] == ["message.not-encodable"]


def test_handler_parameters() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    @untyped
    async def nothing(*, query: Count) -> int:
        return 1

    assert only(checked(sales)).code == "handler.parameters"


def test_handler_message() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    @untyped
    async def of_another(query: Place) -> int:
        return 1

    finding = only(checked(sales))
    assert finding.code == "handler.message"
    assert finding.what == "of_another is bound to Count, and its parameter 'query' takes Place"


def test_an_annotation_may_be_left_out() -> None:
    sales = Context("sales")

    async def loose(query: Any) -> int:
        return 1

    del loose.__annotations__["query"]
    sales.answer(Count)(loose)
    assert checked(sales) == []


# --- publishers ------------------------------------------------------------------------------------------------------


def test_publisher_source() -> None:
    sales = Context("sales")
    untyped(sales).publish(OrderPlaced)(placed)
    assert only(checked(sales)).code == "publisher.source"


def test_publisher_async() -> None:
    sales = Context("sales")

    async def slow(event: Placed) -> OrderPlaced:
        return OrderPlaced(order=event.order)

    untyped(sales).publish(Placed)(slow)
    assert only(checked(sales)).code == "publisher.async"


def test_publisher_annotation() -> None:
    sales = Context("sales")

    @sales.publish(Placed)
    def lost(event: Placed) -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821  # the mistake
        return OrderPlaced(order=event.order)

    assert only(checked(sales)).code == "publisher.annotation"


def test_publisher_parameters() -> None:
    sales = Context("sales")

    def nothing() -> OrderPlaced:
        return OrderPlaced(order="o")

    untyped(sales).publish(Placed)(nothing)
    assert only(checked(sales)).code == "publisher.parameters"


def test_publisher_message() -> None:
    sales = Context("sales")
    untyped(sales).publish(Placed)(paid)
    assert only(checked(sales)).code == "publisher.message"


def made_of_nothing(event: Placed) -> None: ...


def made_of_a_domain_event(event: Placed) -> OrderPlaced | Paid: ...  # type: ignore[empty-body]  # never called


def made_of_something(event: Placed):  # type: ignore[no-untyped-def]  # the missing annotation is the point
    return OrderPlaced(order=event.order)


@pytest.mark.parametrize("publisher", [made_of_nothing, made_of_a_domain_event, made_of_something])
def test_publisher_result(publisher: Callable[..., Any]) -> None:
    sales = Context("sales")
    sales.publish(Placed)(publisher)
    assert only(checked(sales)).code == "publisher.result"


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_aggregate_shared() -> None:
    class PlaceAgain(Command[str]):
        order: str

    sales, billing = Context("sales"), Context("billing")
    sales.handle(Place)(place)

    @billing.handle(PlaceAgain)
    async def place_again(command: PlaceAgain, accounts: Repository[Unsaid]) -> str:
        return command.order

    @sales.answer(Count)
    async def counting(query: Count, accounts: Repository[Unsaid]) -> int:
        return 1

    finding = only(checked(sales, billing))
    assert finding.code == "aggregate.shared"
    assert finding.what == "Unsaid is used by context 'sales' and by 'billing'"


class Unsaid(Aggregate[str]):
    """Says nothing of the events it records."""


def test_aggregate_same_name() -> None:
    def another() -> Any:
        class Order(Aggregate[str]): ...

        return Order

    sales = Context("sales")
    sales.handle(Place)(place)

    async def counting(query: Count, orders: object) -> int:
        return 1

    repository: Any = Repository
    counting.__annotations__["orders"] = repository[another()]
    sales.answer(Count)(untyped(counting))
    assert only(checked(sales)).code == "aggregate.same-name"


def test_projection_kind() -> None:
    sales = Context("sales")
    untyped(sales).project(Order)
    assert only(checked(sales)).code == "projection.kind"


def test_projection_doubled() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    sales.publish(Paid)(paid)
    sales.project(Orders)
    sales.project(Orders)
    assert only(checked(sales, billing)).code == "projection.doubled"


def test_projection_same_name() -> None:
    def another() -> Any:
        class Counted(Projection[str, Placed]):
            key = Orders.key
            evolve = Orders.evolve

        return Counted

    sales = Context("sales")
    sales.project(another())
    sales.project(another())
    assert only(checked(sales)).code == "projection.same-name"


def test_projection_same_name_as_an_aggregate() -> None:
    """Both would be stored under it, each in place of the other."""

    class Kept(Projection[str, Placed]):
        key = Orders.key
        evolve = Orders.evolve

    Kept.__name__ = "Order"
    sales, _ = followed()
    sales.handle(Place)(place)
    sales.project(Kept)
    finding = next(finding for finding in checked(sales) if finding.code == "projection.same-name")
    assert "share the name Order" in finding.what


def test_projection_defaults() -> None:
    class Counted(Projection[str, Placed]):
        first: str
        amount: int = 0
        last: str

        key = Orders.key
        evolve = Orders.evolve

    sales = Context("sales")
    sales.project(untyped(Counted))
    finding = only(checked(sales))
    assert (finding.code, finding.what) == ("projection.defaults", "Counted has fields without a default: first, last")


@pytest.mark.parametrize("base", [Projection, Projection[str, Order], Projection[str, Placed | int]])
def test_projection_events(base: Any) -> None:
    class Counted(base):  # type: ignore[misc]  # the base is the point of the test
        key = Orders.key
        evolve = Orders.evolve

    sales = Context("sales")
    sales.project(Counted)
    assert only(checked(sales)).code == "projection.events"


def test_projection_incomplete() -> None:
    class Counted(Projection[str, Placed]): ...

    sales = Context("sales")
    sales.project(Counted)
    assert [(found.code, found.what) for found in checked(sales)] == [
        ("projection.incomplete", "Counted has no `key`"),
        ("projection.incomplete", "Counted has no `evolve`"),
    ]


# --- what travels ----------------------------------------------------------------------------------------------------


class Opaque: ...


class BadField(Query[int]):
    inside: Opaque


class BadReply(Query[Opaque]): ...


class BadRefusal(Refusal):
    inside: Opaque


class BadAnswer(Query[int, BadRefusal]): ...


class BadState(Aggregate[str]):
    inside: Opaque | None = None


class Unresolved(Query[int]):
    inside: "Nowhere"  # type: ignore[name-defined]  # noqa: F821  # the mistake is the point of the test


@pytest.mark.parametrize("message", [BadField, BadReply, BadAnswer, Unresolved])
def test_message_not_encodable(message: Any) -> None:
    sales = Context("sales")

    async def answer(query: object) -> Any: ...

    sales.answer(message)(answer)
    finding = only(checked(sales))
    assert finding.code == "message.not-encodable"
    assert "Opaque" in finding.what or "Nowhere" in finding.what


def test_message_not_encodable_in_an_aggregate() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, states: Repository[BadState]) -> int:
        return 1

    finding = only(checked(sales))
    assert finding.what == "BadState cannot travel: inside has the type Opaque, which JSON has no form for"


def test_refusal_kind() -> None:
    no_refusal: Any = int

    class Bad(Query[int, no_refusal]): ...

    sales = Context("sales")

    @sales.answer(Bad)
    async def answer(query: Bad) -> int:
        return 1

    assert only(checked(sales)).code == "refusal.kind"


def test_refusal_collision() -> None:
    def another() -> Any:
        class SoldOut(Refusal): ...

        return SoldOut

    one, other = another(), another()

    class Bad(Query[int, one | other]): ...  # type: ignore[valid-type]  # made on the spot, so that they share a name

    sales = Context("sales")

    @sales.answer(Bad)
    async def answer(query: Bad) -> int:
        return 1

    assert only(checked(sales)).code == "refusal.collision"


def test_service_kind() -> None:
    sales = Context("sales")
    untyped(sales).provide("Tariff", dict)
    assert only(checked(sales)).code == "service.kind"


# --- all at once -----------------------------------------------------------------------------------------------------


def test_all_findings_are_raised_together() -> None:
    sales = Context("Sales")
    sales.get("/count", Count)
    sales.react(untyped(Place))(untyped(on_placed))
    system = System("shop", contexts=[sales], relations=[OpenHost(Context("stranger"))])
    with pytest.raises(ModelError) as caught:
        system.model()
    codes = {finding.code for finding in caught.value.findings}
    assert codes == {"context.name", "relation.unknown-context", "handler.kind", "handler.missing"}
    text = str(caught.value)
    assert all(code in text for code in codes)
    assert "\n  Expected: " in text
    assert "\n  Next: @Sales.answer(Count)" in text


class Spot(Value):
    row: int


class Level(Enum):
    LOW = "low"


class Side(StrEnum):
    LEFT = "left"


@pytest.mark.parametrize("identity", [Spot, frozenset[str], list[str], Level, str | None, bytes, tuple[int, int]])
def test_an_identity_whose_text_may_be_another_one_tomorrow(identity: Any) -> None:
    context = Context("shop")
    spot: Any = new_class("ParkingSpot", (Aggregate[identity],))

    moved_event: Any = new_class("Moved", (DomainEvent,), {"key": "to"}, lambda body: body.update(_of(identity)))

    async def fine(command: Fine, spots: Any) -> None: ...

    async def moved(event: Any) -> None: ...

    fine.__annotations__["spots"], moved.__annotations__["event"] = Repository[spot], moved_event
    context.handle(Fine)(fine)
    context.react(moved_event)(moved)

    found = checked(context)
    assert [each.code for each in found] == ["message.not-a-key"] * 2


@pytest.mark.parametrize("identity", [str, int, UUID, date, datetime, Decimal, Side, NewType("SpotId", str)])
def test_other_identities_are_fine(identity: Any) -> None:
    context = Context("shop")
    spot: Any = new_class("ParkingSpot", (Aggregate[identity],))

    async def fine(command: Fine, spots: Any) -> None: ...

    fine.__annotations__["spots"] = Repository[spot]
    context.handle(Fine)(fine)
    assert checked(context) == []


class Fine(Command[None]):
    pass


def _of(identity: Any) -> dict[str, Any]:
    return {"__annotations__": {"to": identity}, "__module__": __name__}


@pytest.mark.parametrize(
    ("takes_sql", "codes"), [({"sales": False}, ["store.no-sql"]), ({"sales": True}, []), ({}, [])]
)
def test_store_no_sql(takes_sql: dict[str, bool], codes: list[str]) -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, sql: Sql) -> int:
        return 1

    findings = Findings()
    check_statements(model_of(ContextMap(name="shop", contexts=(sales,))), takes_sql, findings)
    assert [finding.code for finding in findings] == codes
