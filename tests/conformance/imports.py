"""An import graph: which modules there are, and which imports which. Written as files, it is a code base."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class Malformed(Exception):
    """A contract that import-linter refuses to check: it ends as one that is broken."""


@dataclass(frozen=True)
class Graph:
    """Modules by dotted name, and imports as (importer, imported)."""

    modules: frozenset[str]
    imports: frozenset[tuple[str, str]]

    def children(self, package: str) -> list[str]:
        """The modules directly inside of a package."""
        return sorted(each for each in self.modules if each.rpartition(".")[0] == package)

    def has_descendants(self, module: str) -> bool:
        """Whether there are modules inside of it."""
        return any(each.startswith(f"{module}.") for each in self.modules)

    def meant(self, expression: str) -> list[str]:
        """The modules that an expression with wildcards means. Without any, it is the module itself, there or not."""
        if "*" not in expression:
            return [expression]
        pattern = wildcard(expression)
        return sorted(each for each in self.modules if pattern.fullmatch(each))

    def inside(self, packages: Iterable[str]) -> Graph:
        """The graph without the modules outside of these packages."""
        kept = frozenset(each for each in self.modules for package in packages if is_within(each, package))
        return Graph(kept, frozenset(pair for pair in self.imports if kept.issuperset(pair)))

    def without(self, ignored: Iterable[tuple[str, str]]) -> Graph:
        """The graph without some imports."""
        return Graph(self.modules, self.imports - frozenset(ignored))

    def with_alone(self, names: Iterable[str]) -> tuple[Graph, dict[str, str]]:
        """The graph in which these modules contain no others, and the names that they have now: a package is renamed
        to a module inside of itself."""
        named = {name: f"{name}.itself" if self.has_descendants(name) else name for name in names}
        parents = frozenset(name for name, now in named.items() if now != name)
        modules = frozenset(named.get(each, each) for each in self.modules) | parents
        imports = frozenset((named.get(one, one), named.get(other, other)) for one, other in self.imports)
        return Graph(modules, imports), named

    def write(self, folder: Path) -> None:
        """Writes each module as a package that imports what it imports, one import on a line.

        import-linter makes no difference between modules and packages. `remit` does: a module beside the packages of
        contexts may belong to none.
        """
        for module in self.modules:
            file = folder.joinpath(*module.split("."), "__init__.py")
            file.parent.mkdir(parents=True, exist_ok=True)
            lines = [f"import {imported}" for importer, imported in sorted(self.imports) if importer == module]
            file.write_text("\n".join([*lines, "SAID = True", ""]))


def is_within(module: str, package: str) -> bool:
    """Whether a module is the package, or inside of it."""
    return module == package or module.startswith(f"{package}.")


def is_internal(module: str, roots: Iterable[str]) -> bool:
    """Whether a module belongs to one of the packages that are checked. A root may be a part of a namespace."""
    return any(is_within(module, root) for root in roots)


def wildcard(expression: str) -> re.Pattern[str]:
    """The pattern of an expression: `*` is one module name, `**` one or more. Raises `Malformed`."""
    parts = expression.split(".")
    for one, other in zip(parts, [*parts[1:], ""], strict=True):
        if (one, other) in {("**", "*"), ("**", "**"), ("*", "**")}:
            raise Malformed(f"{expression}: wildcards follow one another")
        if "*" in one and one not in ("*", "**"):
            raise Malformed(f"{expression}: a wildcard stands for a whole name")
    names = {"*": r"[^.]+", "**": r"[^.]+(\.[^.]+)*"}
    return re.compile(r"\.".join(names.get(part, re.escape(part)) for part in parts))
