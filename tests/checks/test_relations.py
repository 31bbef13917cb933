"""A relation is between two contexts of the system."""

from typing import Any

from remit import Command, Context, Later
from remit.relations import (
    AntiCorruptionLayer,
    CustomerSupplier,
    OpenHost,
    Partnership,
    SeparateWays,
    SharedKernel,
)
from tests.checks.shop import Count, OrderPlaced, Place, checked, count, followed, on_placed, only, place


def test_relation_unknown_context() -> None:
    sales, stranger = Context("sales"), Context("stranger")
    finding = only(checked(sales, relations=[CustomerSupplier(supplier=sales, customer=stranger)]))
    assert (finding.code, finding.expected) == ("relation.unknown-context", "one of: sales")
    assert "Context('stranger')" in finding.what


def test_relation_self() -> None:
    sales = Context("sales")
    assert only(checked(sales, relations=[Partnership(sales, sales)])).code == "relation.self"


def test_relations_of_a_pair_that_say_different_things_hold_together() -> None:
    sales, stock = Context("sales"), Context("stock")
    stock.answer(Count)(count)
    relations = [
        CustomerSupplier(supplier=sales, customer=stock),
        AntiCorruptionLayer(upstream="sales", downstream=stock),
        SharedKernel(sales, stock, package="shop.kernel"),
        OpenHost("stock"),
    ]
    assert checked(sales, stock, relations=relations) == []


def test_another_context_of_the_same_name_is_no_party() -> None:
    finding = only(checked(Context("sales"), Context("stock"), relations=[Partnership(Context("sales"), "stock")]))
    assert (finding.code, finding.next) == ("relation.unknown-context", "name it: 'sales'")


def test_contexts_that_go_separate_ways_follow_nothing_of_each_other() -> None:
    sales, billing = followed()
    billing.react(OrderPlaced)(on_placed)
    finding = only(checked(sales, billing, relations=[SeparateWays("billing", sales)]))
    assert finding.code == "relation.separate-ways"
    assert finding.what == "context 'billing' follows OrderPlaced of 'sales', and their relation is SeparateWays"
    assert finding.next.endswith("CustomerSupplier(supplier='sales', customer='billing', uses=[OrderPlaced])")


def test_contexts_that_go_separate_ways_send_each_other_nothing_for_later() -> None:
    sales, stock = Context("sales"), Context("stock")
    sales.handle(Place)(place)

    class Pack(Command[None]): ...

    async def pack(command: Any, later: Any) -> None: ...

    pack.__annotations__ = {"command": Pack, "later": Later[Place]}
    stock.handle(Pack)(pack)
    finding = only(checked(sales, stock, relations=[SeparateWays(sales, stock)]))
    assert (finding.code, "sends Place of 'sales' for later" in finding.what) == ("relation.separate-ways", True)


def test_expectation_of_a_system_without_contexts_is_not_empty() -> None:
    finding = only(checked(relations=[OpenHost("sales")]))
    assert finding.expected == "a context of the system, which has none"


def test_a_misspelt_context_of_a_relation_is_told_with_the_near_one() -> None:
    sales = Context("sales")
    assert only(checked(sales, relations=[OpenHost("sale")])).next == "did you mean 'sales'?"
