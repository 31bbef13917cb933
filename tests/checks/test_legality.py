"""Which context maps are legal: the table of docs/context-map.md is what the rules do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from remit import Command, Context, Query, System
from remit.checks.legality import circles, judge_relations
from remit.errors import Finding, Findings
from remit.messages import Message
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
from tests.checks.shop import checked, only, untyped

PAGE = Path(__file__).parents[2] / "docs" / "context-map.md"
MADE: dict[str, Callable[[str, str], Relation]] = {
    "CustomerSupplier": lambda up, down: CustomerSupplier(supplier=up, customer=down),
    "Conformist": lambda up, down: Conformist(upstream=up, downstream=down),
    "AntiCorruptionLayer": lambda up, down: AntiCorruptionLayer(upstream=up, downstream=down, module="shop.layer"),
    "OpenHost": lambda up, _: OpenHost(up),
    "Partnership": Partnership,
    "SharedKernel": lambda one, other: SharedKernel(one, other, package="shop.kernel"),
    "SeparateWays": SeparateWays,
}
"""Each kind of relation between an upstream and a downstream context."""
ROWS = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
COMBINATIONS = [
    (one, other, verdict, opposite)
    for first, second, same, opposed in ROWS
    for verdict, opposite in ((same, False), (opposed, True))
    for one, other in dict.fromkeys([(first, second), (second, first)])
]


def judged(relations: Sequence[Relation], names: str = "sales stock billing") -> Findings:
    findings = Findings()
    judge_relations(names.split(), relations, lambda _: "map", findings)
    return findings


def judgement(found: Findings) -> str:
    """As the table has it."""
    codes = [f"`{each.code}`" for each in found] + [f"note `{each.code}`" for each in found.notes]
    return " and ".join(codes) or "legal"


def test_the_table_has_each_pair_of_kinds_once() -> None:
    kinds = list(MADE)
    assert sorted(map(sorted, ((one, other) for one, other, _, _ in ROWS))) == sorted(
        sorted((one, other)) for number, one in enumerate(kinds) for other in kinds[number:]
    )


@pytest.mark.parametrize(("one", "other", "verdict", "opposite"), COMBINATIONS)
def test_two_relations_of_a_pair_are_judged_as_the_table_says(
    one: str, other: str, verdict: str, opposite: bool
) -> None:
    pair = ("stock", "sales") if opposite else ("sales", "stock")
    assert judgement(judged([MADE[one]("sales", "stock"), MADE[other](*pair)])) == verdict


@pytest.mark.parametrize("kind", MADE)
def test_one_relation_is_legal(kind: str) -> None:
    assert judgement(judged([MADE[kind]("sales", "stock")])) == "legal"


def test_an_open_host_may_have_a_customer_for_other_messages() -> None:
    host = OpenHost("sales", exposes=["OrderPlaced"])
    assert judged([host, CustomerSupplier(supplier="sales", customer="stock", uses=["Owed"])]) == []
    found = only(judged([host, CustomerSupplier(supplier="sales", customer="stock", uses=["sales.OrderPlaced"])]))
    assert found.code == "relation.contradiction"


class Asked(Query[int]): ...


class Owed(Asked): ...


class Due(Asked, name="Debt"): ...


class Charge(Command[None]): ...


@pytest.mark.parametrize(
    ("exposes", "uses", "is_legal"),
    [
        ([Query], [Owed], False), ([Owed], [Asked], False), ([Asked], ["Owed"], False), (["Debt"], [Asked], False),
        (["sales.Due"], [Query], False), ([Message], [Charge], False), ([Owed], [Due], True), ([Asked], [Charge], True),
        ([Asked], ["Charge"], True), (["Asked"], [Owed], True), ([Command], [Asked], True),
    ],
)  # fmt: skip
def test_a_base_class_stands_for_its_subclasses_in_what_a_host_and_a_customer_list(
    exposes: list[Any], uses: list[Any], *, is_legal: bool
) -> None:
    found = judged(
        [OpenHost("sales", exposes=exposes), CustomerSupplier(supplier="sales", customer="stock", uses=uses)]
    )
    assert [each.code for each in found] == ([] if is_legal else ["relation.contradiction"])


def test_a_circle_of_upstream_and_downstream_is_shown() -> None:
    found = only(
        judged(
            [
                CustomerSupplier(supplier="sales", customer="stock"),
                Conformist(upstream="stock", downstream="billing"),
                MADE["AntiCorruptionLayer"]("billing", "sales"),
            ]
        )
    )
    assert (found.code, found.where) == ("relation.cycle", "map")
    assert found.what == "upstream and downstream form a circle: sales → stock → billing → sales"
    assert "AntiCorruptionLayer of 'billing' and 'sales'" in found.next


def test_a_circle_is_opened_at_the_relation_that_was_added_last() -> None:
    ring = [
        CustomerSupplier(supplier="sales", customer="billing"),
        Conformist(upstream="stock", downstream="sales"),
        Conformist(upstream="billing", downstream="stock"),
    ]
    assert "the last one, Conformist of 'billing' and 'stock'" in only(judged(ring)).next


@pytest.mark.parametrize("kind", ["OpenHost", "Partnership", "SharedKernel"])
def test_what_is_neither_upstream_nor_downstream_closes_no_circle(kind: str) -> None:
    ring = [MADE["CustomerSupplier"]("sales", "stock"), MADE["Conformist"]("stock", "billing")]
    assert judged([*ring, MADE[kind]("billing", "sales")]) == []


def test_partners_may_protect_themselves_from_each_other() -> None:
    layers = [MADE["AntiCorruptionLayer"]("sales", "stock"), MADE["AntiCorruptionLayer"]("stock", "sales")]
    assert judged([*layers, Partnership("sales", "stock")]) == []
    assert only(judged(layers)).code == "relation.cycle"


def test_each_circle_is_found_and_a_map_without_one_has_none() -> None:
    assert list(circles({"a": ["b", "c"], "b": ["a"], "c": ["d"], "d": ["c"], "e": ["a"]})) == [["a", "b"], ["c", "d"]]
    assert list(circles({"a": ["b", "c"], "b": ["c"], "c": ["d"]})) == []
    ladder = {str(step): [str(step + 1)] for step in range(5000)}
    assert list(circles(ladder)) == []
    assert [len(circle) for circle in circles({**ladder, "5000": ["0"]})] == [5001]


@pytest.mark.parametrize(
    ("relation", "code", "said"),
    [
        (OpenHost("sales", exposes=[]), "relation.nothing-exposed", "exposes nothing"),
        (SharedKernel("sales", "stock"), "relation.no-package", "names no package"),
        (
            AntiCorruptionLayer(upstream=Foreign("bank"), downstream="sales"),
            "relation.no-module",
            "names no module that translates",
        ),
        (
            AntiCorruptionLayer(upstream=Foreign("stock"), downstream="sales", module="shop.layer"),
            "relation.foreign",
            "calls 'stock' foreign",
        ),
        (Partnership("sales", "sales"), "relation.self", "'sales' to itself"),
        (OpenHost("sale"), "relation.unknown-context", "'sale'"),
        (OpenHost(untyped(None)), "relation.kind", "None as a party"),
        (OpenHost(untyped(Context)), "relation.kind", "as a party"),
        (OpenHost(untyped(Foreign("bank"))), "relation.kind", "something foreign"),
        (Relation(), "relation.kind", "Relation() is no relation"),
        (untyped("sales -> stock"), "relation.kind", "'sales -> stock' is no relation"),
        (OpenHost("sales", exposes="OrderPlaced"), "relation.kind", "exposes of OpenHost is 'OrderPlaced'"),
        (
            AntiCorruptionLayer(upstream="sales", downstream="stock", module=untyped(3)),
            "relation.kind",
            "module of AntiCorruptionLayer is 3",
        ),
        (SharedKernel("sales", "stock", package=untyped(5)), "relation.kind", "package of SharedKernel is 5"),
        (Partnership("sales", "stock", uses=untyped([1])), "relation.kind", "uses of Partnership is (1,)"),
    ],
)
def test_relation_that_is_wrong_by_itself(relation: Relation, code: str, said: str) -> None:
    found = only(judged([relation]))
    assert (found.code, found.where, said in found.what) == (code, "map", True), found


def test_a_class_that_is_derived_from_a_kind_of_relation_is_judged_as_this_kind() -> None:
    class Ours(SeparateWays):
        pass

    found = only(judged([Partnership("sales", "stock"), Ours("sales", "stock")]))
    assert found.code == "relation.contradiction"


def test_relations_that_are_no_list_are_a_finding() -> None:
    for each in (None, 5):
        found = System("shop", contexts=[], relations=untyped(each)).check()
        assert f"{each} is no relation" in [finding.what for finding in found if finding.code == "relation.kind"]


def test_an_own_upstream_without_a_module_that_translates_is_noted() -> None:
    found = judged([AntiCorruptionLayer(upstream="sales", downstream="stock")])
    assert judgement(found) == "note `relation.no-module`"


def stated(*relations: Relation) -> list[Finding]:
    return checked(Context("sales", relations=relations), Context("stock"), Context("billing"))


@pytest.mark.parametrize(
    "relation",
    [
        CustomerSupplier(supplier="sales", customer="stock"),
        Conformist(upstream="stock", downstream="billing"),
        Partnership("stock", "billing"),
        OpenHost("stock"),
        OpenHost("sales"),
    ],
)
def test_a_context_states_no_relation_in_which_it_is_upstream_or_no_party(relation: Relation) -> None:
    found = stated(relation)[0]
    assert (found.code, found.where) == ("relation.not-downstream", "Context('sales')")


def test_a_context_states_what_it_uses() -> None:
    assert stated(CustomerSupplier(supplier="stock", customer="sales"), Partnership("billing", "sales")) == []


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        (Partnership("sales", "stock", uses=[]), Partnership("stock", "sales"), True),
        (SeparateWays("sales", "stock"), SeparateWays("sales", "stock"), True),
        (SharedKernel("sales", "stock", package="a"), SharedKernel("stock", "sales", package="a"), True),
        (SharedKernel("sales", "stock", package="a"), SharedKernel("stock", "sales", package="b"), False),
    ],
)
def test_equals_may_both_state_their_relation(one: Relation, other: Relation, is_one: bool) -> None:
    found = checked(Context("sales", relations=[one]), Context("stock", relations=[other]))
    assert [each.code for each in found] == ([] if is_one else ["relation.doubled"])
    twice = checked(Context("sales", relations=[one, one]), Context("stock"))
    assert [each.code for each in twice] == ["relation.doubled"], "in one context, it is doubled"


def test_a_relation_that_the_system_and_a_context_state_is_doubled_with_both_places() -> None:
    twice = Partnership("billing", "sales")
    found = only(
        checked(Context("sales", relations=[twice]), Context("billing"), relations=[Partnership("sales", "billing")])
    )
    assert (found.code, found.where) == ("relation.doubled", "Context('sales')")
    assert "(System('shop'))" in found.what
