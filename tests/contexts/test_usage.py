"""What the relations of a map let a context use of another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from remit import Context, IntegrationEvent, Query, System
from remit.contexts import EVERYTHING, ContextMap, Usage
from remit.relations import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)


class Owed(Query[int], name="Debt"):
    student: str


class Paid(IntegrationEvent, key="student"):
    student: str


def used(*relations: Relation, upstream: str = "billing", downstream: str = "sales") -> Sequence[str]:
    contexts = [Context(name) for name in ("sales", "billing", "stock")]
    return Usage(System("shop", contexts=contexts, relations=relations)._map).names(upstream, downstream)


def test_a_map_without_relations_restricts_nothing() -> None:
    assert used() == EVERYTHING
    assert used(OpenHost("stock"), upstream="sales", downstream="sales") == EVERYTHING, "nor does a context itself"


def test_what_no_relation_covers_cannot_be_used() -> None:
    for relation in (
        OpenHost("stock"),
        SharedKernel("sales", "billing", package="money"),
        CustomerSupplier(supplier="sales", customer="billing"),
        CustomerSupplier(supplier="billing", customer="stock"),
    ):
        assert list(used(relation)) == []


def covering(uses: Sequence[type | str] | None) -> list[Relation]:
    return [
        CustomerSupplier(supplier="billing", customer="sales", uses=uses),
        Conformist(upstream="billing", downstream="sales", uses=uses),
        AntiCorruptionLayer(upstream="billing", downstream="sales", uses=uses),
        Partnership("sales", "billing", uses=uses),
        Partnership("billing", "sales", uses=uses),
    ]


@pytest.mark.parametrize("number", range(5))
def test_a_relation_covers_what_it_names_by_class_or_name(number: int) -> None:
    assert used(covering(None)[number]) == EVERYTHING
    assert used(covering([Owed, "Refund", "billing.Paid"])[number]) == ["Debt", "Paid", "Refund"]
    assert used(covering([])[number]) == []


def test_an_open_host_serves_what_it_exposes() -> None:
    assert used(OpenHost("billing")) == EVERYTHING
    assert used(OpenHost("billing", exposes=[Paid])) == ["Paid"]
    assert used(OpenHost("billing", exposes=[Paid]), covering(None)[1]) == ["Paid"], "a conformist takes no more"
    assert used(OpenHost("billing", exposes=[Paid]), covering([Owed])[0]) == ["Debt", "Paid"]


def test_several_relations_cover_what_either_covers() -> None:
    assert used(covering([Owed])[0], covering([Paid])[1]) == ["Debt", "Paid"]


def test_separate_ways_exclude_everything() -> None:
    assert used(OpenHost("billing"), SeparateWays("sales", "billing")) == ()
    assert used(OpenHost("billing"), SeparateWays("billing", "sales")) == ()


def known(declared: ContextMap) -> frozenset[str] | None:
    return Usage(declared).known("billing", "sales")


def test_a_context_that_is_not_loaded_may_state_relations_that_are_not_known() -> None:
    whole = System("shop", contexts=[Context("sales"), Context("billing")], relations=[OpenHost("sales")])._map
    part = replace(whole, contexts=whole.contexts[1:], elsewhere=("sales",))
    assert (known(whole), known(part)) == (frozenset(), None)
    assert known(replace(part, stated=(SeparateWays("sales", "billing"),))) == frozenset()
    granted = {"sales": {"billing": ["Owed"]}}
    assert known(replace(part, granted=granted)) == frozenset({"Owed"})
    assert known(replace(part, granted={})) == frozenset()
