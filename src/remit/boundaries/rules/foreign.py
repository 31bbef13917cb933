"""What is outside is reached through an anti-corruption layer only."""

from __future__ import annotations

from collections.abc import Iterator

from remit.boundaries.code import Code, is_within
from remit.boundaries.codemap import Outside
from remit.boundaries.facts import Use
from remit.contexts import AntiCorruptionLayer, Foreign
from remit.errors import Findings


def check_foreign(code: Code, findings: Findings) -> None:
    """Reports imports of outside packages by modules that are no translation of them."""
    for outside in code.map.foreign:
        layers = _layers(outside, code)
        for importer, use, package in imports_of(outside, code):
            owner = code.owner_of(importer)
            if owner is None or is_within(importer, layers.get(owner, ())):
                continue
            if owner in layers and "" in layers[owner]:
                continue
            module = " or ".join(layers.get(owner, ()))
            findings.report(
                "import.foreign", code.place(importer, use.line),
                f"context {owner!r} imports {package} in {importer}, and reaches {outside.name!r} without its"
                " anti-corruption layer",
                expected=f"{package} in {module} only" if module else f"a layer between {outside.name!r} and {owner!r}",
                next=f"let {module} translate it, and import the translation" if module
                else f"ask the context that has the layer, or declare AntiCorruptionLayer(upstream="
                f"Foreign({outside.name!r}), downstream={owner!r}, module=...)",
                contexts=(owner,),
            )  # fmt: skip


def _layers(outside: Outside, code: Code) -> dict[str, tuple[str, ...]]:
    """The modules that translate what is outside, by context. An empty name stands for all modules of the context."""
    found: dict[str, tuple[str, ...]] = {}
    for relation in code.map.relations:
        if isinstance(relation, AntiCorruptionLayer) and isinstance(relation.upstream, Foreign):
            upstream, downstream = relation.names
            if upstream == outside.name:
                found[downstream] = (*found.get(downstream, ()), relation.module)
    return found


def imports_of(outside: Outside, code: Code) -> Iterator[tuple[str, Use, str]]:
    """The modules that import a package with which code reaches what is outside, each package once per module."""
    seen: set[tuple[str, str]] = set()
    for package in outside.imported:
        for importer, use, target in code.outside.get(package.partition(".")[0], ()):
            if (importer, package) not in seen and is_within(target, (package,)):
                seen.add((importer, package))
                yield importer, use, package
