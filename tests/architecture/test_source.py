"""The source stays small, and says what it is: names, sizes, docstrings, comments that silence a checker."""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = sorted((ROOT / "src" / "remit").rglob("*.py"))
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


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file with its length in lines, its docstring and decorators not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if ast.get_docstring(node) is not None:
            length -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
        yield f"{place(path)}:{node.name}", length


def comments(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield f"{place(path)}:{token.start[0]}", token.string


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


def test_no_test_is_skipped() -> None:
    skips = [
        f"{place(path)}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in SKIPS
    ]
    assert skips == []
