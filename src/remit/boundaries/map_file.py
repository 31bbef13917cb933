"""Reads a code map from `remit-map.toml`. All that is wrong with the file is reported at once, with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from remit.boundaries.codemap import KINDS, CodeContext, CodeMap, Outside
from remit.contexts import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    Foreign,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)
from remit.errors import Finding, Findings, ModelError, nearest, one_of

MAP_FILE = "remit-map.toml"
"""The name under which `remit check` looks for a map."""

DESIGN = "cml"
"""The table that `remit-design` keeps in the file: what a model in CML says and a map has no words for."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([\w\-]+|\"[^\"]*\"|'[^']*')\s*=")
_NAME = re.compile(r"[A-Za-z][\w\-]*")
_DOTTED = re.compile(r"[^\W\d]\w*(\.\w+)*")


class _Form(NamedTuple):
    """How a kind of relation is written."""

    make: Callable[..., Relation]
    roles: tuple[str, ...]
    texts: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


RELATIONS: Mapping[str, _Form] = {
    "open-host": _Form(OpenHost, ("host",), lists=("exposes",)),
    "customer-supplier": _Form(CustomerSupplier, ("supplier", "customer"), lists=("uses",)),
    "conformist": _Form(Conformist, ("upstream", "downstream"), lists=("uses",)),
    "anti-corruption-layer": _Form(AntiCorruptionLayer, ("upstream", "downstream"), ("module",), ("uses",)),
    "partnership": _Form(Partnership, ("one", "other"), lists=("uses",)),
    "shared-kernel": _Form(SharedKernel, ("one", "other"), ("package", "hash"), ("tables",)),
    "separate-ways": _Form(SeparateWays, ("one", "other")),
}
"""The kinds of relations, by the word that stands for them in the file."""


def read_map(path: str | Path) -> CodeMap:
    """The map in a file. Folders in it are relative to the file.

    Raises `ModelError` with every finding: the file cannot be read or is not TOML, unknown keys, values of a wrong
    type, unknown kinds of relations, parties that are no context.
    """
    found, findings = examine_map(path)
    findings.settle()
    return found


def examine_map(path: str | Path, known: Collection[str] = ()) -> tuple[CodeMap, Findings]:
    """As `read_map`, with the findings beside what could be read. Raises `ModelError` only for a file that cannot be
    read or is not TOML. `known` are contexts that relations may name although the file does not describe them."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise _unreadable(
            "map.missing", str(path), f"the map cannot be read: {what}", "a TOML file",
            "check the path: it is relative to the working directory" if isinstance(error, OSError)
            else f"save it as UTF-8: iconv -f latin1 -t utf-8 {path}",
        ) from None  # fmt: skip
    try:
        document = tomllib.loads(text)
        repr(document)  # fails for a number of so many digits that no finding could show it
    except (ValueError, RecursionError) as error:  # also a number of too many digits
        line = re.search(r"at line (\d+)", str(error))
        raise _unreadable(
            "map.syntax", f"{path}:{line[1]}" if line else str(path), f"this is not TOML: {error}", "TOML 1.0",
            'write strings in quotes and lists in brackets: packages = ["shop.billing"]',
        ) from None  # fmt: skip
    reading = _Reading(str(path), lines_in(text))
    return _map(_Table(document, (), reading), path, known), reading.findings


def is_map(path: str | Path) -> bool:
    """Whether a TOML file is a map, by its tables. A file that cannot be read is judged by its name."""
    path = Path(path)
    if path.name == MAP_FILE:
        return True
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return "system" not in document and bool({"map", "contexts"} & document.keys())


def _unreadable(code: str, where: str, what: str, expected: str, next: str) -> ModelError:
    return ModelError(findings=[Finding(code, where, what, expected, next)])


def lines_in(text: str) -> dict[tuple[str, ...], int]:
    """The lines of tables and keys, by their path. The number of an entry of a list of tables is a part of the path."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = tuple(part.strip().strip("\"'") for part in header[2].split("."))
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, str(counts[table]))
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, key[1].strip("\"'")), number)
    return lines


@dataclass(frozen=True)
class _Reading:
    file: str
    lines: Mapping[tuple[str, ...], int]
    findings: Findings = field(default_factory=Findings)

    def place(self, path: tuple[str, ...]) -> str:
        """The place of a table or key: `file:line`, of what holds it where its own line is not known."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines.get(path, 1)}"


class _Table:
    """One table of the file. Each key is taken once; keys that were not taken are unknown."""

    def __init__(self, values: Mapping[str, Any], path: tuple[str, ...], reading: _Reading) -> None:
        self.values, self.path, self.reading = values, path, reading
        self._taken: list[str] = []

    @property
    def place(self) -> str:
        return self.reading.place(self.path)

    def report(self, code: str, key: str, what: str, *, expected: str, next: str = "") -> None:
        self.reading.findings.report(code, self.reading.place((*self.path, key)), what, expected=expected, next=next)

    def text(self, key: str, *, required: str = "") -> str:
        value = self._take(key, str, 'a string: "..."', required)
        return value or ""

    def flag(self, key: str, *, otherwise: bool) -> bool:
        value = self._take(key, bool, "true or false")
        return otherwise if value is None else value

    def texts(self, key: str, *, required: str = "") -> tuple[str, ...] | None:
        """A list of strings. One string counts as a list of one. None if it is absent or wrong."""
        value: list[Any] | str | None = self._take(key, (list, str), 'a list of strings: ["..."]', required)
        if value is None:
            return None
        if isinstance(value, str):
            return (value,)
        wrong = [each for each in value if not isinstance(each, str)]
        if wrong:
            self.report(
                "map.value", key, f"{key} contains {wrong[0]!r}", expected='strings: ["..."]', next="write it in quotes"
            )
            return None
        return (*dict.fromkeys(value),)

    def modules(self, key: str, *, required: str = "") -> tuple[str, ...] | None:
        """A list of dotted names."""
        names = self.texts(key, required=required)
        for name in names or ():
            if not _DOTTED.fullmatch(name):
                self.report(
                    "map.value", key, f"{name!r} is not the name of a module", expected="a dotted name: shop.billing",
                    next=f'write "{name.strip("./").removesuffix(".py").replace("/", ".")}"' if "/" in name else "",
                )  # fmt: skip
        return names and tuple(name for name in names if _DOTTED.fullmatch(name))

    def table(self, key: str) -> _Table:
        return _Table(self._take(key, dict, "a table") or {}, (*self.path, key), self.reading)

    def tables(self, key: str) -> Iterable[_Table]:
        """The entries of a list of tables."""
        values: list[Any] = self._take(key, list, f"a list of tables: [[{key}]]") or []
        for number, each in enumerate(values):
            if isinstance(each, dict):
                yield _Table(cast("dict[str, Any]", each), (*self.path, key, str(number)), self.reading)
            else:
                self.report("map.value", key, f"{key} contains {each!r}", expected=f"tables: [[{key}]]")

    def leave(self, key: str) -> None:
        """Allows a key, and reads nothing of it."""
        self._taken.append(key)

    def finish(self) -> None:
        """Reports the keys that were not taken."""
        for key in self.values:
            if key not in self._taken:
                near = nearest(key, self._taken)
                self.report(
                    "map.unknown-key", key, f"there is no setting {key!r} here", expected=one_of(self._taken),
                    next=f"did you mean {near}?" if near else "use one of the expected names, or remove it",
                )  # fmt: skip

    def _take(self, key: str, kind: type | tuple[type, ...], expected: str, required: str = "") -> Any:
        self._taken.append(key)
        value = self.values.get(key)
        if value is None:
            if required:
                self.report("map.incomplete", key, f"{key} is missing", expected=expected, next=required)
            return None
        if isinstance(value, kind) and not (isinstance(value, str) and "\0" in value):
            return value
        self.report("map.value", key, f"{key} is {value!r}"[:200], expected=expected, next=f"write {expected}")
        return None


def _map(root: _Table, path: Path, known: Collection[str]) -> CodeMap:
    head = root.table("map")
    name = head.text("name") or path.absolute().parent.name
    folder = path.absolute().parent
    roots = tuple(folder / each for each in head.texts("roots") or _usual_roots(folder))
    for missing in (each for each in roots if not each.is_dir()):
        head.report(
            "map.root",
            "roots",
            f"there is no folder {missing}",
            expected="folders that hold packages",
            next='write folders relative to the map: roots = ["src"]',
        )
    packages = head.modules("packages") or ()
    type_checking, tests = head.flag("type-checking", otherwise=True), head.flag("tests", otherwise=False)
    head.finish()
    contexts = tuple(_contexts(root.table("contexts")))
    outside = tuple(_outside(root.table("outside")))
    stated = [
        (relation, table.place)
        for table in root.tables("relations")
        if (relation := _relation(table, {each.name for each in contexts} | {*known}, {each.name for each in outside}))
    ]
    root.leave(DESIGN)
    root.finish()
    return CodeMap(
        name=name, contexts=contexts, relations=tuple(each for each, _ in stated), outside=outside, roots=roots,
        packages=packages, type_checking=type_checking, tests=tests, where=str(path),
        places=tuple(place for _, place in stated),
    )  # fmt: skip


def _usual_roots(folder: Path) -> tuple[str, ...]:
    return ("src",) if (folder / "src").is_dir() else (".",)


def _contexts(table: _Table) -> Iterable[CodeContext]:
    for name in table.values:
        each = table.table(name)
        if not _NAME.fullmatch(name):
            table.report(
                "map.value",
                name,
                f"{name!r} cannot name a context",
                expected="letters, digits, - and _",
                next="rename it",
            )
            continue
        kind = each.text("kind")
        known = KINDS.get(kind, "")
        if kind and not known:
            near = nearest(kind, KINDS)
            each.report(
                "map.value", "kind", f"there is no kind of subdomain {kind!r}", expected=one_of(KINDS),
                next=f"did you mean {near}?" if near else "use one of the expected words, or remove it",
            )  # fmt: skip
        yield CodeContext(
            name=name, packages=each.modules("packages") or (), published=each.modules("published"),
            pure=each.modules("pure"), tables=each.texts("tables") or (), schema=each.text("schema"),
            owner=each.texts("owner") or (), kind=known, language=each.text("language"), where=each.place,
        )  # fmt: skip
        each.finish()


def _outside(table: _Table) -> Iterable[Outside]:
    for name in table.values:
        each = table.table(name)
        yield Outside(name=name, packages=each.modules("packages") or (), where=each.place)
        each.finish()


def _relation(table: _Table, contexts: set[str], outside: set[str]) -> Relation | None:
    kind = table.text("kind", required=f"kind = {one_of(RELATIONS)}")
    form = RELATIONS.get(kind)
    if form is None:
        if kind:
            near = nearest(kind, RELATIONS)
            table.report(
                "map.value", "kind", f"there is no kind of relation {kind!r}", expected=one_of(RELATIONS),
                next=f"did you mean {near}?" if near else "use one of the expected words",
            )  # fmt: skip
        return None
    given: dict[str, Any] = {}
    for role in form.roles:
        name = table.text(role, required=f'{role} = "<context>"')
        is_foreign = role == "upstream" and name in outside and form.make is AntiCorruptionLayer
        if name and name not in contexts and not is_foreign:
            near = nearest(name, contexts)
            table.report(
                "map.unknown-context", role, f"{role} is {name!r}, which is not a context of the map",
                expected=one_of(sorted(contexts), "a context, and there is none"),
                next=f"did you mean {near}?" if near else f"describe it: [contexts.{name}]",
            )  # fmt: skip
            name = ""
        given[role] = Foreign(name) if is_foreign else name
    given |= {key: table.text(key) for key in form.texts}
    given |= {key: value for key in form.lists if (value := table.texts(key)) is not None}
    table.finish()
    return form.make(**given) if all(given[role] for role in form.roles) else None
