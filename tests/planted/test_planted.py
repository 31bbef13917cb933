"""The examples are clean, and one planted violation of each code is found: that code, and nothing unrelated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planted.copies import Planted, checked, copy_of, edit
from tests.planted.declarations import DECLARED

PLANTED = DECLARED


@pytest.mark.parametrize("example", ["learning", "webshop"])
def test_an_example_is_clean(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = checked(copy_of(example, tmp_path), example)
    assert [str(each) for each in (*found, *found.notes)] == []


@pytest.mark.parametrize(("code", "case"), PLANTED.items(), ids=PLANTED)
def test_a_planted_violation_is_found(
    code: str, case: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    edit(copy_of(case.example, tmp_path), case.edits)
    found = checked(tmp_path, case.example)
    assert {each.code for each in (*found, *found.notes)} == {code, *case.also}
