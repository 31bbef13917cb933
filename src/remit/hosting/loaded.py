"""Refuses what the modules of contexts have loaded of one another against the map, in whatever spelling.

Two traces are read: the imports that were recorded while contexts were loaded, and what modules hold now. So an import
is found that cannot be seen in the source text, if it is made while its module is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator
from types import FunctionType, ModuleType
from typing import NamedTuple

from remit.boundaries import Code, CodeMap
from remit.contexts.homes import is_of_tests
from remit.errors import Finding, Findings
from remit.hosting.importing import imports_of


class _Held(NamedTuple):
    """Something of another module that a module has."""

    target: str
    place: str
    value: object = None
    """None: a module, or not known."""


def loaded_beyond(code: CodeMap, declared: Collection[str]) -> Findings:
    """A finding for each module of a context that has loaded something of another context that the map does not allow.
    Empty for a map without relations.

    `declared` are the contexts whose declarations are loaded here. Of all others the relations may be unknown, so that
    what their modules have loaded is not judged.
    """
    findings = Findings()
    packages = [package for context in code.contexts for package in context.packages]
    if not code.relations or not packages:
        return findings
    tops = {package.partition(".")[0] for package in packages}
    loaded = {name: module for name, module in list(sys.modules.items()) if name.partition(".")[0] in tops}
    seen = Code(code, dict.fromkeys(loaded), {})
    for name, module in loaded.items():
        context = seen.owner_of(name)
        if context is None or context not in declared or is_of_tests(name, packages):
            continue
        if getattr(module, "__name__", "") != name:
            continue
        for held in (*_imported(module), *_bound(module)):
            other = _refused(held, context, seen)
            if other is not None:
                _report(name, context, held, other, findings)
                break  # one finding for each module: it has the place where to begin
    return findings


def _imported(module: ModuleType) -> Iterator[_Held]:
    for target, place in imports_of(module).items():
        yield _Held(target, place)


def _bound(module: ModuleType) -> Iterator[_Held]:
    place = f"{getattr(module, '__file__', None) or module.__name__}:1"
    for name, value in list(vars(module).items()):
        if isinstance(value, ModuleType):
            if value.__name__ == f"{module.__name__}.{name}":  # whoever imports a module binds it in its package
                continue
            yield _Held(value.__name__, place)
        elif isinstance(value, type | FunctionType):
            yield _Held(f"{value.__module__}.{value.__name__}", place, value)


def _refused(held: _Held, context: str, code: Code) -> str | None:
    """The other context that something belongs to, if the map does not allow to load it."""
    module = code.modules.module_of(held.target)
    other = code.owner_of(module) if module is not None else None
    if module is None or other is None or other == context:
        return None
    tie = code.ties.between(context, other)
    if not tie.may_use:
        return other
    name = held.target[len(module) + 1 :]
    value = held.value if held.value is not None else vars(sys.modules[module]).get(name, held) if name else held
    return None if _is_offered(module, value, other, code) else other


def _is_offered(module: str, value: object, context: str, code: Code) -> bool:
    """Whether a module is published, or a published module of the context has the same object. True where it is not
    known here what the context publishes."""
    published = [each for each in code.published_by(context) if each in code.modules]
    named = code.map.context(context)
    if named is None or (named.published is None and not any(each.endswith(".api") for each in published)):
        return True
    if code.is_published(module, context):
        return True
    return any(held is value for each in published for held in list(vars(sys.modules[each]).values()))


def _report(module: str, context: str, held: _Held, other: str, findings: Findings) -> None:
    findings.report(
        "import.loaded", _shown(held.place), f"{module} of context {context!r} has loaded {held.target} of {other!r}",
        expected="what the relation of the two allows, in every spelling",
        next="remove it; remit check shows the imports that can be seen in the source text",
    )  # fmt: skip


def _shown(place: str) -> str:
    return place.removeprefix(os.path.join(os.getcwd(), ""))  # noqa: PTH109, PTH118  # a text, as in other findings


def without_seen(findings: Iterable[Finding], files: set[str]) -> list[Finding]:
    """The findings without those of this rule on files that have findings on imports anyway."""
    return [each for each in findings if each.code != "import.loaded" or each.where.rpartition(":")[0] not in files]
