"""A model belongs to one context: nearly the same class in several contexts is one model that is kept in two places."""

from __future__ import annotations

from itertools import combinations

from remit.boundaries.code import Code
from remit.boundaries.facts import Facts, Model
from remit.errors import Findings

_FIELDS = 3
"""The fewest fields of a class that is compared. Small classes are alike by chance."""
_ALIKE = 0.7
"""The least part of the fields of both classes together that both have."""


def note_spread(code: Code, findings: Findings) -> None:
    """Notes classes of the same name with nearly the same fields in several contexts, each pair of contexts once."""
    named: dict[str, list[tuple[str, Facts, Model]]] = {}
    for facts in code.read:
        context = code.owner_of(facts.module)
        for model in facts.models if context is not None else ():
            if len(model.fields) >= _FIELDS:
                named.setdefault(model.name, []).append((context or "", facts, model))
    for name, found in named.items():
        told: set[frozenset[str]] = set()
        for (one, _, first), (other, facts, second) in combinations(found, 2):
            pair = frozenset((one, other))
            both, all_fields = {*first.fields} & {*second.fields}, {*first.fields} | {*second.fields}
            if one == other or pair in told or len(both) < _ALIKE * len(all_fields):
                continue
            told.add(pair)
            findings.note(
                "model.spread", f"{facts.path}:{second.line}",
                f"contexts {one!r} and {other!r} both have a class {name} with {', '.join(sorted(both))}",
                expected="one context that owns the model",
                next=f"let one of them own {name}; what the other needs of it comes by a query or an event",
            )  # fmt: skip
