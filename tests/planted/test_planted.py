"""The examples are clean, and one planted violation of each code is found: that code, and nothing unrelated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from learning.process import EXAMPLES
from remit.cli.explaining import codes
from remit.errors import Finding
from remit.hosting.checking import check_system
from remit.hosting.finding import find_system
from tests.docs.codes import SHOWN_ELSEWHERE
from tests.planted.contexts import CONTEXTS
from tests.planted.copies import TARGETS, Planted, checked, copy_of, edit
from tests.planted.declarations import DECLARED
from tests.planted.source_text import IN_SOURCE

PLANTED = {**CONTEXTS, **DECLARED, **IN_SOURCE}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("remit.hosting.checking._on_services", _on_no_service)


def _on_no_service(topology: object, system: object) -> Iterator[list[Finding]]:
    """In place of a check of what each service hosts, which would be a process for each."""
    yield from ()


@pytest.mark.parametrize("example", TARGETS)
def test_an_example_is_clean(example: str, tmp_path: Path) -> None:
    found = checked(copy_of(example, tmp_path, whole=True), example)
    assert [str(each) for each in (*found, *found.notes)] == []


@pytest.mark.parametrize("named", ["hotel.system", "shop"])
def test_an_example_of_objects_is_clean(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)
    found = check_system(find_system(named))
    assert [str(each) for each in (*found, *found.notes)] == []


@pytest.mark.parametrize(("code", "case"), PLANTED.items(), ids=PLANTED)
def test_a_planted_violation_is_found(code: str, case: Planted, tmp_path: Path) -> None:
    edit(copy_of(case.example, tmp_path), case.edits)
    found = checked(tmp_path, case.example)
    assert {each.code for each in (*found, *found.notes)} == {code, *case.also}


def test_a_topology_is_checked_with_the_source_text_of_its_system(tmp_path: Path) -> None:
    edit(copy_of("topology", tmp_path), PLANTED["import.unrelated"].edits)
    assert [each.code for each in checked(tmp_path, "topology")] == ["import.unrelated"]


def test_a_violation_of_each_code_is_planted() -> None:
    assert sorted(PLANTED) == [code for code in codes() if code not in SHOWN_ELSEWHERE]
