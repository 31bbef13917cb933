"""Links to a heading find it, as GitHub names headings: a page may be renamed or rewritten without breaking another."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
NAMED = re.compile(r'<a id="([^"]+)"')
LINK = re.compile(r"\]\((?!\w+:)(?P<page>[^)#\s]*)#(?P<anchor>[^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_to_a_heading_find_it(page: Path) -> None:
    links = [match.group("page", "anchor") for match in LINK.finditer(prose_of(page))]
    assert [link for link in links if link[1] not in anchors_of(page.parent / link[0] if link[0] else page)] == []


def test_anchor_of_a_heading_is_lower_case_words_joined_by_dashes() -> None:
    headings = ["`[services.NAME]`", "Clocks that are wrong", "From one process to services, in ten minutes"]
    expected = ["servicesname", "clocks-that-are-wrong", "from-one-process-to-services-in-ten-minutes"]
    assert [anchor_of(heading) for heading in headings] == expected


def prose_of(page: Path) -> str:
    return BLOCK.sub("", page.read_text())


def anchors_of(page: Path) -> set[str]:
    prose = prose_of(page)
    return {*map(anchor_of, HEADING.findall(prose)), *NAMED.findall(prose)}


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
