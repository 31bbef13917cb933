"""CML is read in all its forms; what is no CML is a finding with its line, and never an exception."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit_design.cml.facts import Facts, facts
from remit_design.cml.lexer import quoted, tokens
from remit_design.cml.model import check_text, load
from remit_design.cml.words import PHRASES, RESERVED, SIGNS
from remit_design.cml.writing import written
from remit_design.design import map_text
from tests.satellites.design.shop import SHOP

CONTEXTS = "BoundedContext A\nBoundedContext B\n"


def relationship(text: str) -> Facts:
    model = check_text(f"{CONTEXTS}ContextMap {{ contains A, B\n{text}\n}}", "map.cml")
    assert [str(finding) for finding in model.findings if finding.code == "cml.syntax"] == []
    (found,) = facts(model.root)["contextMap"]["relationships"]
    return dict(found)


@pytest.mark.parametrize(
    "text",
    [
        "[U,OHS,PL]A -> [D,ACL]B",
        "A[U,OHS,PL] -> B[D,ACL]",
        "A\n[U,OHS,PL]\n->\n[D,ACL]\nB",
        "A [U,OHS,PL]->[D,ACL] B", "A [OHS,PL]->[ACL] B", "B [D,ACL]<-[U,OHS,PL] A", "B[ACL]<-[OHS,PL]A",
        "A [OHS,PL]Upstream-Downstream[ACL] B", "B[ACL] Downstream-Upstream [OHS,PL] A",
    ],
)  # fmt: skip
def test_upstream_and_downstream_are_read_in_every_form(text: str) -> None:
    assert relationship(text) == {
        "kind": "upstream-downstream", "upstream": "A", "downstream": "B",
        "upstreamRoles": ["OHS", "PL"], "downstreamRoles": ["ACL"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "A [U,S,PL]->[D,C] B",
        "A[S,PL]->[C]B",
        "B [C]<-[S,PL] A",
        "B Customer-Supplier [PL]A",
        "A[PL] Supplier-Customer B",
    ],
)
def test_customer_and_supplier_are_read_in_every_form(text: str) -> None:
    parties = {"upstream": "A", "downstream": "B", "upstreamRoles": ["PL"]}
    assert relationship(text) == {"kind": "customer-supplier", **parties}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((f"A {text} B", "partnership") for text in ("[P]<->[P]", "Partnership")),
        *((f"A {text} B", "shared-kernel") for text in ("[SK]<->[SK]", "<->", "Shared-Kernel")),
        *((text, "partnership") for text in ("[P]A<->[P]B", "A[P]<->B[P]", "[P]A <-> B[P]")),
        *((text, "shared-kernel") for text in ("[SK]A<->[SK]B", "A[SK]<->B[SK]", "[SK]A <-> B[SK]")),
    ],
)
def test_relationships_of_equals_are_read_in_every_form(text: str, kind: str) -> None:
    assert relationship(text) == {"kind": kind, "participants": ["A", "B"]}


def test_roles_on_the_next_line_belong_to_the_next_relationship() -> None:
    text = f"{CONTEXTS}ContextMap {{ contains A, B\nA <-> B\n[SK]A <-> [SK]B\nA -> B\n[P]A <-> [P]B }}"
    model = check_text(text, "map.cml")
    assert not model.findings
    kinds = [each["kind"] for each in facts(model.root)["contextMap"]["relationships"]]
    assert kinds == ["shared-kernel", "shared-kernel", "upstream-downstream", "partnership"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("BoundedContext A {\n  type = COLOUR\n}", 2, "COLOUR"),
        ("BoundedContext A {\n\n  type = SYSTEM\n type = SYSTEM }", 4, "twice"),
        ("BoundedContext type", 1, "reserved word"),
        ('BoundedContext A {\n domainVisionStatement = "never ends }', 2, "no end"),
        ("/* never ends", 1, "no end"),
        ("BoundedContext A\n§", 2, "§"),
        ("Contexts", 1, "Contexts"),
        ("BoundedContext A {", 1, "the end of the file"),
        (f"{CONTEXTS}ContextMap {{ contains A, B A [P]<->[SK] B }}", 3, "other roles"),
        (f"{CONTEXTS}ContextMap {{ contains A, B A [P] Partnership B }}", 3, "only one"),
        (f"{CONTEXTS}ContextMap {{ contains A, B A [ACL]->[D] B }}", 3, "no role of A"),
        (f"{CONTEXTS}ContextMap {{ contains A, B A [PL,U]->[D] B }}", 3, "no role of A"),
        (f"{CONTEXTS}ContextMap {{ contains A, B A [S]->[D] B }}", 3, "only one side"),
        (f"{CONTEXTS}ContextMap {{ contains A, B A []->[D] B }}", 3, "empty"),
        (f"{CONTEXTS}ContextMap {{ contains A, B [U]A[U] -> B }}", 3, "cannot stand here"),
        ("ContextMap { }\nContextMap { }", 2, "ContextMap"),
        ("BoundedContext A { Application Application }", 1, "Application"),
        ("ValueRegister R { ValueCluster Trusting { } }", 1, "no core value"),
        ("BoundedContext A { Aggregate B { enum E { } } }", 1, "cannot stand here"),
    ],
)
def test_what_is_no_cml_is_a_finding_with_its_line(text: str, line: int, what: str) -> None:
    first = next(iter(check_text(text, "map.cml").findings))
    assert first.code == "cml.syntax"
    assert first.where == f"map.cml:{line}"
    assert what in str(first)


def test_all_places_that_cannot_be_read_are_reported_at_once() -> None:
    text = "BoundedContext A { colour }\nBoundedContext B\nDomain Trade { colour }\nUseCase type"
    found = check_text(text, "map.cml")
    assert [finding.where for finding in found.findings] == ["map.cml:1", "map.cml:3", "map.cml:4"]
    assert [context["name"] for context in facts(found.root)["contexts"]] == ["A", "B"]


def test_a_caret_makes_a_name_of_a_reserved_word() -> None:
    model = check_text("BoundedContext ^type", "map.cml")
    assert facts(model.root) == {"contexts": [{"name": "type"}]}
    assert written(facts(model.root)) == "BoundedContext ^type\n"


@pytest.mark.parametrize(
    ("bytes_", "code"),
    [
        (b"", "cml.empty"),
        (b"// nothing\n", "cml.empty"),
        (b"BoundedContext \xff", "cml.unreadable"),
        (None, "cml.unreadable"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path, bytes_: bytes | None, code: str) -> None:
    if bytes_ is not None:
        (tmp_path / "map.cml").write_bytes(bytes_)
    assert [finding.code for finding in load(tmp_path / "map.cml").findings] == [code]


def test_a_reserved_word_in_place_of_a_name_is_a_fault_and_hides_nothing() -> None:
    model = check_text("BoundedContext A { Aggregate G { Entity E { String description } Entity Value } }", "map.cml")
    assert [finding.code for finding in model.findings] == ["cml.syntax"] * 2
    assert "write ^description" in model.findings[0].next
    assert facts(model.root)["contexts"][0]["aggregates"]["G"]["entities"] == ["E", "Value"]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "map.cml").write_bytes(b"\xef\xbb\xbfBoundedContext A")
    assert not load(tmp_path / "map.cml").findings


def test_an_import_that_is_missing_or_broken_is_the_only_finding(tmp_path: Path) -> None:
    (tmp_path / "broken.cml").write_text("Domain {")
    (tmp_path / "map.cml").write_text(
        'import "none.cml"\nimport "broken.cml"\nimport "\\u0000"\nBoundedContext A implements B'
    )
    found = load(tmp_path / "map.cml").findings
    assert [finding.code for finding in found] == ["cml.import-missing"] * 3
    assert [finding.where for finding in found] == ["map.cml:1", "map.cml:2", "map.cml:3"]


def test_files_that_import_one_another_are_each_read_once(tmp_path: Path) -> None:
    (tmp_path / "map.cml").write_text('import "other.cml"\nBoundedContext A implements B')
    (tmp_path / "other.cml").write_text('import "map.cml"\nDomain B')
    assert not load(tmp_path / "map.cml").findings


WORDS = st.sampled_from(
    [*sorted(RESERVED), *PHRASES, *SIGNS, "A", "B", "Orders", '"a text"', "1", "^", '"', "/*", "\n"]
)


@given(st.lists(WORDS, max_size=30).map(" ".join))
@settings(max_examples=100)
def test_any_words_give_findings_and_no_exception(text: str) -> None:
    map_text(check_text(text, "map.cml"))


@given(st.integers(0, len(SHOP) - 1), st.integers(0, 40), st.text(max_size=3))
@settings(max_examples=100)
def test_a_damaged_model_gives_findings_and_no_exception(at: int, cut: int, instead: str) -> None:
    map_text(check_text(SHOP[:at] + instead + SHOP[at + cut :], "shop.cml"))


@given(st.text())
def test_a_text_is_read_as_it_was_quoted(text: str) -> None:
    assert [token.text for token in tokens(quoted(text))] == [text, ""]


@pytest.mark.parametrize("text", ["ContextMap { A [U] -> [U] B }", "ContextMap { A Partnership", "ContextMap { A ->"])
def test_map_is_not_made_of_a_file_with_findings(text: str) -> None:
    model = check_text(CONTEXTS + text, "map.cml")
    assert model.findings
    assert map_text(model) == ""


def test_finding_on_a_name_that_is_declared_often_names_some_of_the_places() -> None:
    found = check_text("BoundedContext A\n" * 300, "map.cml").findings
    assert len(found) == 300
    places = ", ".join(f"map.cml:{line}" for line in range(2, 7))
    assert found[0].what == f"BoundedContext A is declared again at {places} and 294 more places"
