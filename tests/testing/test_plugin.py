"""The plugin, in a pytest of its own, without any other plugin."""

import os
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import blocks

ROOT = Path(__file__).parents[2]


def pytest_of_its_own(folder: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(textwrap.dedent(tests))
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_COLOR": "1", "COLUMNS": "150"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT), str(ROOT / "examples")])
    command = [sys.executable, "-m", "pytest", "-p", "remit.testing.plugin", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_system_runs_until_the_test_ends_by_the_clock_of_the_fixture(tmp_path: Path) -> None:
    ran = pytest_of_its_own(
        tmp_path,
        """
        from tests.testing.library import *
        from remit.testing import Double, alone

        def test_whole(running_system, clock):
            app = running_system(library)
            clock.move(days=1)
            app.send(Lend(book="moby-dick", reader="ada"))
            (lent,) = app.recorded(Lent)
            assert (lent.until - clock.now()).days == 14

        def test_alone(running_system):
            app = running_system(alone(readers, of=library))
            app.send(Ban(reader="ada", reason="noise"))
            assert app.published(ReaderBanned) == [ReaderBanned(reader="ada", reason="noise")]

        def test_parked(running_system):
            running_system(library).send(Ban(reader="ada", reason="bug"))
        """,
    )
    assert "3 passed, 1 error" in ran.stdout, ran.stdout + ran.stderr
    assert "ERROR at teardown of test_parked" in ran.stdout
    assert "lending.block, key 'ada': ValueError: nobody has thought of this" in ran.stdout


def test_a_plain_assert_shows_what_differs(tmp_path: Path) -> None:
    ran = pytest_of_its_own(
        tmp_path,
        """
        from tests.testing.library import *

        def test_list():
            assert [BookReturned(book="a"), BookLent(book="b", reader="ada")] == [BookLent(book="b", reader="bob")]

        def test_one():
            assert Loans(books=["a"]) == Loans(books=["b"])

        def test_of_others():
            assert [1] == [2]
        """,
    )
    said = [line.removeprefix("E").strip() for line in ran.stdout.splitlines() if line.startswith("E  ")]
    assert said[:6] == [
        "AssertionError: assert 2 found, 1 expected",
        "BookLent differs:",
        "reader: expected 'bob', was 'ada'",
        "not expected: BookReturned(book='a')",
        "AssertionError: assert Loans differs",
        "books[0]: expected 'b', was 'a'",
    ], ran.stdout
    assert "At index 0 diff: 1 != 2" in said


def test_a_failed_expectation_points_to_the_line_of_the_test(tmp_path: Path) -> None:
    ran = pytest_of_its_own(
        tmp_path,
        """
        from tests.testing.library import *
        from remit.testing import given

        def test_it():
            given(Copy(id="a", reader="ada")).when(Copy.give_back).then()
        """,
        "--tb=short",
    )
    assert "test_it.py:6: in test_it" in ran.stdout
    assert "not expected: Returned(book='a', reader='ada')" in ran.stdout
    assert "differences.py" not in ran.stdout, "the kit's own frames are hidden"
    assert "\x1b" not in ran.stdout


def test_the_plugin_is_registered_and_loads_nothing_until_a_test_needs_it(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"remit": "remit.testing.plugin"}
    ran = pytest_of_its_own(
        tmp_path,
        """
        import sys

        def test_it():
            assert [name for name in sys.modules if name.startswith("remit.runtime")] == []
        """,
    )
    assert "1 passed" in ran.stdout, ran.stdout


def test_remit_and_its_kit_do_not_need_pytest() -> None:
    code = "import sys; sys.modules['pytest'] = None; import remit.testing; print(remit.testing.given)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)


def recipes() -> list[str]:
    """What the page shows to be run by pytest: tests with fixtures, two ways to say which loop, and an async test."""
    page = ROOT / "docs" / "testing.md"
    return [each.body for each in blocks(page.read_text(), page.name) if each.comment == "runs elsewhere"]


def test_what_the_page_says_about_fixtures_is_so(tmp_path: Path) -> None:
    ran = pytest_of_its_own(tmp_path, recipes()[0])
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


@pytest.mark.parametrize(("plugin", "mark", "recipe"), [("pytest_asyncio.plugin", "asyncio", 1), ("anyio", "anyio", 2)])
def test_what_the_page_says_about_async_tests_is_so(tmp_path: Path, plugin: str, mark: str, recipe: int) -> None:
    (tmp_path / "conftest.py").write_text(recipes()[recipe])
    ran = pytest_of_its_own(tmp_path, recipes()[3].replace("MARK", mark), "-p", plugin)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr
