"""Each page of a code shows a program that has the finding, and one that does not.

The blocks under "Refused" (or "Noted") and those under "Instead" are the files of one small program each. A block
without a `file` comment is `main.py`. What is checked is `remit-map.toml` if there is one, else a topology file, else
`main:system`.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from remit.cli.check import _checked
from remit.cli.explaining import codes, page_of
from remit.hosting.failures import Failure
from tests.docs.pages import blocks

SHOWN_ELSEWHERE = frozenset((
    "event.key-changed", "model.invalid", "store.no-sql", "topology.environment", "topology.missing",
    "topology.no-user", "topology.other-system", "topology.store-moved",
))  # fmt: skip
"""Codes that `remit check` does not report in a program, but a start, another command, or a file that is missing."""
HEADINGS = re.compile(r"^## (Refused|Noted|Instead|Why)$", re.MULTILINE)
FOLDER = files("remit.cli") / "codes"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder from which modules are imported, and forgotten again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


SHOWN = [code for code in codes() if code not in SHOWN_ELSEWHERE]


@pytest.mark.parametrize("code", codes())
def test_a_page_has_its_title_and_headings(code: str) -> None:
    headings = HEADINGS.findall(page_of(code))
    assert page_of(code).startswith(f"# `{code}`: ")
    assert headings in (["Why", "Instead"], ["Why", "Refused", "Instead"], ["Why", "Noted", "Instead"])
    assert (len(headings) == 3) is (code not in SHOWN_ELSEWHERE)


@pytest.mark.parametrize("code", SHOWN)
def test_a_page_shows_a_program_that_has_the_finding(code: str, folder: Path) -> None:
    assert code in reported(page_of(code), HEADINGS.findall(page_of(code))[1], folder)


@pytest.mark.parametrize("code", SHOWN)
def test_what_a_page_writes_instead_has_the_finding_no_more(code: str, folder: Path) -> None:
    assert code not in reported(page_of(code), "Instead", folder)


def test_an_unknown_code_is_told_with_what_was_meant() -> None:
    with pytest.raises(Failure, match=r"did you mean relation\.self\?"):
        page_of("relation.slef")


def reported(page: str, heading: str, folder: Path) -> set[str]:
    """The codes of the program under a heading."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for block in blocks(section, heading):
        if block.language in ("python", "toml", "markdown", "json"):
            path = folder / (block.argument or "main.py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body)
    importlib.invalidate_caches()
    _, found = _checked(target(folder))
    return {each.code for each in (*found, *found.notes)}


def target(folder: Path) -> str:
    maps = sorted(folder.glob("*.toml"), key=lambda path: path.name != "remit-map.toml")
    return maps[0].name if maps else "main:system"
