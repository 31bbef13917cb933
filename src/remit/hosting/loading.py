"""Imports the contexts and edges that a process hosts, from the places that the system gives for them."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Mapping
from typing import Any, NamedTuple

from remit.contexts import Context
from remit.contexts.edges import HttpEdge
from remit.errors import Findings


def load_contexts(system: str, places: Mapping[str, str], findings: Findings) -> list[Context[Any]]:
    """The contexts at these places (`module:attribute`), by name. Each one that is missing is reported as a finding."""
    loaded = [
        _load(_Wanted(Context, "contexts", name, name), system, place, findings) for name, place in places.items()
    ]
    return [each for each in loaded if isinstance(each, Context)]


def load_edges(system: str, places: Mapping[str, str], findings: Findings) -> list[HttpEdge]:
    """The edges at these places (`module:attribute`), by context. Each one that is missing is reported as a finding."""
    loaded = [
        _load(_Wanted(HttpEdge, "edges", name, "edge"), system, place, findings) for name, place in places.items()
    ]
    return [each for each in loaded if isinstance(each, HttpEdge)]


class _Wanted(NamedTuple):
    kind: type[Context[Any] | HttpEdge]
    option: str
    """The option of `System` that gives the place."""
    name: str
    attribute: str
    """The default attribute, if the place names none."""

    def is_this(self, found: object) -> bool:
        name = found.name if isinstance(found, Context) else getattr(found, "context", None)
        return isinstance(found, self.kind) and name == self.name


def _load(wanted: _Wanted, system: str, place: str, findings: Findings) -> Any:
    where = f"System({system!r}) {wanted.name}"
    module_name, _, attribute = place.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute or wanted.attribute, None)
    except Exception as error:  # noqa: BLE001  # the import of a module may raise anything
        findings.report(
            "context.import", where,
            f"importing {module_name} failed: {type(error).__name__}: {error} ({raised_at(error)})",
            expected="a module that can be imported in every process that hosts it",
            next=f"python -c 'import {module_name}' shows the traceback",
        )  # fmt: skip
        return None
    if wanted.is_this(found):
        return found
    findings.report(
        "context.place", where, f"{place} is {found!r}",
        expected=f"{wanted.kind.__name__}({wanted.name!r}) at module:attribute",
        next=f'{wanted.option}={{"{wanted.name}": "package.module:{wanted.attribute}"}}',
    )  # fmt: skip
    return None


def raised_at(error: Exception) -> str:
    """`file:line` of the code that raised an error during an import."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}"
