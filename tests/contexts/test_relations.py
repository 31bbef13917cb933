"""Relations are data: parties by role, lists as tuples, and a map that has what contexts state."""

from __future__ import annotations

import pytest

from remit import Context, System
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


def test_the_map_has_the_relations_that_its_contexts_state() -> None:
    own = CustomerSupplier(supplier="billing", customer="sales", uses=["Charge"])
    sales, billing = Context("sales", relations=[own]), Context("billing")

    system = System("shop", contexts=[sales, billing], relations=[OpenHost(billing)])

    assert system.relations == (OpenHost(billing), own)


def test_a_relation_can_be_compared_and_hashed_whatever_lists_it_was_given() -> None:
    one, other = (CustomerSupplier(supplier="billing", customer="sales", uses=["Charge"]) for _ in range(2))

    assert {one} == {other}


def test_the_upstream_of_a_translation_may_be_foreign() -> None:
    payments = Context("payments")
    layer = AntiCorruptionLayer(upstream=Foreign("gateway"), downstream=payments, module="shop.payments.gateway")

    assert layer.names == ("gateway", "payments")
    assert System("shop", contexts=[payments], relations=[layer]).check() == []


@pytest.mark.parametrize(
    ("relation", "is_mutual"),
    [
        (Partnership("a", "b"), True),
        (SharedKernel("a", "b"), True),
        (SeparateWays("a", "b"), True),
        (OpenHost("a"), False),
        (CustomerSupplier(supplier="a", customer="b"), False),
        (Conformist(upstream="a", downstream="b"), False),
        (AntiCorruptionLayer(upstream="a", downstream="b"), False),
    ],
)
def test_a_relation_of_equals_is_mutual(relation: Relation, is_mutual: bool) -> None:
    assert relation.is_mutual is is_mutual
