"""Derives the code map of a system from its declarations, so that its source text can be checked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from remit.boundaries import CodeContext, CodeMap
from remit.boundaries.code import is_within
from remit.boundaries.codemap import KINDS
from remit.checks.legality import each_once, sound_relations
from remit.contexts import Context, ContextMap
from remit.contexts.homes import package_of
from remit.contexts.model import owners_of
from remit.messages import DomainEvent


def code_map_of(declared: ContextMap, places: Mapping[str, str | None] = MappingProxyType({})) -> CodeMap:
    """The code map of a system. Of a context that is not loaded here, the place says which package it has.

    A context has the package of the module that declares it. If other contexts are declared in the package too, it has
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
        others = {each for name, modules in languages.items() if name != context.name for each in modules}
        apart = [each for each in language if package and not is_within(each, taken) and each not in others]
        contexts.append(
            CodeContext(
                name=context.name, packages=(package, *apart) if package else (),
                published=_published(package, language, apart), owner=(context.owner,) if context.owner else (),
                kind=KINDS.get(context.kind, ""), language=context.language, schema=context.name,
                schema_is_usual=True,
            )
        )  # fmt: skip
    elsewhere = [
        CodeContext(name=name, packages=_package_at(places.get(name) or "", places)) for name in declared.elsewhere
    ]
    named = [*(package for context in contexts for package in context.packages), *_beside(declared)]
    tops = dict.fromkeys(module.partition(".")[0] for module in named)
    roots = dict.fromkeys(root for top in tops if (root := _root(top)) is not None)
    return CodeMap(
        name=declared.name, contexts=(*contexts, *elsewhere), relations=tuple(sound_relations(each_once(declared))),
        roots=tuple(roots), packages=tuple(tops), where=f"System({declared.name!r})",
    )  # fmt: skip


def _beside(declared: ContextMap) -> list[str]:
    """The modules that relations name: shared kernels and translations, which may be in packages of their own."""
    found: list[object] = [getattr(each, name, "") for each in declared.relations for name in ("package", "module")]
    return [module for module in found if module and isinstance(module, str)]


def _package(context: Context[Any], contexts: Iterable[Context[Any]]) -> str:
    """The package of a context; its module if other contexts are in the package. Empty if it shares that too, or has
    none."""
    package = package_of(context)
    others = [each for each in contexts if each is not context]
    if package is None or not any(is_within(package_of(each) or "", (package,)) for each in others):
        return package or ""
    return context.declared_in if all(each.declared_in != context.declared_in for each in others) else ""


def _package_at(place: str, places: Mapping[str, str | None]) -> tuple[str, ...]:
    """The package of the module of a place; the module itself if another place is in the package too."""
    module = place.partition(":")[0]
    package = module.rpartition(".")[0]
    others = [each.partition(":")[0] for each in places.values() if each and each != place]
    if not package or any(is_within(each, (package,)) for each in others):
        return (module,) if module else ()
    return (package,)


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
