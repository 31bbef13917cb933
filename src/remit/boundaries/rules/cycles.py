"""Contexts depend on each other in one direction. Only partners use each other."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from remit.boundaries.code import Code, Contact
from remit.boundaries.wording import place
from remit.errors import Findings


def check_cycles(code: Code, findings: Findings) -> None:
    """Reports a shortest cycle of imports between contexts through each context that no reported cycle has.

    What a guest of an open host imports is in no cycle: the host does not depend on its guests.
    """
    edges: dict[str, dict[str, Contact]] = {}
    for contact in code.contacts:
        tie = code.ties.between(contact.owner, contact.context)
        if not tie.partner and not tie.guest:
            edges.setdefault(contact.owner, {}).setdefault(contact.context, contact)
    told: set[str] = set()
    for context in sorted(edges):
        cycle = [] if context in told else _cycle(context, edges)
        if cycle:
            told.update(cycle)
            first = edges[cycle[0]][cycle[1]]
            links = [f"{one} > {other} at {place(edges[one][other], code)}" for one, other in pairwise(cycle)]
            findings.report(
                "import.cycle", place(first, code), f"contexts import each other: {'; '.join(links)}",
                expected="imports in one direction, or a Partnership",
                next="replace one direction by an event, or declare a Partnership of two that belong together",
                contexts=(*cycle[:-1],), identity=" > ".join(cycle),
            )  # fmt: skip


def _cycle(context: str, edges: Mapping[str, Mapping[str, Contact]]) -> list[str]:
    """A shortest way from a context back to it. Empty if there is none."""
    before: dict[str, str] = {}
    waiting = [context]
    for each in waiting:  # grows meanwhile
        for other in sorted(edges.get(each, {})):
            if other == context:
                way = [context, each]
                while way[-1] != context:
                    way.append(before[way[-1]])
                return way[::-1]
            if other not in before:
                before[other] = each
                waiting.append(other)
    return []
