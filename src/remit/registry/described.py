"""Reads the registry from a code map: a code base that need not know `remit`. What travels there is unknown."""

from __future__ import annotations

from pathlib import Path

from remit.boundaries import CodeMap
from remit.registry.entries import Entry, Registry
from remit.registry.links import kernels_in, links_of, open_hosts_in


def registry_of_code(code: CodeMap) -> Registry:
    """The registry of a code base."""
    entries = [
        Entry(each.name, each.kind, ", ".join(each.owner), each.language, packages=each.packages)
        for each in code.contexts
    ]
    known = {entry.name for entry in entries}
    entries += [Entry(each.name, is_foreign=True) for each in code.foreign if each.name not in known]
    return Registry(
        code.name,
        tuple(entries),
        links_of(entries, code.relations),
        open_hosts_in(code.relations),
        kernels_in(code.relations),
    )


def folders_of_code(code: CodeMap) -> dict[str, Path]:
    """The folder of each package of the contexts and shared kernels, or its file if it is a module. Without those that
    no root holds."""
    packages = [package for context in code.contexts for package in context.packages]
    packages += [kernel.package for kernel in kernels_in(code.relations)]
    found = {package: _place(package, code) for package in packages}
    return {package: path for package, path in found.items() if path is not None}


def _place(package: str, code: CodeMap) -> Path | None:
    for root in code.roots:
        path = root.absolute().joinpath(*package.split("."))
        if path.is_dir():
            return path
        if (file := path.with_suffix(".py")).is_file():
            return file
    return None
