"""What the map describes is there, once: packages, published and pure modules, translations, kernels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from remit.boundaries.code import Code
from remit.boundaries.codemap import CodeContext
from remit.contexts import AntiCorruptionLayer, SharedKernel
from remit.errors import Findings, nearest

_GUESSED = 10
"""The most unknown modules for which a similar one is looked for, which takes long."""


def check_any(code: Code, findings: Findings) -> None:
    """Reports a map without contexts: no code is held to it."""
    if not code.map.contexts:
        findings.report(
            "map.incomplete", code.map.where or code.map.name, "the map describes no context, so nothing is checked",
            expected='[contexts.NAME] with packages = ["..."]',
            next="remit check --propose . prints a map of the packages that are there",
        )  # fmt: skip


def check_described(code: Code, findings: Findings) -> None:
    """Reports each module that the map names and that does not exist, and packages and schemas that two contexts
    claim."""
    unknown = 0
    for where, of, module in _named(code):
        if module not in code.modules:
            near = nearest(module, code.modules.facts) if unknown < _GUESSED else None
            unknown += 1
            findings.report(
                "map.unknown-module", where, f"{of} names {module}, which is no module of the code base",
                expected="a package or module in the roots: " + ", ".join(map(str, code.map.roots)),
                next=f"did you mean {near}?" if near else "correct the name, or add its folder to roots",
            )  # fmt: skip
    packages = ((context, package) for context in code.map.contexts for package in context.packages)
    _check_claims(packages, "package", "split the package, or leave it to one of them", code, findings)
    schemas = ((context, context.schema.lower()) for context in code.map.contexts if context.schema)
    next = "list the tables of each of them, and leave the schema to one, or out"
    _check_claims(schemas, "schema", next, code, findings)


def _check_claims(
    claims: Iterable[tuple[CodeContext, str]], what: str, next: str, code: Code, findings: Findings
) -> None:
    """Reports what two contexts claim as their own."""
    claimed: dict[str, str] = {}
    for context, name in claims:
        if claimed.setdefault(name, context.name) != context.name:
            findings.report(
                "map.claimed-twice", context.where or code.map.where,
                f"contexts {claimed[name]!r} and {context.name!r} both claim the {what} {name}",
                expected=f"each {what} in one context", next=next,
            )  # fmt: skip


def _named(code: Code) -> Iterator[tuple[str, str, str]]:
    """Each module that the map names: the place, what names it, and the module."""
    for context in code.map.contexts:
        modules: Iterable[str] = (*context.packages, *(context.published or ()), *(context.pure or ()))
        for module in dict.fromkeys(modules):
            yield context.where or code.map.where, f"context {context.name!r}", module
    for relation in code.map.relations:
        if isinstance(relation, AntiCorruptionLayer | SharedKernel):
            module = relation.module if isinstance(relation, AntiCorruptionLayer) else relation.package
            if module:
                yield code.map.place_of(relation), type(relation).__name__, module
