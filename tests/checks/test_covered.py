"""With relations, what contexts do with messages of one another is covered by a relation: each pattern refuses its own.

`sales` publishes OrderPlaced and OrderPaid and answers Count; `billing` uses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from remit import Command, Context, IntegrationEvent, Later, Projection, Query, Sender
from remit.checks import check
from remit.contexts import ContextMap
from remit.edges import HttpEdge
from remit.errors import Finding, Findings
from remit.relations import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    Foreign,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)
from tests.checks.packages import Packages
from tests.checks.shop import Count, OrderPaid, OrderPlaced, Place, Placed, count, followed, on_placed, only, place

HERE = __name__


class Bill(Command[None]):
    order: str


class Owed(Query[int]): ...


class Billed(Projection[str, OrderPaid]):
    @staticmethod
    def key(event: OrderPaid) -> str:
        return event.order

    def evolve(self, event: OrderPaid) -> None: ...


async def bill_by_call(command: Bill, sender: Sender) -> None:
    await sender.ask(Count())


async def bill_later(command: Bill, later: Later[Place]) -> None: ...


async def owed(query: Owed) -> int:
    return 0


WAYS = ["reaction", "projection", "call", "later", "outbox", "edge"]


def shop(way: str, *, sales_states: Sequence[Relation] = (), billing_states: Sequence[Relation] = ()) -> ContextMap:
    """Billing uses a message of sales in one way. Sales uses nothing of billing."""
    sales, billing = followed()
    sales.answer(Count)(count)
    sales.handle(Place)(place)
    sales.relations, billing.relations = tuple(sales_states), tuple(billing_states)
    edges: tuple[HttpEdge, ...] = ()
    match way:
        case "reaction":
            billing.react(OrderPlaced)(on_placed)
        case "projection":
            billing.project(Billed)
        case "call":
            billing.handle(Bill)(bill_by_call)
        case "later":
            billing.handle(Bill)(bill_later)
        case "outbox":
            billing.outbox = (Place,)
        case "edge":
            edges = (HttpEdge(billing),)
            edges[0].get("/count", Count)
        case _:
            raise AssertionError(way)
    return ContextMap(name="shop", contexts=(sales, billing), edges=edges)


def judged(way: str, *relations: Relation, **stated: Sequence[Relation]) -> Findings:
    made = shop(way, **stated)
    return check(ContextMap(name="shop", contexts=made.contexts, edges=made.edges, stated=relations))


USED = {"reaction": "OrderPlaced", "projection": "OrderPaid", "edge": "Count", "call": "Count"}
COVERING: list[Relation] = [
    CustomerSupplier(supplier="sales", customer="billing"),
    Conformist(upstream="sales", downstream="billing", uses=["Count", "Place", "OrderPlaced", OrderPaid]),
    OpenHost("sales"),
    Partnership("billing", "sales"),
]
UNRELATED = Partnership("billing", "stock")


def with_stock(made: ContextMap, *relations: Relation) -> Findings:
    """With a third context, and a relation to it: so relations are stated, and none of sales and billing."""
    contexts = (*made.contexts, Context("stock"))
    return check(ContextMap(name="shop", contexts=contexts, edges=made.edges, stated=(UNRELATED, *relations)))


@pytest.mark.parametrize("way", WAYS)
def test_use_that_no_relation_covers_is_found_in_each_way(way: str) -> None:
    found = only(with_stock(shop(way)))
    used = USED.get(way, "Place")
    assert (found.code, f"{used} of 'sales'" in found.what) == ("relation.missing", True)
    assert "Context('billing', relations=[CustomerSupplier(supplier='sales', customer='billing'" in found.next
    if way not in ("outbox", "projection"):
        assert found.where.rpartition(":")[2].isdigit(), "the line of the code"


def test_call_is_labelled_as_found_in_code() -> None:
    found = only(with_stock(shop("call")))
    assert f"calls Count of 'sales' (found in the code of {found.where})" in found.what
    assert found.next.endswith("; or remove the call")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("relation", COVERING, ids=lambda each: type(each).__name__)
def test_use_that_a_relation_covers_is_legal_in_each_way(way: str, relation: Relation) -> None:
    assert judged(way, relation) == []


@pytest.mark.parametrize("way", WAYS)
def test_system_without_relations_is_not_restricted_and_says_so_once(way: str) -> None:
    found = judged(way)
    assert found == []
    notes = [note for note in found.notes if note.code == "relation.none"]
    assert len(notes) == (0 if way == "call" else 1), "a call is an estimate, and no reason for a note"


# --- one red test for each pattern ------------------------------------------------------------------------------------


def test_customer_uses_only_what_is_listed() -> None:
    relation = CustomerSupplier(supplier="sales", customer="billing", uses=[OrderPaid, "Count"])
    found = only(judged("reaction", relation))
    assert found.code == "relation.not-listed"
    assert "CustomerSupplier of 'sales' and 'billing' does not list it" in found.what
    assert found.expected == "one of the messages that it lists: OrderPaid, Count"


def test_supplier_uses_nothing_of_its_customer() -> None:
    found = only(judged("reaction", CustomerSupplier(supplier="billing", customer="sales")))
    assert (found.code, "makes 'billing' the upstream of 'sales'" in found.what) == ("relation.direction", True)


def test_conformist_uses_what_is_published_and_nothing_in_the_other_direction() -> None:
    assert judged("reaction", Conformist(upstream="sales", downstream="billing")) == []
    assert only(judged("reaction", Conformist(upstream="billing", downstream="sales"))).code == "relation.direction"


def test_open_host_serves_what_it_exposes() -> None:
    assert judged("reaction", OpenHost("sales", exposes=[OrderPlaced])) == []
    found = only(judged("reaction", OpenHost("sales", exposes=["OrderPaid"])))
    assert (found.code, found.expected) == ("relation.not-exposed", "one of the messages that it exposes: OrderPaid")


def test_open_host_limits_those_whose_relation_lists_nothing() -> None:
    host, conformist = OpenHost("sales", exposes=[OrderPaid]), Conformist(upstream="sales", downstream="billing")
    assert only(judged("reaction", host, conformist)).code == "relation.not-exposed"
    assert judged("projection", host, conformist) == []


def test_customer_of_an_open_host_may_use_both_what_is_agreed_and_what_is_exposed() -> None:
    relations = (
        OpenHost("sales", exposes=[OrderPaid]),
        CustomerSupplier(supplier="sales", customer="billing", uses=[OrderPlaced]),
    )
    assert judged("reaction", *relations) == []
    assert judged("projection", *relations) == []
    assert only(judged("call", *relations)).code == "relation.not-listed"


def test_open_host_does_not_serve_a_context_that_goes_separate_ways() -> None:
    assert (
        only(judged("reaction", OpenHost("sales"), SeparateWays("billing", "sales"))).code == "relation.separate-ways"
    )


@pytest.mark.parametrize("way", WAYS)
def test_contexts_that_go_separate_ways_do_not_integrate_in_any_way(way: str) -> None:
    assert only(judged(way, SeparateWays("sales", "billing"))).code == "relation.separate-ways"


def test_shared_kernel_carries_no_messages() -> None:
    found = only(judged("reaction", SharedKernel("sales", "billing", package="shop.kernel")))
    assert (found.code, "a SharedKernel carries no messages" in found.what) == ("relation.missing", True)


def test_partners_use_each_other_in_both_directions_and_what_they_list() -> None:
    assert judged("reaction", Partnership("sales", "billing")) == []
    assert judged("reaction", Partnership("billing", "sales", uses=[OrderPlaced])) == []
    assert only(judged("reaction", Partnership("sales", "billing", uses=[OrderPaid]))).code == "relation.not-listed"


def test_partnership_that_one_context_states_covers_what_that_context_uses() -> None:
    assert judged("reaction", billing_states=[Partnership("billing", "sales")]) == []
    found = only(judged("reaction", sales_states=[Partnership("sales", "billing")]))
    assert (found.code, "only 'sales' states their Partnership" in found.what) == ("relation.direction", True)


def test_relation_that_the_downstream_context_states_covers_its_use() -> None:
    assert judged("call", billing_states=[CustomerSupplier(supplier="sales", customer="billing", uses=[Count])]) == []


@pytest.mark.parametrize("way", WAYS)
def test_only_the_layer_that_translates_uses_its_upstream(way: str) -> None:
    layer = AntiCorruptionLayer(upstream="sales", downstream="billing", module="shop.billing.layer")
    found = only(judged(way, layer))
    assert (found.code, found.expected) == ("relation.outside-layer", "only code of shop.billing.layer knows 'sales'")
    assert found.next == "move it to shop.billing.layer"


@pytest.mark.parametrize("way", ["projection", "call", "later"])
def test_code_in_the_layer_uses_its_upstream(way: str) -> None:
    for module in (HERE, HERE.rpartition(".")[0]):
        assert judged(way, AntiCorruptionLayer(upstream="sales", downstream="billing", module=module)) == []


def test_layer_towards_something_foreign_says_nothing_of_contexts() -> None:
    layer = AntiCorruptionLayer(upstream=Foreign("bank"), downstream="billing", module="shop.bank")
    assert only(judged("reaction", layer)).code == "relation.missing"


LAYERED = {
    "stall/__init__.py": "",
    "stall/sales.py": """
        from remit import *
        class Count(Query[int]): ...
        sales = Context("sales")
        @sales.answer(Count)
        async def count(query: Count) -> int: return 1
        """,
    "stall/billing/__init__.py": "",
    "stall/billing/layer.py": """
        from stall.sales import Count
        async def counted(sender): return await sender.ask(Count())
        """,
    "stall/billing/model.py": """
        from remit import *
        from remit.relations import AntiCorruptionLayer
        from stall.billing.layer import counted
        class Bill(Command[None]): ...
        layer = AntiCorruptionLayer(upstream="sales", downstream="billing", module="stall.billing.layer")
        billing = Context("billing", relations=[layer])
        @billing.handle(Bill)
        async def bill(command: Bill, sender: Sender) -> None: await counted(sender)
        """,
    "stall/system.py": """
        from remit import *
        from stall.billing.model import billing
        from stall.sales import sales
        stall = System("stall", contexts=[sales, billing])
        """,
}


def test_handler_may_call_its_upstream_through_a_function_of_the_layer(packages: Packages) -> None:
    system = packages.imported(LAYERED, "stall.system").stall
    assert (system.check(), system.check().notes) == ([], [])


# --- what is listed ---------------------------------------------------------------------------------------------------


def listed(*uses: Any) -> list[Finding]:
    return judged("reaction", CustomerSupplier(supplier="sales", customer="billing", uses=[OrderPlaced, *uses]))


@pytest.mark.parametrize(
    ("entry", "code", "next"),
    [
        ("OrderPade", "relation.unknown-message", "did you mean OrderPaid?"),
        (Owed, "relation.unknown-message", "list one of them, or remove it"),
        (int, "relation.unknown-message", "list one of them, or remove it"),
        (Placed, "relation.not-published", "did you mean Place?"),
        ("Placed", "relation.not-published", "did you mean Place?"),
    ],
)
def test_entry_that_the_upstream_does_not_publish(entry: Any, code: str, next: str) -> None:
    found = only(listed(entry))
    assert (found.code, found.where, found.next) == (code, "System('shop')", next)
    assert found.expected == "one of: Count, OrderPaid, OrderPlaced, Place"


@pytest.mark.parametrize("entry", [OrderPaid, "OrderPaid", "sales.OrderPaid", Count, "Place", IntegrationEvent])
def test_entry_that_the_upstream_publishes(entry: Any) -> None:
    assert listed(entry) == []


def test_entry_of_an_open_host_that_it_does_not_publish() -> None:
    assert only(judged("reaction", OpenHost("sales", exposes=[OrderPlaced, Owed]))).code == "relation.unknown-message"


def test_entry_of_partners_is_a_message_of_one_of_them() -> None:
    found = only(judged("reaction", Partnership("sales", "billing", uses=[OrderPlaced, "Owedd"])))
    assert (found.code, "no message of 'sales' or 'billing'" in found.what) == ("relation.unknown-message", True)


def test_entry_that_the_open_host_does_not_expose() -> None:
    host = OpenHost("sales", exposes=[OrderPlaced])
    relation = Conformist(upstream="sales", downstream="billing", uses=[OrderPlaced, OrderPaid])
    found = only(judged("reaction", host, relation))
    assert (found.code, "lists OrderPaid, which the open host 'sales' does not expose" in found.what) == (
        "relation.not-exposed",
        True,
    )


def test_open_host_without_a_published_language_exposes_nothing() -> None:
    found = only(judged("reaction", Partnership("billing", "sales"), OpenHost("billing")))
    assert (found.code, "without a published language" in found.what) == ("relation.nothing-exposed", True)


def test_entry_that_is_used_nowhere_is_noted() -> None:
    found = judged("reaction", CustomerSupplier(supplier="sales", customer="billing", uses=[OrderPlaced, "Count"]))
    assert found == []
    (note,) = [each for each in found.notes if each.code.startswith("relation.")]
    assert (note.code, note.next) == ("relation.unused", "remove Count from uses")


def test_what_a_process_does_not_load_is_not_judged() -> None:
    """The messages of sales are known by name only."""
    _, billing = shop("reaction").contexts
    billing.relations = (CustomerSupplier(supplier="sales", customer="billing", uses=["OrderPlaced", "Other"]),)
    findings = check(ContextMap(name="shop", contexts=(billing,), elsewhere=("sales",)))
    assert [each.code for each in findings if each.code.startswith("relation.")] == []


@pytest.mark.parametrize("hosted", ["edge alone", "whole"])
def test_route_is_judged_where_the_relations_of_its_context_are_known(hosted: str) -> None:
    """A process may serve only the edge of a context, which states its relations itself."""
    made = shop("edge", billing_states=[CustomerSupplier(supplier="sales", customer="billing", uses=["Place"])])
    if hosted == "whole":
        assert only(check(made)).code == "relation.not-listed"
        return
    alone = ContextMap(
        name="shop", contexts=made.contexts[:1], elsewhere=("billing",), edges=made.edges,
        stated=(Partnership("sales", "billing", uses=["Place"]),),
    )  # fmt: skip
    assert check(alone) == [], "billing may list more"


KERNEL = {
    "stall/__init__.py": "",
    "stall/kernel/__init__.py": "",
    "stall/kernel/money.py": """
        from remit import *
        class Money(Value): amount: int
        class Paid(DomainEvent): ...
        """,
    "stall/system.py": """
        from remit import *
        from remit.relations import SharedKernel
        from stall.kernel.money import Money
        kernel = SharedKernel("sales", "billing", package="stall.kernel")
        stall = System("stall", contexts=[Context("sales"), Context("billing")], relations=[kernel])
        """,
}


def test_shared_kernel_declares_no_messages(packages: Packages) -> None:
    found = only(packages.imported(KERNEL, "stall.system").stall.check())
    assert (found.code, "declares the message Paid" in found.what) == ("relation.kernel-message", True)
    assert found.where.endswith("money.py:3")
