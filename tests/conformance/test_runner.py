"""`scripts/conformance` fails where a case fails, and where there is nothing to run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import cml
from tests.conformance.__main__ import main

MAP = "ContextMap M { contains A, B A [S]->[C] B } BoundedContext A { Aggregate G { Entity E } } BoundedContext B"
FACTS: dict[str, Any] = {
    "contextMap": {
        "name": "M",
        "contains": ["B", "A"],
        "relationships": [{"kind": "customer-supplier", "upstream": "A", "downstream": "B", "upstreamRoles": []}],
    },
    "contexts": [{"name": "B"}, {"name": "A", "aggregates": {"G": {"entities": ["E"]}}}],
    "useCases": [],
    "stakeholderBlocks": 0,
}


def data(folder: Path, facts: dict[str, Any], *snippets: dict[str, Any]) -> Path:
    (folder / "examples").mkdir(parents=True)
    (folder / "examples" / "map.cml").write_text(MAP)
    (folder / "examples.facts.json").write_text(json.dumps({"map.cml": facts}))
    (folder / "snippets.json").write_text(json.dumps(snippets))
    return folder


def snippet(verdict: str, text: str, code: str | None = None, severity: str = "error") -> dict[str, Any]:
    expect = [{"severity": severity, "code": code, "message": "it is so"}] if code else []
    return {"id": "snippet", "verdict": verdict, "cml": text, "expect": expect}


def reasons(folder: Path) -> list[str]:
    return [result.reason for result in cml.results(folder)]


def test_a_set_that_is_met_has_no_reasons(tmp_path: Path) -> None:
    snippets = [
        snippet("valid", "BoundedContext A"),
        snippet("invalid", "Domain D1 Domain D1", "DOMAIN_NOT_UNIQUE"),
        snippet("warns", "BoundedContext A { Aggregate G { Entity E { int anId } } }", "PRIMITIVE_ID_TYPE", "issue"),
        snippet("parses", "BoundedContext A implements Nothing"),
    ]
    assert reasons(data(tmp_path / "cml", FACTS, *snippets)) == [""] * 5


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("contexts",), [{"name": "A"}]),
        (("contexts",), [{"name": "B"}, {"name": "A", "aggregates": {"G": {"entities": ["F"]}}}]),
        (("contexts",), [{"name": "B"}, {"name": "A", "aggregates": {"H": {"entities": ["E"]}}}]),
        (("contextMap", "name"), "N"),
        (("contextMap", "state"), "TO_BE"),
        (("stakeholderBlocks",), 1),
        (("useCases",), ["Y"]),
    ],
)
def test_a_fact_that_is_not_found_is_a_reason(tmp_path: Path, path: tuple[str, ...], value: Any) -> None:
    facts: dict[str, Any] = json.loads(json.dumps(FACTS))
    table = facts
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    (reason,) = reasons(data(tmp_path / "cml", facts))
    assert path[-1].removesuffix("Blocks") in reason


@pytest.mark.parametrize(
    ("verdict", "text", "code"),
    [
        ("valid", "Domain D1 Domain D1", None),
        ("parses", "Domain {", None),
        ("invalid", "Domain D1", None),
        ("invalid", "Domain D1", "DOMAIN_NOT_UNIQUE"),
        ("invalid", "BoundedContext A BoundedContext A", "DOMAIN_NOT_UNIQUE"),
        ("warns", "Domain D1", "PRIMITIVE_ID_TYPE"),
    ],
)
def test_another_verdict_is_a_reason(tmp_path: Path, verdict: str, text: str, code: str | None) -> None:
    _, reason = reasons(data(tmp_path / "cml", FACTS, snippet(verdict, text, code)))
    assert reason


def test_the_command_fails_without_the_folder_and_for_a_failed_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "nowhere/boundaries-import-linter" in capsys.readouterr().err
    assert main([]) == 2
    data(tmp_path / "cml", FACTS, snippet("invalid", "Domain D1"))
    (tmp_path / "boundaries-import-linter").mkdir()
    (tmp_path / "boundaries-import-linter" / "cases.json").write_text('{"graphs": {}, "cases": []}')
    assert main([str(tmp_path)]) == 1
    assert "| cml | 2 | 1 | 1 |" in capsys.readouterr().out
