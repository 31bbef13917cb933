"""A relation is between two contexts of the system."""

from __future__ import annotations

from typing import Any

from remit.contexts import Context, Model
from remit.errors import Findings


def check_relations(model: Model, findings: Findings) -> None:
    for relation in model.relations:
        kind = type(relation).__name__
        for party in relation.parties:
            if not _has(model, party):
                findings.report(
                    "relation.unknown-context", f"System({model.name!r})",
                    f"{kind} names {party!r}, which is not part of the system",
                    expected=f"one of: {', '.join(model.names)}",
                    next=f"add it: System({model.name!r}, contexts=[..., {_name_of(party)}])",
                )  # fmt: skip
        if len(relation.parties) > len(set(map(_name_of, relation.parties))):
            findings.report(
                "relation.self", f"System({model.name!r})", f"{kind} relates {relation.parties[0]!r} to itself",
                expected="two contexts",
            )  # fmt: skip


def _has(model: Model, party: Context[Any] | str) -> bool:
    """Whether it is part of the system. A context that is hosted elsewhere is known by its name only."""
    return party in model.contexts or party in model.names or _name_of(party) in model.elsewhere


def _name_of(party: Context[Any] | str) -> str:
    return party if isinstance(party, str) else party.name
