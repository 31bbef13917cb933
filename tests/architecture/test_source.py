"""The source stays small, and says what it is: names, sizes, docstrings, comments that silence a checker."""

import ast
import re
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = sorted([*(ROOT / "src" / "remit").rglob("*.py"), *(ROOT / "satellites").rglob("*.py")])
PYTHON = SOURCE + [
    path for folder in ("tests", "examples", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))
]

FUNCTION_LINES = 50
FILE_LINES = 500

# Larger than allowed, at their present size, by the name that the failing test prints. A number may fall, never rise.
TOLERATED: dict[str, int] = {}

EMPTY_WORDS = {"utils", "util", "common", "helpers", "helper", "manager", "core", "misc", "base_classes"}
EMPTY_CLASS = re.compile(r"^_?(Default|Simple|Base|Abstract)[A-Z]|(Manager|Helper|Util|Utils|Impl)$")
PROCESS_MANAGER = "ProcessManager"  # the pattern's own name

SILENCER = re.compile(r"#\s*(?:noqa|type:\s*ignore|pyright:\s*ignore)(?::\s*[A-Z0-9, ]+|\[[^\]]*\])?")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SKIPS = {"skip", "skipif", "xfail", "importorskip"}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def comments(path: Path) -> list[tuple[str, str]]:
    with path.open("rb") as file:
        return [
            (f"{place(path)}:{token.start[0]}", token.string)
            for token in tokenize.tokenize(file.readline)
            if token.type == tokenize.COMMENT
        ]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file with its length in lines, its docstring and decorators not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if ast.get_docstring(node) is not None:
            length -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
        yield f"{place(path)}:{node.name}", length


def is_explained(comment: str) -> bool:
    """True unless the comment silences a checker and gives no reason of at least two words."""
    reason, silencers = SILENCER.subn("", comment)
    return silencers == 0 or re.search(r"\w+ \w+", reason) is not None


def test_functions_are_short() -> None:
    lengths = {name: length for path in SOURCE for name, length in functions(path)}
    assert {name: n for name, n in lengths.items() if n > TOLERATED.get(name, FUNCTION_LINES)} == {}


def test_files_are_short() -> None:
    lengths = {place(path): len(path.read_text().splitlines()) for path in SOURCE}
    assert {name: n for name, n in lengths.items() if n > TOLERATED.get(name, FILE_LINES)} == {}


def test_names_say_something() -> None:
    folders_and_files = {part for path in SOURCE for part in (path.stem, path.parent.name)}
    assert folders_and_files & EMPTY_WORDS == set()
    classes = {
        f"{place(path)}:{node.name}"
        for path in SOURCE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and EMPTY_CLASS.search(node.name) and node.name != PROCESS_MANAGER
    }
    assert classes == set()


def test_every_module_says_what_it_is() -> None:
    assert [
        place(path) for path in PYTHON if path.read_text() and ast.get_docstring(ast.parse(path.read_text())) is None
    ] == []


def test_what_silences_a_checker_says_why() -> None:
    assert [where for path in PYTHON for where, comment in comments(path) if not is_explained(comment)] == []


@pytest.mark.parametrize(
    ("comment", "explained"),
    [
        ("# type: ignore[arg-type]", False),
        ("# noqa: S101", False),
        ("# noqa", False),
        ("# type: ignore[arg-type]  # the stub lacks this overload", True),
        ("# noqa: S101  checked above", True),
        ("# the caller checked it  # noqa: S101", True),
        ("# the first two pages", True),
    ],
)
def test_an_explanation_is_recognised(comment: str, explained: bool) -> None:
    assert is_explained(comment) is explained


def test_nothing_is_left_for_later() -> None:
    assert [where for path in PYTHON for where, comment in comments(path) if UNFINISHED.search(comment)] == []


def borrowed(path: Path) -> Iterator[str]:
    """What a test module takes from another one and should not: a private name, or anything of a `test_*.py`.

    A `__main__` is what people start, and no secret.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tests":
            names = [*f"{node.module}".split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names if alias.name.startswith("tests.") for part in alias.name.split(".")]
        else:
            continue
        kept = (name for name in names if name.startswith(("_", "test_")) and name != "__main__")
        yield from (f"{place(path)}:{node.lineno} {name}" for name in kept)


def test_no_test_module_imports_what_another_one_keeps_to_itself() -> None:
    """What several tests need stands in a module that is no test: it is named after what it is."""
    assert [each for path in PYTHON if path not in SOURCE for each in borrowed(path)] == []


def test_what_is_borrowed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    module = tmp_path / "test_it.py"
    module.write_text(
        "from tests.cli.program import Office, _hidden\nfrom tests.cli.test_run import go\n"
        "from tests.cli import test_log\nimport tests.cli.test_plan\nfrom remit import _x\nimport ast\n"
        "from tests.soak.__main__ import main\n"
    )
    found = ["1 _hidden", "2 test_run", "3 test_log", "4 test_plan"]
    assert list(borrowed(module)) == [f"test_it.py:{each}" for each in found]


def test_no_test_is_skipped() -> None:
    skips = [
        f"{place(path)}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in SKIPS
    ]
    assert skips == []
