"""Finds modules that declare something on a context and are not imported: their declarations would have no effect.

The files of the package that declares the context are parsed, not imported. A name is resolved to the context through
imports and aliases. Tests are skipped, and so are declarations inside functions.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from remit.contexts import Context, ContextMap
from remit.contexts.homes import is_of_tests, package_of
from remit.errors import Findings
from remit.hosting.reading import ROLES, Module, ReadDeclaration

_BEFORE = rb"@[ \t(]*|\w+[ \t]*(:[^=\n]+)?=[ \t(]*|(el)?if\b.*?[ \t(]|while\b.*?[ \t(]"
_DECLARES = re.compile(rb"^[ \t]*(%s)?[\w.]+\.(%s)\b" % (_BEFORE, "|".join(ROLES).encode()), re.MULTILINE)
"""A line that may be a declaration. Only files with such a line, or with an edge, are parsed."""
_EDGE = b"HttpEdge"


class _File(NamedTuple):
    name: str
    """The name that the module would have."""
    path: str
    is_package: bool


def not_imported(declared: ContextMap) -> Findings:
    """A finding for each module that declares something on one of the contexts and is not imported. A note for each
    file that may do so and cannot be parsed, and for each forgotten edge of a system without edges."""
    contexts = {context.name: context for context in declared.contexts}
    packages = {package for context in contexts.values() if (package := package_of(context)) is not None}
    findings = Findings()
    if not packages:
        return findings
    imported = {os.path.abspath(path) for path in _paths_of_modules()}  # noqa: PTH100  # ten times as fast as a Path
    unread: dict[str, Module] = {}
    for file in dict.fromkeys(file for package in sorted(packages) for file in _files_of(package)):
        if file.name not in sys.modules and os.path.abspath(file.path) not in imported:  # noqa: PTH100  # as above
            _read(file, unread, findings)
    for module in unread.values():
        found = [_of_contexts(each, contexts) for each in module.declared(unread)]
        missed = [each for each in found if each is not None and each.context.name not in _apart(each, declared)]
        if any(not each.is_edge for each in missed) or (missed and declared.with_edges):
            _report(module, missed, findings)
        elif missed:
            _note(module, missed[0], findings)
    return findings


class _Missed(NamedTuple):
    """Something that a module declares on a context of this process, in a module that is not imported."""

    context: Context[Any]
    what: str
    line: int
    is_edge: bool


def _of_contexts(found: ReadDeclaration, contexts: Mapping[str, Context[Any]]) -> _Missed | None:
    context = contexts.get(found.context) if isinstance(found.context, str) else found.context
    if context is None or contexts.get(context.name) is not context:
        return None
    return _Missed(context, *found[1:])


def _apart(found: _Missed, declared: ContextMap) -> tuple[str, ...]:
    """The contexts whose edges another process serves."""
    return declared.edges_elsewhere if found.is_edge else ()


def _paths_of_modules() -> Iterator[str]:
    for module in list(sys.modules.values()):
        if isinstance(path := getattr(module, "__file__", None), str):
            yield path


def _files_of(package: str) -> Iterator[_File]:
    """The files of a package and its subpackages. For a module outside of packages, the files in its folder."""
    module = sys.modules[package]
    if hasattr(module, "__path__"):
        for folder in module.__path__:
            yield from _files_in(folder, package, deep=True)
    elif (path := getattr(module, "__file__", None)) and not module.__package__:
        yield from _files_in(str(Path(path).parent), "", deep=False)


def _files_in(folder: str, package: str, *, deep: bool) -> Iterator[_File]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # not a folder, such as an archive
        return
    for entry in entries:
        stem, ending = os.path.splitext(entry.name)  # noqa: PTH122  # ten times as fast as a Path
        if not stem.isidentifier() or is_of_tests(stem):
            continue
        name = f"{package}.{stem}" if package else stem
        if ending == ".py" and stem != "__main__" and entry.is_file():
            is_package = stem == "__init__"
            yield _File(package if is_package else name, entry.path, is_package)
        elif deep and not ending and entry.name != "__pycache__" and entry.is_dir(follow_symlinks=False):
            yield from _files_in(entry.path, name, deep=True)


def _read(file: _File, unread: dict[str, Module], findings: Findings) -> None:
    try:
        text = Path(file.path).read_bytes()
    except OSError:
        return
    declares = _EDGE in text or _DECLARES.search(text) is not None
    if not declares and b"import" not in text:  # it neither declares anything nor re-exports a context
        return
    unread[file.name] = Module(file.name, file.path, text, is_package=file.is_package, declares=declares)
    if not declares:
        return
    try:
        with warnings.catch_warnings(action="ignore"):
            _ = unread[file.name].tree
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        del unread[file.name]
        line = error.lineno if isinstance(error, SyntaxError) else 1
        findings.note(
            "module.unreadable", f"{file.path}:{line or 1}",
            f"{file.name} is not imported and cannot be parsed, so its declarations are unknown: {error}",
            expected="valid Python", next=f"correct or delete it: python -m py_compile {file.path}",
        )  # fmt: skip


def _note(module: Module, edge: _Missed, findings: Findings) -> None:
    findings.note(
        "edge.forgotten", f"{module.path}:{edge.line}",
        f"{module.name} declares {edge.what}, which this system does not have: nothing serves its routes",
        expected="System(edges=[...]) with the edge", next="pass the edge to the System that serves its routes",
    )  # fmt: skip


def _report(module: Module, declared: Sequence[_Missed], findings: Findings) -> None:
    first, others = declared[0], len(declared) - 1
    more = f", and {others} more" if others else ""
    home = sys.modules[first.context.declared_in]
    findings.report(
        "module.forgotten", f"{module.path}:{first.line}",
        f"{module.name} declares {first.what} on context {first.context.name!r}{more}, and is not imported",
        expected="every module with declarations imported before the system starts",
        next=f"import {module.name} where the system is declared, or at the end of {_file_of(home)};"
        " or move it out of the package",
    )  # fmt: skip


def _file_of(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or module.__name__
