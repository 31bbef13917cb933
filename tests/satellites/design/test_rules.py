"""The rules of Context Mapper: each finds its mistake, and leaves the correct form alone."""

from __future__ import annotations

import re

import pytest

from remit_design.cml.codes import RULES
from remit_design.cml.model import check_text

AB = "BoundedContext A BoundedContext B "
TEAM = "BoundedContext T { type = TEAM } "


def on_map(relationships: str, contains: str = "contains A, B") -> str:
    return f"{AB} ContextMap {{ {contains} {relationships} }}"


def aggregate(content: str) -> str:
    return f"BoundedContext A {{ Aggregate G {{ {content} }} }}"


def entity(content: str) -> str:
    return aggregate(f"Entity E {{ {content} }} Entity F BasicType T enum Z {{ A }}")


def application(content: str) -> str:
    aggregate = "DomainEvent H enum Lives { aggregateLifecycle NEW, OLD } enum Other { LOST }"
    return f"BoundedContext A {{ Application {{ {content} }} Aggregate G {{ {aggregate} }} }} "


def coordination(step: str, service: str = "Service V { place; }") -> str:
    return f"BoundedContext A {{ Application {{ Coordination K {{ {step} }} {service} }} Service W {{ place; }} }} "


FOREIGN = "BoundedContext B { Application { Command L Service M { m; } } }"

# code, wrong, right
CASES = [
    ("context-not-unique", "BoundedContext A BoundedContext A", AB),
    ("aggregate-not-unique", "BoundedContext A { Aggregate X1 } BoundedContext B { Aggregate X1 }", aggregate("")),
    (
        "module-not-unique",
        "BoundedContext A { Module M } BoundedContext B { Module M }",
        "BoundedContext A { Module M }",
    ),
    ("requirement-not-unique", "UseCase Y UserStory Y", "UseCase Y UserStory Z"),
    ("object-not-unique", aggregate("Entity E ValueObject E"), aggregate("Entity E ValueObject F")),
    (
        "object-not-unique",
        "Domain D1 { Subdomain S1 { Entity E Entity E } }",
        "Domain D1 { Subdomain S1 { Entity E } }",
    ),
    ("domain-not-unique", "Domain D1 Domain D1", "Domain D1 Domain D2"),
    ("subdomain-not-unique", "Domain D1 { Subdomain S1 } Domain D2 { Subdomain S1 }", "Domain D1 { Subdomain S1 }"),
    ("service-not-unique", "BoundedContext A { Aggregate G { Service V } Service V }", aggregate("Service V")),
    ("subdomain-service-not-unique", "Domain D1 { Subdomain S1 { Service V Service V } }", "Domain D1"),
    ("flow-not-unique", application("Flow F Flow F"), application("Flow F Flow E")),
    ("coordination-not-unique", application("Coordination F Coordination F"), application("Coordination F")),
    ("subdomain-named-as-domain", "Domain D1 { Subdomain D1 }", "Domain D1 { Subdomain D2 }"),
    ("customer-conformist", on_map("A [S]->[C,CF] B"), on_map("A [S]->[C] B")),
    ("supplier-open-host", on_map("A [S,OHS]->[C] B"), on_map("A [S,PL]->[C] B")),
    ("customer-translates", on_map("A [S]->[C,ACL] B"), on_map("A ->[ACL] B")),
    ("context-not-on-map", on_map("A -> B", "contains A"), on_map("A -> B")),
    ("related-to-itself", on_map("A -> A"), on_map("A -> B")),
    (
        "team-on-landscape",
        TEAM + "ContextMap { type = SYSTEM_LANDSCAPE contains T }",
        TEAM + "ContextMap { contains T }",
    ),
    (
        "no-team-on-map",
        f"{AB} ContextMap {{ type = ORGANIZATIONAL contains A }}",
        TEAM + "ContextMap { type = ORGANIZATIONAL contains T }",
    ),
    ("realized-by-no-team", "BoundedContext A realizes B BoundedContext B", TEAM.replace("T {", "T realizes A {") + AB),
    ("owner-no-team", aggregate("owner = A"), TEAM + aggregate("owner = T")),
    (
        "exposed-of-another",
        aggregate("") + "BoundedContext B ContextMap { contains A, B B -> A { exposedAggregates G } }",
        aggregate("") + "BoundedContext B ContextMap { contains A, B A -> B { exposedAggregates G } }",
    ),
    (
        "implemented-twice",
        "BoundedContext A implements D1, S1 Domain D1 { Subdomain S1 }",
        "BoundedContext A implements S1 Domain D1 { Subdomain S1 }",
    ),
    (
        "several-domains",
        "BoundedContext A implements D1, D2 Domain D1 Domain D2",
        "BoundedContext A implements D1 Domain D1",
    ),
    (
        "two-roots",
        aggregate("Entity E { aggregateRoot } Entity F { aggregateRoot }"),
        aggregate("Entity E { aggregateRoot }"),
    ),
    (
        "two-lifecycles",
        aggregate("enum E { aggregateLifecycle A } enum F { aggregateLifecycle B }"),
        aggregate("enum E { aggregateLifecycle A } enum F { B }"),
    ),
    (
        "foreign-step",
        application("Flow F { command L emits event H }") + FOREIGN,
        application("Command L2 Flow F { command L2 emits event H }") + FOREIGN,
    ),
    (
        "foreign-step",
        application("Flow F { operation m emits event H }") + FOREIGN,
        application("Service V { n; } Flow F { operation n emits event H }"),
    ),
    (
        "foreign-step",
        application("Flow F { event H triggers command L }") + FOREIGN,
        application("Command L2 Flow F { event H triggers command L2 }"),
    ),
    (
        "foreign-step",
        application("Flow F { event H triggers operation m }") + FOREIGN,
        application("Service V { n; } Flow F { event H triggers operation n }"),
    ),
    (
        "foreign-state",
        application("Command L Flow F { command L delegates to G [LOST -> NEW] emits event H }"),
        application("Command L Flow F { command L delegates to G [OLD -> NEW] emits event H }"),
    ),
    (
        "foreign-state",
        aggregate("enum S1 { NEW } Service V { place : write [-> NEW]; }"),
        aggregate("enum S1 { aggregateLifecycle NEW } Service V { place : write [-> NEW]; }"),
    ),
    (
        "step-unreachable",
        coordination("B::M::m;") + FOREIGN,
        coordination("B::M::m;") + FOREIGN + " ContextMap { contains A, B B -> A }",
    ),
    ("step-no-application-service", coordination("A::W::place;"), coordination("A::V::place;")),
    (
        "step-no-operation",
        coordination("A::V::pay;", "Service V { place; } Service U2 { pay; }"),
        coordination("A::V::place;"),
    ),
    (
        "step-ambiguous",
        coordination("A::V::place;", "Service V { place; int place(int many); }"),
        coordination("A::V::place;"),
    ),
    ("coordination-drawable", coordination("A::V::place;"), coordination("")),
    ("flow-drawable", application("Command L Flow F { command L emits event H }"), application("Flow F")),
    ("entity-name", 'UseCase Y { interactions create a "big thing" }', 'UseCase Y { interactions create a "Thing" }'),
    ("verb-name", 'UseCase Y { interactions "look up" a "Thing" }', 'UseCase Y { interactions "find" a "Thing" }'),
    (
        "story-splittable",
        'UserStory Y { As a "b" I want to read a "C" so that "d" }',
        'UserStory Y { As a "b" read "C" update "C" so that "d" }',
    ),
    (
        "outside-aggregate",
        "BoundedContext A { Module M { Entity E } }",
        "BoundedContext A { Module M { Aggregate G { Entity E } } }",
    ),
    ("primitive-id", entity("String orderId"), entity("OrderId orderId String name")),
    (
        "reference-ambiguous",
        aggregate("Entity E { - F f } Entity F") + " BoundedContext B { Aggregate G2 { Entity F } }",
        entity("- F f"),
    ),
    ("object-name-reused", aggregate("Entity E") + " BoundedContext B { Aggregate G2 { Entity E } }", entity("")),
    (
        "reference-unreachable",
        entity("") + " BoundedContext B { Aggregate G2 { Entity J { - E e } } }",
        entity("") + " BoundedContext B { Aggregate G2 { Entity J { - E e } } } ContextMap { contains A, B A -> B }",
    ),
    ("naming", aggregate("Entity small"), aggregate("Entity Big")),
    ("naming", entity("String Name"), entity("String name")),
    ("property-redundant", entity("String name key required"), entity("String name key")),
    ("not-a-reference", entity("F f"), entity("- F f")),
    ("not-a-reference", aggregate("Entity E Service V { E get(); }"), aggregate("Entity E Service V { @E get(); }")),
    ("unresolved", "BoundedContext A implements Nothing", AB),
    (
        "unresolved",
        aggregate("Entity E") + " Domain D1 { Subdomain S1 { Entity C1 { -- @E } } }",
        aggregate("Entity E { -- @E }"),
    ),
    ("import-missing", 'import "nothing.cml" BoundedContext A', AB),
]

TACTICAL = [
    ("String p length = 'x'", "String p length = '9'"),
    ("int p length = '9'", "String p"),
    ("int p nullable", "Integer p nullable"),
    ("int p email", "String p email"),
    ("int p notEmpty", "List<int> p notEmpty"),
    ("String p past", "Date p past"),
    ("String p min = '1'", "int p min = '1'"),
    ("int p assertTrue", "boolean p assertTrue"),
    ("Key p key nullable", "Key p key nullable Key q key"),
    ("- F p cache", "- List<F> p cache"),
    ("- List<F> p nullable", "- F p nullable"),
    ("- List<F> p key", "- F p key"),
    ("- F p orderby = 'y'", "- Bag<F> p orderby = 'y'"),
    ("- Bag<F> p orderColumn", "- List<F> p orderColumn = 'c'"),
    ("- List<F> p orderby = 'y' orderColumn", "- List<F> p orderby = 'y'"),
    ("- T p cascade = 'all'", "- F p cascade = 'all'"),
    ("- F p inverse", "- List<F> p inverse"),
    ("- F p databaseJoinTable = 'y'", "- List<F> p databaseJoinTable = 'y'"),
    ("- F p databaseJoinColumn = 'y'", "- List<F> p databaseJoinColumn = 'y'"),
    ("- F p opposite q - F q", "- F p opposite q - F q opposite p"),
    (
        "- List<F> p databaseColumn = 'c' opposite q - F q opposite p",
        "- F q databaseColumn = 'c' opposite p - List<F> p opposite q",
    ),
    ("discriminatorValue = 'x'", "discriminatorType = STRING"),
    ("Repository ERepository", "aggregateRoot Repository ERepository"),
    ("aggregateRoot Repository Store", "aggregateRoot Repository StoreRepository"),
    ("belongsTo F", "aggregateRoot belongsTo E"),
    ("gap nogap", "nogap"),
]
OBJECTS = [
    ("ValueObject V { not persistent aggregateRoot }", "ValueObject V { not persistent }"),
    ("Event V { scaffold }", "Event V { persistent scaffold }"),
    ("Event V { aggregateRoot Repository VRepository }", "Event V { persistent aggregateRoot Repository VRepository }"),
    ("enum V { int code; A, B }", "enum V { int code key; A(1), B(2) }"),
    ("enum V { A(1), B }", "enum V { A(1), B(2) }"),
    ("enum V { A(1, 2) }", "enum V { int p; int q; A(1, 2) }"),
    ("enum V { int p key; int q key; A(1, 2) }", "enum V { int p key; int q; A(1, 2) }"),
    ("enum V { hint = 'ordinal' A(1) }", "enum V { hint = 'ordinal' A }"),
    (
        "enum V { hint = 'databaseLength=1' int p key; A(1) }",
        "enum V { hint = 'databaseLength=1' String p key; A('y') }",
    ),
    (
        "Entity R1 { aggregateRoot Repository QRepository } ValueObject R2 { aggregateRoot Repository QRepository }",
        "Entity R1",
    ),
]
ALL = [
    *CASES,
    *(("tactical", entity(wrong), entity(right)) for wrong, right in TACTICAL),
    *(("tactical", aggregate(wrong), aggregate(right)) for wrong, right in OBJECTS),
]


def codes(text: str) -> set[str]:
    found = check_text(re.sub(r"\s+", " ", text), "map.cml").findings
    assert [str(finding) for finding in found if finding.code == "cml.syntax"] == []
    return {finding.code for finding in found} | {f"note {note.code}" for note in found.notes}


@pytest.mark.parametrize(("code", "wrong", "right"), ALL)
def test_a_rule_finds_its_mistake_and_leaves_the_correct_form_alone(code: str, wrong: str, right: str) -> None:
    shown = f"cml.{code}" if RULES[f"cml.{code}"].severity == "error" else f"note cml.{code}"
    assert shown in codes(wrong)
    assert shown not in codes(right)


def test_every_rule_has_its_case() -> None:
    others = {"syntax", "unreadable", "empty", "context-name", "not-taken-over", "not-written", "map", "file"}
    assert {f"cml.{code}" for code, _, _ in ALL} | {f"cml.{code}" for code in others} == set(RULES)


def test_a_name_that_is_nearly_right_is_proposed() -> None:
    (found,) = check_text("BoundedContext Billing refines Biling", "map.cml").findings
    assert "did you mean Billing?" in str(found)
