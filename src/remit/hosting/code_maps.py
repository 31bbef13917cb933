"""Derives the code map of a system from its declarations, so that its source text can be checked."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from remit.boundaries import CodeContext, CodeMap
from remit.boundaries.code import is_within
from remit.boundaries.codemap import KINDS
from remit.contexts import Context, ContextMap
from remit.contexts.homes import package_of
from remit.contexts.model import owners_of
from remit.messages import DomainEvent


def code_map_of(declared: ContextMap) -> CodeMap:
    """The code map of a system whose contexts are loaded.

    A context has the package of the module that declares it. If several contexts are declared in one package, each has
    its module only. What is declared in a test or in a function has no packages. A context publishes its module `api`;
    without one, the modules of its messages. Those that are in no package of a context are its own too: a distribution
    with the published language alone. Its schema is named like the context. Shared kernels are read too.
    """
    packages = {context.name: _package(context, declared.contexts) for context in declared.contexts}
    taken = [package for package in packages.values() if package]
    languages = _languages(declared)
    contexts: list[CodeContext] = []
    for context in declared.contexts:
        package, language = packages[context.name], languages.get(context.name, ())
        apart = [each for each in language if not is_within(each, taken)] if package else []
        contexts.append(
            CodeContext(
                name=context.name, packages=(package, *apart) if package else (),
                published=_published(package, language, apart), owner=(context.owner,) if context.owner else (),
                kind=KINDS.get(context.kind, ""), language=context.language, schema=context.name,
            )
        )  # fmt: skip
    elsewhere = [CodeContext(name=name) for name in declared.elsewhere]
    named = [*(package for context in contexts for package in context.packages), *_beside(declared)]
    tops = dict.fromkeys(module.partition(".")[0] for module in named)
    roots = dict.fromkeys(root for top in tops if (root := _root(top)) is not None)
    return CodeMap(
        name=declared.name, contexts=(*contexts, *elsewhere), relations=declared.relations, roots=tuple(roots),
        packages=tuple(tops), where=f"System({declared.name!r})",
    )  # fmt: skip


def _beside(declared: ContextMap) -> list[str]:
    """The modules that relations name: shared kernels and translations, which may be in packages of their own."""
    found = [getattr(each, "package", "") or getattr(each, "module", "") for each in declared.relations]
    return [module for module in found if module]


def _package(context: Context[Any], contexts: Iterable[Context[Any]]) -> str:
    """The package of a context; its module if it shares the package. Empty if it shares that too, or has none."""
    shared = Counter(map(package_of, contexts))
    package = package_of(context)
    if package is None or shared[package] == 1:
        return package or ""
    modules = Counter(each.declared_in for each in contexts)
    return context.declared_in if modules[context.declared_in] == 1 else ""


def _languages(declared: ContextMap) -> Mapping[str, tuple[str, ...]]:
    """The modules that declare messages of each context which others may see."""
    found: dict[str, dict[str, None]] = {}
    for message, owner in owners_of(declared.contexts).items():
        if not issubclass(message, DomainEvent):
            found.setdefault(owner, {})[message.__module__] = None
    return {owner: tuple(modules) for owner, modules in found.items()}


def _published(package: str, language: tuple[str, ...], apart: Sequence[str]) -> tuple[str, ...] | None:
    """The modules that a context publishes. None: what a code map takes for usual."""
    api = f"{package}.api"
    if api in sys.modules:
        return (api, *apart) if apart else None
    return (*(each for each in language if is_within(each, (package,))), *apart) if package else None


def _root(top: str) -> Path | None:
    """The folder that holds a top-level package or module."""
    module = sys.modules.get(top)
    folder = next(iter(getattr(module, "__path__", ())), None) or getattr(module, "__file__", None)
    return Path(folder).parent if folder else None
