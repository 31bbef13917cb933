"""Everything that a page shows is so: its blocks run, its links lead somewhere, its first program is short."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, run_page
from tests.servers.postgres import Server
from tests.servers.warm import cold

LINK = re.compile(r"\]\((?!\w+:|#)(?P<target>[^)#\s]+)[^)]*\)")
PROGRAM_LINES = 60


@pytest.fixture
def database(page: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For a page about PostgreSQL: a server at $PG, which asks for no password, with an empty database."""
    if "${PG}" not in page.read_text():
        yield
        return
    with Server() as server:
        subprocess.run([server.program("createdb"), "--maintenance-db", server.url(), "school"], check=True)
        monkeypatch.setenv("PG", place := f"127.0.0.1:{server.port}")
        monkeypatch.setenv("SCHOOL_PASSWORD", "secret")
        monkeypatch.setenv("REMIT_ADMIN_URL", f"postgresql://postgres@{place}")
        yield


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
@pytest.mark.timeout(180)  # processes share their machine with others
@pytest.mark.usefixtures("database")
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    with cold() if page.name == "README.md" else nullcontext():  # what is read first is run as it is there
        run_page(page.read_text(), page.relative_to(ROOT).as_posix(), tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text())]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_program_in_the_readme_is_short() -> None:
    programs = [each for each in blocks((ROOT / "README.md").read_text(), "README.md") if each.comment == "file"]
    assert programs, "the README shows a program as a file"
    assert [each.argument for each in programs if len(each.body.splitlines()) > PROGRAM_LINES] == []
