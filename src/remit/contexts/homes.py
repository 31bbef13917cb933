"""Homes: the loaded modules that belong to each context.

A context that is made inside a function, or in a test, has no home: it is not known which modules belong to it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from remit.contexts.context import Context
from remit.contexts.map import ContextMap

_TEST = re.compile(r"tests?|conftest|test_.*|.*_tests?")
_TEST_FOLDER = frozenset({"test", "tests", "conftest"})


class Home(NamedTuple):
    """A package (or a module outside of packages), and the contexts that its modules declare."""

    name: str
    contexts: tuple[Context[Any], ...]
    modules: tuple[ModuleType, ...]
    """Its loaded modules, sorted by name, without those that belong to a deeper home."""


def package_of(context: Context[Any]) -> str | None:
    """The package of the module that declares a context, or the module itself if it is in no package. None for a
    context that is not a global name of its module, and for a context of a test."""
    module = sys.modules.get(context.declared_in)
    if module is None or _is_declared_in_tests(module) or not _declares(module, context):
        return None
    return module.__name__ if hasattr(module, "__path__") else module.__package__ or module.__name__


def is_of_tests(module: str, named: Collection[str] = ()) -> bool:
    """Whether a module belongs to tests, judged by its name. Tests declare things that are in no system.

    `named` are packages that are known to belong to contexts, whatever their names are: `clinic.blood_tests`. Only the
    part of the name behind them counts.
    """
    inside = module
    while inside and inside not in named:
        inside = inside.rpartition(".")[0]
    behind = module[len(inside) :].lstrip(".")
    return bool(behind) and any(_TEST.fullmatch(part) for part in behind.split("."))


def _is_declared_in_tests(module: ModuleType) -> bool:
    """Whether a module that declares a context is a test: by its own name, or because it stands in a folder of tests.
    A package such as `clinic.blood_tests` is none, and neither is `clinic.tests` if no test stands in it."""
    *folders, last = module.__name__.split(".")
    if hasattr(module, "__path__"):
        folders.append(last)
    elif _TEST.fullmatch(last):
        return True
    depths = [depth for depth, folder in enumerate(folders, 1) if folder in _TEST_FOLDER]
    return any(depth == 1 or _holds_tests(".".join(folders[:depth])) for depth in depths)


def _holds_tests(package: str) -> bool:
    """Whether a package has a file that is named like a test."""
    module = sys.modules.get(package)
    spec = getattr(module, "__spec__", None)
    reader = spec.loader.get_resource_reader(package) if spec and hasattr(spec.loader, "get_resource_reader") else None
    if reader is None:
        return True
    return any(_TEST.fullmatch(name.removesuffix(".py")) for name in reader.contents() if name.endswith(".py"))


def homes_of(declared: ContextMap) -> list[Home]:
    """The homes of the contexts that are known here.

    If a package also has contexts of another system, or contexts that are hosted elsewhere, only the modules that
    declare a context count: it is not known to which context the others belong.
    """
    owned: dict[str, list[Context[Any]]] = {}
    for context in declared.contexts:
        if (package := package_of(context)) is not None:
            owned.setdefault(package, []).append(context)
    members: dict[str, list[ModuleType]] = {package: [] for package in owned}
    for name in sorted(sys.modules) if owned else ():
        module = sys.modules.get(name)
        package = _longest(name, owned)
        if package is None or is_of_tests(name, owned) or not isinstance(module, ModuleType):
            continue
        if getattr(module, "__name__", name) == name:  # otherwise an alias: the module is listed by its real name too
            members[package].append(module)
    return [
        Home(package, tuple(contexts), tuple(_known(members[package], contexts, declared)))
        for package, contexts in owned.items()
    ]


def _longest(name: str, packages: dict[str, list[Context[Any]]]) -> str | None:
    """The deepest package that contains a module or is the module."""
    while name not in packages:
        name, _, _ = name.rpartition(".")
        if not name:
            return None
    return name


def _known(
    modules: Sequence[ModuleType], contexts: Sequence[Context[Any]], declared: ContextMap
) -> Iterator[ModuleType]:
    strangers = {module.__name__ for module in modules if any(_strange(module, declared))}
    declaring = {context.declared_in for context in contexts}
    for module in modules:
        if module.__name__ not in strangers and (module.__name__ in declaring or not (strangers or declared.elsewhere)):
            yield module


def _strange(module: ModuleType, declared: ContextMap) -> Iterator[bool]:
    """Yields, for each context that a module declares, whether the map lacks it."""
    for value in list(vars(module).values()):
        if isinstance(value, Context) and value.declared_in == module.__name__:
            yield all(value is not context for context in declared.contexts)


def _declares(module: ModuleType, context: Context[Any]) -> bool:
    return any(value is context for value in list(vars(module).values()))
