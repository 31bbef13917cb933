"""Importing the contexts that a process hosts, by the places the system gives them."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Mapping
from typing import Any, TypeGuard

from remit.contexts import Context
from remit.errors import Findings


def load_contexts(system: str, places: Mapping[str, str]) -> list[Context[Any]]:
    """The contexts at `module:attribute`, by name. Raises `ModelError` with every one that is not there."""
    findings = Findings()
    loaded = [_load(system, name, place, findings) for name, place in places.items()]
    findings.settle()
    return [context for context in loaded if context is not None]


def _load(system: str, name: str, place: str, findings: Findings) -> Context[Any] | None:
    where = f"System({system!r}) {name}"
    module_name, _, attribute = place.partition(":")
    found: Any
    try:
        found = getattr(importlib.import_module(module_name), attribute or name, None)
    except Exception as error:  # noqa: BLE001  # a module may raise anything when it is imported
        findings.report(
            "context.import", where,
            f"importing {module_name} failed: {type(error).__name__}: {error} ({raised_at(error)})",
            expected="a module that can be imported where the context is hosted",
            next=f"python -c 'import {module_name}' shows the whole story",
        )  # fmt: skip
        return None
    if _is_context(found) and found.name == name:
        return found
    findings.report(
        "context.place", where, f"{place} is {found!r}", expected=f"Context({name!r}) at module:attribute",
        next=f'contexts={{"{name}": "package.module:{name}"}}',
    )  # fmt: skip
    return None


def _is_context(found: object) -> TypeGuard[Context[Any]]:
    return isinstance(found, Context)


def raised_at(error: Exception) -> str:
    """`file:line` of what raised an error while it was imported."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}"
