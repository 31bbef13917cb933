"""The context map is legal, and each context states only relations in which it is downstream or an equal party."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.checks.legality import each_once, judge_relations, places_in, sound_relations
from remit.contexts import Context, Model, OpenHost, Relation
from remit.errors import Findings


def check_relations(model: Model, findings: Findings) -> None:
    judge_relations(model.names, [*each_once(model)], places_in(model), findings)
    sound = sound_relations(model.relations)
    _check_identity(model, sound, findings)
    _check_stated(model, sound, findings)


def _loaded(model: Model) -> tuple[Context[Any], ...]:
    return (*model.contexts, *model.beside)


def _check_identity(model: Model, relations: Sequence[Relation], findings: Findings) -> None:
    """A party that is given as a context is the context of that name in the system."""
    known: dict[str, list[Context[Any]]] = {}
    for context in _loaded(model):
        known.setdefault(context.name, []).append(context)
    for relation in relations:
        parties: list[Context[Any]] = [each for each in relation.parties if isinstance(each, Context)]
        for party in parties:
            others = known.get(party.name, [])
            if others and all(each is not party for each in others):
                findings.report(
                    "relation.unknown-context", f"System({model.name!r})",
                    f"{type(relation).__name__} names {party!r}, which is not the context of that name in the system",
                    expected=f"{party!r} as the system has it", next=f"name it: {party.name!r}",
                )  # fmt: skip


def _check_stated(model: Model, relations: Sequence[Relation], findings: Findings) -> None:
    """A context states what it uses, and never who uses it: so a new consumer changes nothing at its publisher."""
    sound = {id(each) for each in relations}
    for context in _loaded(model):
        for relation in (each for each in context.relations if id(each) in sound):
            own = relation.names if relation.direction is None else relation.direction[1:]
            if isinstance(relation, OpenHost) or context.name not in own:
                there = f"Context({own[0]!r}, relations=[...]), or to " if relation.direction else ""
                findings.report(
                    "relation.not-downstream", repr(context),
                    f"{context.name!r} states {type(relation).__name__} of {' and '.join(map(repr, relation.names))}",
                    expected="relations in which the context is downstream or an equal party",
                    next=f"move it to {there}System(..., relations=[...])",
                )  # fmt: skip
