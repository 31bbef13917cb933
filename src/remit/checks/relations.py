"""The context map is legal, and contexts that go separate ways do not integrate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from remit.checks.legality import judge_relations
from remit.contexts import Context, Model, Relation, SeparateWays
from remit.contexts.annotations import is_kind, name_of, sent_later
from remit.errors import Findings
from remit.messages import Command


def check_relations(model: Model, findings: Findings) -> None:
    places = {id(each): repr(context) for context in _loaded(model) for each in context.relations}
    sound = judge_relations(
        model.names, model.relations, lambda relation: places.get(id(relation), f"System({model.name!r})"), findings
    )
    _check_identity(model, sound, findings)
    _check_stated(model, sound, findings)
    _check_separate(model, sound, findings)


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
            if context.name not in own:
                findings.report(
                    "relation.not-downstream", repr(context),
                    f"{context.name!r} states {type(relation).__name__} of {' and '.join(map(repr, relation.names))}",
                    expected="relations in which the context is downstream, an equal party, or the open host",
                    next=f"move it to Context({own[0]!r}, relations=[...]), or to the System",
                )  # fmt: skip


def _check_separate(model: Model, relations: Sequence[Relation], findings: Findings) -> None:
    for relation in relations:
        if not isinstance(relation, SeparateWays):
            continue
        pair = {*relation.names}
        for taker, owner, how, place in _integrations(model):
            if taker != owner and {taker, owner} == pair:
                findings.report(
                    "relation.separate-ways", place,
                    f"context {taker!r} {how} of {owner!r}, and their relation is SeparateWays",
                    expected="no messages between contexts that have decided not to integrate",
                    next=f"remove it, or {_instead(relation, owner, taker)}",
                )  # fmt: skip


def _instead(relation: Relation, owner: str, taker: str) -> str:
    return (
        f"replace {type(relation).__name__} by another relation:"
        f" CustomerSupplier(supplier={owner!r}, customer={taker!r})"
    )


def _integrations(model: Model) -> Iterator[tuple[str, str, str, str]]:
    """Context, owner, what it does, and place: for followed events and for commands sent for later."""
    for followed in model.followed:
        if owner := model.owner_of(followed.event):
            yield followed.context.name, owner, f"follows {followed.event.__name__}", followed.place
    for context in model.contexts:
        later = [(command, handler.place) for command, handler in sent_later(context)]
        later += [(command, repr(context)) for command in context.outbox if is_kind(command, Command)]
        for command, place in later:
            if owner := model.owner_of(command):
                yield context.name, owner, f"sends {name_of(command)} for later", place
