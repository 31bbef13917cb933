"""Everything that a page shows is so: its blocks run, its links lead somewhere, its first program is short."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks, run_page

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
LINK = re.compile(r"\]\((?!\w+:|#)(?P<target>[^)#\s]+)[^)]*\)")
PROGRAM_LINES = 60


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    run_page(page.read_text(), page.relative_to(ROOT).as_posix(), tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text())]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_program_in_the_readme_is_short() -> None:
    programs = [each for each in blocks((ROOT / "README.md").read_text(), "README.md") if each.comment == "file"]
    assert programs, "the README shows a program as a file"
    assert [each.argument for each in programs if len(each.body.splitlines()) > PROGRAM_LINES] == []
