"""Imports the contexts and edges that a process hosts, from the places that the system gives for them.

The place of a context that the system only names is found by an entry point of an installed distribution.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from remit.contexts import Context
from remit.contexts.edges import HttpEdge
from remit.errors import Findings, nearest
from remit.hosting.entry_points import Installed, find_place, read_installed

_REMIT = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")  # noqa: PTH118, PTH120  # frames have texts
"""The folder of the package `remit`."""


Places: TypeAlias = "Mapping[str, str | None]"
"""The place of each context or edge, `module:attribute`, by the name of the context. None: its entry point."""


def places_of(given: Sequence[object] | Mapping[str, str]) -> Places:
    """The places that a system gives for its contexts or edges. Empty for those that it gives themselves."""
    if isinstance(given, Mapping):
        return given
    if isinstance(given, str):  # one name: a text is a sequence of texts
        return {given: None}
    return {each: None for each in given if isinstance(each, str)}


def load_contexts(system: str, places: Places, findings: Findings) -> list[Context[Any]]:
    """The contexts at these places, by name. Each one that is missing is reported as a finding."""
    wanted = [_Wanted(Context, "contexts", name, name, system) for name in places]
    return [each for each in _loaded(wanted, places, findings) if isinstance(each, Context)]


def load_edges(system: str, places: Places, findings: Findings) -> list[HttpEdge]:
    """The edges at these places, by context. Each one that is missing is reported as a finding."""
    wanted = [_Wanted(HttpEdge, "edges", name, "edge", system) for name in places]
    return [each for each in _loaded(wanted, places, findings) if isinstance(each, HttpEdge)]


class _Wanted(NamedTuple):
    kind: type[Context[Any] | HttpEdge]
    option: str
    """The option of `System` that names it. The group of its entry points is named alike."""
    name: str
    attribute: str
    """The default attribute, if the place names none."""
    system: str

    def is_this(self, found: object) -> bool:
        name = found.name if isinstance(found, Context) else getattr(found, "context", None)
        return isinstance(found, self.kind) and name == self.name

    @property
    def where(self) -> str:
        return f"System({self.system!r}) {self.name}"


def _loaded(wanted: Sequence[_Wanted], places: Places, findings: Findings) -> list[Any]:
    installed: Installed | None = {}
    if None in places.values():
        installed = read_installed(wanted[0].option, wanted[0].where, findings)
    known = [each for each in wanted if installed is not None or places[each.name] is not None]
    if not known:
        return []
    from remit.hosting.importing import recording  # declaring a system loads nothing of this

    with recording():
        return [_load(each, places[each.name], installed or {}, findings) for each in known]


def _load(wanted: _Wanted, place: str | None, installed: Installed, findings: Findings) -> Any:
    where, given = wanted.where, f'{wanted.option}={{"{wanted.name}": "%s"}}'
    if place is None:
        found = find_place(installed, wanted.option, wanted.name, where, findings)
        if found is None:
            return None
        place, where, given = found.place, f"{where} in {found.distribution}", f'{wanted.name} = "%s" in {found.table}'
    module_name, _, attribute = place.partition(":")
    try:
        there = getattr(importlib.import_module(module_name), attribute or wanted.attribute, None)
    except Exception as error:  # noqa: BLE001  # the import of a module may raise anything
        near = near_module(module_name) if is_absent(error, module_name) else None
        findings.report(
            "context.import", where,
            f"importing {module_name} failed: {type(error).__name__}: {error} ({raised_at(error)})",
            expected="a module that can be imported in every process that hosts it",
            next=f"did you mean {near}?" if near else f"python -c 'import {module_name}' shows the traceback",
        )  # fmt: skip
        return None
    if not wanted.is_this(there):
        _report_misplaced(wanted, place, where, given, findings)
        return None
    return there


def _report_misplaced(wanted: _Wanted, place: str, where: str, given: str, findings: Findings) -> None:
    """`given` is how a place is written where it stands, with %s for the place."""
    module_name, _, attribute = place.partition(":")
    module, attribute = sys.modules[module_name], attribute or wanted.attribute
    found = getattr(module, attribute, None)
    instead = [name for name, value in list(vars(module).items()) if wanted.is_this(value)]
    makes = f"{wanted.kind.__name__}({wanted.name!r})"
    findings.report(
        "context.place", where,
        f"{module_name} has no {attribute!r}" if found is None else f"{module_name}:{attribute} is {found!r}",
        expected=f"{makes} at module:attribute",
        next=given % f"{module_name}:{instead[0]}"
        if instead
        else f"{attribute} = {makes} there, or its own place: {given % f'package.module:{wanted.attribute}'}",
    )  # fmt: skip


def is_absent(error: Exception, module_name: str) -> bool:
    """Whether the module itself is missing, not another module that it imports."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return module_name == error.name or module_name.startswith(f"{error.name}.")
    return not module_name or (isinstance(error, TypeError) and module_name.startswith("."))


def near_module(name: str) -> str | None:
    """The module that was probably meant by the name of one that does not exist. None if no name is near.

    Looks into the package that should hold it, or into the working directory. Imports nothing.
    """
    import pkgutil  # slow to import, and needed for errors only
    from pathlib import Path

    parent, _, last = name.rpartition(".")
    if parent and parent not in sys.modules:
        near = near_module(parent)
        return near and f"{near}.{last}"
    folders = getattr(sys.modules[parent], "__path__", []) if parent else [str(Path.cwd())]
    near = nearest(last, [each.name for each in pkgutil.iter_modules(folders) if each.name != last])
    return near and (f"{parent}.{near}" if parent else near)


def raised_at(error: Exception) -> str:
    """`file:line` of the code of the user that raised an error during an import, or that called what raised it."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    every = traceback.extract_tb(error.__traceback__)
    frames = [each for each in every if not each.filename.startswith(_REMIT)] or every
    return f"{frames[-1].filename}:{frames[-1].lineno}"
