"""Contexts that go separate ways do not reach each other: not directly, and not through other modules."""

from __future__ import annotations

from itertools import pairwise

from remit.boundaries.code import Code, is_within
from remit.boundaries.wording import identity, imports, place
from remit.contexts import SeparateWays
from remit.errors import Findings


def check_separate(code: Code, findings: Findings) -> None:
    """Reports each import between contexts that go separate ways, and the shortest chain where there is no import."""
    touching: set[tuple[str, str]] = set()
    for contact in code.contacts:
        if code.ties.between(contact.owner, contact.context).separate:
            touching.add((contact.owner, contact.context))
            findings.report(
                "import.separate-ways", place(contact, code), f"{imports(contact)}, and their relation is SeparateWays",
                expected="no imports between contexts that have decided not to integrate",
                next="remove the import, or replace SeparateWays by another relation",
                contexts=(contact.owner, contact.context), identity=identity(contact),
            )  # fmt: skip
    for relation in code.map.relations:
        if isinstance(relation, SeparateWays):
            for one, other in (relation.names, relation.names[::-1]):
                if (one, other) not in touching:
                    _report_chain(one, other, code, findings)


def _report_chain(one: str, other: str, code: Code, findings: Findings) -> None:
    chain = _chain(one, other, code)
    if not chain:
        return
    shown = " > ".join(chain)
    line = next(code.imports[importer][imported].line for importer, imported in pairwise(chain))
    findings.report(
        "import.separate-ways", code.place(chain[0], line),
        f"context {one!r} reaches {other!r}, and their relation is SeparateWays: {shown}",
        expected="no chain of imports between contexts that have decided not to integrate",
        next="break one of these imports, or replace SeparateWays by another relation",
        contexts=(one, other), identity=f"{one} reaches {other}",
    )  # fmt: skip


def _chain(one: str, other: str, code: Code) -> tuple[str, ...]:
    """The shortest chain of imports from one context to another one. Empty if there is none."""
    packages = {name: context.packages for name in (one, other) if (context := code.map.context(name))}
    known = code.graph.modules
    chains = (
        code.graph.find_shortest_chain(importer=importer, imported=imported, as_packages=True)
        for importer in packages.get(one, ())
        for imported in packages.get(other, ())
        if importer in known and imported in known and not is_within(importer, (imported,))
        and not is_within(imported, (importer,))
    )  # fmt: skip
    return min(filter(None, chains), key=len, default=())
