"""Each page of a code shows a program that has the finding, and one that does not.

The blocks under "Refused" (or "Noted") and those under "Instead" are the files of one small program each. A block
without a `file` comment is `main.py`. What is checked is `remit-map.toml` if there is one, else a topology file, else
`main:system`.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.cli import checking
from remit.cli.explaining import codes, explain_codes, page_of
from remit.errors import Findings
from remit.hosting.failures import Failure
from tests.docs.codes import SHOWN_ELSEWHERE
from tests.docs.pages import blocks

HEADINGS = re.compile(r"^## (Refused|Noted|Instead|Why)$", re.MULTILINE)
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
SECTION = re.compile(r"^## (?P<title>Findings: (?!CML)[^\n]*|Notes)$(?P<body>.*?)(?=^## )", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `([a-z]+\.[a-z-]+)` \|", re.MULTILINE)


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


def test_every_finding_and_note_that_is_listed_has_a_page_and_no_other() -> None:
    sections = {match["title"]: ROW.findall(match["body"]) for match in SECTION.finditer(REFERENCE.read_text())}
    assert len(sections) >= 10
    assert sorted(code for rows in sections.values() for code in rows) == codes()


@pytest.mark.parametrize("code", codes())
def test_a_page_has_its_title_and_headings(code: str) -> None:
    headings = HEADINGS.findall(page_of(code))
    assert page_of(code).startswith(f"# `{code}`: ")
    assert headings in (["Why", "Instead"], ["Why", "Refused", "Instead"], ["Why", "Noted", "Instead"])
    assert (len(headings) == 3) is (code not in SHOWN_ELSEWHERE)


@pytest.mark.parametrize("code", SHOWN)
def test_a_page_shows_a_program_that_has_the_finding(code: str, folder: Path) -> None:
    found = checked(page_of(code), HEADINGS.findall(page_of(code))[1], folder)
    assert code in {each.code for each in (*found, *found.notes)}


@pytest.mark.parametrize("code", SHOWN)
def test_what_a_page_writes_instead_has_no_finding_and_not_this_note(code: str, folder: Path) -> None:
    found = checked(page_of(code), "Instead", folder)
    assert [str(each) for each in found] == []
    assert code not in {each.code for each in found.notes}


def test_all_codes_are_listed_with_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    explain_codes([], as_json=False)
    shown = capsys.readouterr().out
    assert re.search(r"^relation.self +a context is related to itself\s*$", shown, re.MULTILINE)
    explain_codes([], as_json=True)
    assert [each["code"] for each in json.loads(capsys.readouterr().out)["codes"]] == codes()
    explain_codes(["relation.self"], as_json=True)
    ((page,),) = json.loads(capsys.readouterr().out).values()
    assert page == {
        "code": "relation.self", "title": "a context is related to itself", "page": page_of("relation.self"),
    }  # fmt: skip


def test_an_unknown_code_is_told_with_what_was_meant() -> None:
    with pytest.raises(Failure, match=r"did you mean relation\.self\?"):
        page_of("relation.slef")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("call.not-covered", "the error NotCovered: A handler calls a message of another context"),
        ("sql.not-covered", "the error TableNotCovered: A statement of a handler names a table of another context"),
    ],
)
def test_the_code_of_an_error_is_told_as_an_error_and_where_it_is_explained(code: str, said: str) -> None:
    with pytest.raises(Failure) as refused:
        page_of(code)
    assert refused.value.what.startswith(f"{code} is no finding, but {said}")
    assert "docs/reference/errors.md" in refused.value.next


def checked(page: str, heading: str, folder: Path) -> Findings:
    """What `remit check` finds in the program under a heading."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for block in blocks(section, heading):
        if block.language in ("python", "toml", "markdown", "json"):
            path = folder / (block.argument or "main.py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body)
    importlib.invalidate_caches()
    return checking.checked(target(folder))[1]


def target(folder: Path) -> str:
    maps = sorted(folder.glob("*.toml"), key=lambda path: path.name != "remit-map.toml")
    return maps[0].name if maps else "main:system"
