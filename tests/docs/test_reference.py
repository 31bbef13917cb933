"""Pages that speak of the source agree with it: its codes, its commands with their options, the names of its parts."""

import ast
import re
from collections.abc import Iterator
from typing import get_args

from cyclopts import App

from remit.cli.program import app
from remit.errors import RemitError
from remit.runtime.events import EVENTS, CallOutcome, RuntimeEvent
from remit_design.cml.codes import RULES
from tests.docs.pages import ROOT

REFERENCE = ROOT / "docs" / "reference"
CODE = re.compile(r"(?!remit\.)[a-z]+\.[a-z]+(-[a-z]+)*")
FILE_ENDINGS = (".db", ".sql", ".html", ".json")
CODE_ROW = re.compile(r"^\| `([a-z]+\.[a-z-]+)` \|", re.MULTILINE)
OPTION_ROW = re.compile(r"^\| `(--[a-z-]+|[A-Z]+)", re.MULTILINE)
PART_ROW = re.compile(r"^\| `(?P<file>[a-z_/]+\.py)` \| `(?P<name>[\w.]+)` \|", re.MULTILINE)
EVENT_ROW = re.compile(r"^\| `(?P<event>[A-Z]\w+)` \| `(?P<field>\w+)` \|", re.MULTILINE)
VALUE_ROW = re.compile(r"^\| `([a-z-]+)` \| [^`]", re.MULTILINE)
SECTION = re.compile(r"^## `remit (?P<command>[^`]+)`\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def test_every_code_in_the_source_is_explained_and_no_other() -> None:
    explained = CODE_ROW.findall((REFERENCE / "errors.md").read_text())
    made = codes_of_the_source()
    assert len(explained) == len(set(explained))
    assert [code for code in sorted(made) if not any(is_one(each, code) for each in explained)] == []
    assert [each for each in explained if not any(is_one(each, code) for code in made)] == []


def test_the_general_advice_of_an_error_is_what_its_row_says() -> None:
    page = (REFERENCE / "errors.md").read_text().replace("`", "")
    rows = {row.split(" |")[0][2:]: row for row in page.splitlines() if row.startswith("| ")}
    advised = {each.code: each.advice for each in kinds_of(RemitError) if each.advice}
    assert len(advised) >= 6
    assert [code for code, advice in advised.items() if advice not in rows[code]] == []


def test_every_command_and_each_of_its_options_has_its_row_and_no_other() -> None:
    sections = SECTION.finditer((REFERENCE / "cli.md").read_text())
    shown = {section["command"]: set(OPTION_ROW.findall(section["body"])) for section in sections}
    assert shown == {words: options_of(command) for words, command in commands_of(app)}


def test_every_part_that_the_architecture_names_is_where_it_says() -> None:
    parts = [match.group("file", "name") for match in PART_ROW.finditer((ROOT / "docs/architecture.md").read_text())]
    assert parts
    assert [part for part in parts if part[1] not in names_in((ROOT / "src/remit" / part[0]).read_text())] == []


def test_every_event_with_each_of_its_fields_has_its_row_and_no_other() -> None:
    shown = [match.group("event", "field") for match in EVENT_ROW.finditer((REFERENCE / "events.md").read_text())]
    beside = RuntimeEvent.__struct_fields__
    fields = {(event.__name__, name) for event in EVENTS for name in event.__struct_fields__ if name not in beside}
    assert len(shown) == len(set(shown))
    assert set(shown) == fields


def test_every_way_a_call_ends_has_its_row_and_no_other() -> None:
    page = (REFERENCE / "events.md").read_text()
    (table,) = [block for block in page.split("\n\n") if block.startswith("| outcome |")]
    assert tuple(VALUE_ROW.findall(table)) == get_args(CallOutcome)


def test_codes_are_found_where_errors_are_made() -> None:
    """What is compared, returned or written in docstrings is no code; nor are the names of files and of our rooms."""
    source = """
class Taken(RemitError):
    code = "port.taken"

def listen(many):
    "port.docstring"
    if message == "http.disconnect":
        open("a.db"), find_spec("remit.runtime")
        report("port.many" if many else "port.one", "no such port. none")
        print(f"port.missing  {listen}")
        report(f"{kind}.doubled")
        Problem(code="port.problem", title="port.title")
"""
    found = {"port.taken", "port.many", "port.one", "port.missing", "port.problem", "any.doubled"}
    assert set(codes_in(source)) == found


def kinds_of(kind: type[RemitError]) -> Iterator[type[RemitError]]:
    """The classes of errors that `remit.errors` declares below a class."""
    for each in kind.__subclasses__():
        if each.__module__ == RemitError.__module__:
            yield each
            yield from kinds_of(each)


def names_in(source: str) -> set[str]:
    """The functions, classes and constants of a module, and the methods of these classes."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            names.update(f"{node.name}.{method.name}" for method in methods)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names


def codes_of_the_source() -> set[str]:
    """All but those of the test kit, whose errors are those of somebody's tests."""
    source = ROOT / "src" / "remit"
    files = [file for file in source.rglob("*.py") if "testing" not in file.relative_to(source).parts]
    return {code for file in files for code in codes_in(file.read_text())} | {*RULES}


def codes_in(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(args=arguments, keywords=keywords):
                made = [*arguments, *(keyword.value for keyword in keywords if keyword.arg == "code")]
            case ast.Assign(targets=[ast.Name(id="code")], value=value):
                made = [value]
            case _:
                continue
        for text in (text for expression in made for text in texts_of(expression)):
            if CODE.fullmatch(text) and not text.endswith(FILE_ENDINGS):
                yield text


def texts_of(expression: ast.expr) -> Iterator[str]:
    """The literal texts that an argument may be; of a text with values in it, what stands before them.

    A value before a literal is written `any`: `any.annotation` for `handler.annotation` and its like.
    """
    match expression:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from texts_of(one)
            yield from texts_of(other)
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            yield text.partition("  ")[0]
        case ast.JoinedStr(values=[ast.FormattedValue(), ast.Constant(value=str(text))]):
            yield f"any{text}"
        case _:
            pass


def is_one(explained: str, made: str) -> bool:
    area, _, rest = made.partition(".")
    return explained == made or (area == "any" and explained.endswith(f".{rest}"))


def commands_of(parent: App, above: tuple[str, ...] = ()) -> Iterator[tuple[str, App]]:
    """Every command that does something, with the words that call it."""
    for name in parent:
        if not name.startswith("-"):
            words = (*above, name)
            if parent[name].default_command is not None:
                yield " ".join(words), parent[name]
            yield from commands_of(parent[name], words)


def options_of(command: App) -> set[str]:
    return {argument.names[0] for argument in command.assemble_argument_collection()}
