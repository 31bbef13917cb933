"""Derives the code map of a system from its declarations, so that its source text can be checked."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from remit.boundaries import CodeContext, CodeMap
from remit.boundaries.codemap import KINDS
from remit.contexts import Context, ContextMap
from remit.contexts.homes import package_of
from remit.contexts.model import owners_of


def code_map_of(declared: ContextMap) -> CodeMap:
    """The code map of a system whose contexts are loaded.

    A context has the package of the module that declares it. If several contexts are declared in one package, each has
    its module only. What is declared in a test or in a function has no packages. Without a module `api`, a context
    publishes the modules of its messages. Its schema is named like the context.
    """
    packages = {context.name: _package(context, declared.contexts) for context in declared.contexts}
    languages = _languages(declared)
    contexts = [
        CodeContext(
            name=context.name, packages=(package,) if (package := packages[context.name]) else (),
            published=_published(package, languages.get(context.name, ())),
            owner=(context.owner,) if context.owner else (), kind=KINDS.get(context.kind, ""),
            language=context.language, schema=context.name,
        )
        for context in declared.contexts
    ]  # fmt: skip
    elsewhere = [CodeContext(name=name) for name in declared.elsewhere]
    tops = dict.fromkeys(package.partition(".")[0] for package in packages.values() if package)
    roots = dict.fromkeys(root for top in tops if (root := _root(top)) is not None)
    return CodeMap(
        name=declared.name, contexts=(*contexts, *elsewhere), relations=declared.relations, roots=tuple(roots),
        packages=tuple(tops), where=f"System({declared.name!r})",
    )  # fmt: skip


def _package(context: Context[Any], contexts: Iterable[Context[Any]]) -> str:
    """The package of a context; its module if it shares the package. Empty if it shares that too, or has none."""
    shared = Counter(map(package_of, contexts))
    package = package_of(context)
    if package is None or shared[package] == 1:
        return package or ""
    modules = Counter(each.declared_in for each in contexts)
    return context.declared_in if modules[context.declared_in] == 1 else ""


def _languages(declared: ContextMap) -> Mapping[str, tuple[str, ...]]:
    """The modules that declare messages of each context."""
    found: dict[str, dict[str, None]] = {}
    for message, owner in owners_of(declared.contexts).items():
        found.setdefault(owner, {})[message.__module__] = None
    return {owner: tuple(modules) for owner, modules in found.items()}


def _published(package: str, language: tuple[str, ...]) -> tuple[str, ...] | None:
    """The modules that a context publishes. None: what a code map takes for usual."""
    if not package or f"{package}.api" in sys.modules:
        return None
    return tuple(each for each in language if each == package or each.startswith(f"{package}.")) or None


def _root(top: str) -> Path | None:
    """The folder that holds a top-level package or module."""
    module = sys.modules.get(top)
    folder = next(iter(getattr(module, "__path__", ())), None) or getattr(module, "__file__", None)
    return Path(folder).parent if folder else None
