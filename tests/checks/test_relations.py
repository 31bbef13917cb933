"""A relation is between two contexts of the system."""

from typing import Any

import pytest

from remit import Command, Context, Later
from remit.contexts import Relation
from remit.relations import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    OpenHost,
    Partnership,
    SeparateWays,
    SharedKernel,
)
from tests.checks.shop import OrderPlaced, Place, checked, followed, on_placed, only, place


def test_relation_unknown_context() -> None:
    sales, stranger = Context("sales"), Context("stranger")
    finding = only(checked(sales, relations=[CustomerSupplier(supplier=sales, customer=stranger), OpenHost(sales)]))
    assert (finding.code, finding.expected) == ("relation.unknown-context", "one of: sales")
    assert "Context('stranger')" in finding.what


def test_relation_self() -> None:
    sales = Context("sales")
    assert only(checked(sales, relations=[Partnership(sales, sales)])).code == "relation.self"


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        (CustomerSupplier(supplier="sales", customer="stock"),) * 2 + ("relation.doubled",),
        (Partnership("sales", "stock"), Partnership("stock", "sales"), "relation.doubled"),
        (OpenHost("sales"), OpenHost("sales"), "relation.doubled"),
        (SeparateWays("sales", "stock"), SharedKernel("stock", "sales"), "relation.contradiction"),
        (
            Conformist(upstream="sales", downstream="stock"),
            AntiCorruptionLayer(upstream="sales", downstream="stock"),
            "relation.contradiction",
        ),
        (
            CustomerSupplier(supplier="sales", customer="stock"),
            Conformist(upstream="sales", downstream="stock"),
            "relation.contradiction",
        ),
        (
            Partnership("stock", "sales"),
            CustomerSupplier(supplier="sales", customer="stock"),
            "relation.contradiction",
        ),
    ],
)
def test_two_relations_of_a_pair_that_cannot_both_hold(one: Relation, other: Relation, code: str) -> None:
    contexts = Context("sales"), Context("stock")
    finding = only(checked(*contexts, relations=[one, other]))
    assert (finding.code, "'stock'" in finding.what or "OpenHost" in finding.what) == (code, True)


def test_relations_of_a_pair_that_say_different_things_hold_together() -> None:
    sales, stock = Context("sales"), Context("stock")
    relations = [
        CustomerSupplier(supplier=sales, customer=stock),
        AntiCorruptionLayer(upstream="sales", downstream=stock),
        CustomerSupplier(supplier="stock", customer="sales"),
        SharedKernel(sales, stock),
        OpenHost(sales),
        OpenHost("stock"),
    ]
    assert checked(sales, stock, relations=relations) == []


def test_contexts_that_go_separate_ways_follow_nothing_of_each_other() -> None:
    sales, billing = followed()
    billing.react(OrderPlaced)(on_placed)
    finding = only(checked(sales, billing, relations=[SeparateWays("billing", sales)]))
    assert finding.code == "relation.separate-ways"
    assert finding.what == "context 'billing' follows OrderPlaced of 'sales', and their relation is SeparateWays"
    assert finding.next.endswith("CustomerSupplier(supplier='sales', customer='billing')")


def test_contexts_that_go_separate_ways_send_each_other_nothing_for_later() -> None:
    sales, stock = Context("sales"), Context("stock")
    sales.handle(Place)(place)

    class Pack(Command[None]): ...

    async def pack(command: Any, later: Any) -> None: ...

    pack.__annotations__ = {"command": Pack, "later": Later[Place]}
    stock.handle(Pack)(pack)
    finding = only(checked(sales, stock, relations=[SeparateWays(sales, stock)]))
    assert (finding.code, "sends Place for later" in finding.what) == ("relation.separate-ways", True)


def test_expectation_of_a_system_without_contexts_is_not_empty() -> None:
    finding = only(checked(relations=[OpenHost("sales")]))
    assert finding.expected == "a context of the system, which has none"


def test_a_misspelt_context_of_a_relation_is_told_with_the_near_one() -> None:
    sales = Context("sales")
    assert only(checked(sales, relations=[OpenHost("sale")])).next == "did you mean 'sales'?"
