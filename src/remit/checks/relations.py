"""A relation is between two different contexts of the system, and no two relations of a pair contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from remit.contexts import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    Foreign,
    Model,
    Named,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)
from remit.contexts.annotations import is_kind, name_of, sent_later
from remit.errors import Findings, nearest, one_of
from remit.messages import Command

_MUTUAL = (Partnership, SharedKernel, SeparateWays)
"""Relations that are the same in both directions."""
_ONE_OF_THEM = (
    {CustomerSupplier, Conformist, Partnership},
    {Conformist, AntiCorruptionLayer},
)
"""Relations that cannot hold between the same two contexts in the same direction. A conformist has no influence on the
model and does not translate it. Partners are not customer and supplier."""


def check_relations(model: Model, findings: Findings) -> None:
    _check_parties(model, findings)
    _check_pairs(model, findings)
    _check_separate(model, findings)


def _check_parties(model: Model, findings: Findings) -> None:
    for relation in model.relations:
        kind = type(relation).__name__
        for party in relation.parties:
            if not _has(model, party):
                near = nearest(party, model.names) if isinstance(party, str) else None
                findings.report(
                    "relation.unknown-context", f"System({model.name!r})",
                    f"{kind} names {party!r}, which is not a context of the system",
                    expected=one_of(model.names, "a context of the system, which has none"),
                    next=f"did you mean {near!r}?"
                    if near
                    else f"add it: System({model.name!r}, contexts=[..., {_name_of(party)}])",
                )  # fmt: skip
        if len(relation.parties) > len(set(relation.names)):
            findings.report(
                "relation.self", f"System({model.name!r})", f"{kind} relates {relation.parties[0]!r} to itself",
                expected="two different contexts", next="name the other context, or remove the relation",
            )  # fmt: skip


def _check_pairs(model: Model, findings: Findings) -> None:
    for one, other in combinations(model.relations, 2):
        names = other.names
        if {*one.names} != {*names}:
            continue
        kinds, same_way = {type(one), type(other)}, one.names == names
        place, between = f"System({model.name!r})", " and ".join(repr(name) for name in names)
        if len(kinds) == 1 and (same_way or issubclass(type(one), _MUTUAL)):
            findings.report(
                "relation.doubled", place, f"{type(one).__name__} of {between} is declared twice",
                expected="each relation once", next="remove one of them",
            )  # fmt: skip
        elif SeparateWays in kinds or (
            (same_way or kinds & {*_MUTUAL}) and any(kinds <= each for each in _ONE_OF_THEM)
        ):
            findings.report(
                "relation.contradiction", place,
                f"{type(one).__name__} and {type(other).__name__} of {between} cannot both hold",
                expected="one of the two", next=f"remove {type(one).__name__} or {type(other).__name__}",
            )  # fmt: skip


def _check_separate(model: Model, findings: Findings) -> None:
    for relation in model.relations:
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


def _has(model: Model, party: Named | Foreign | str) -> bool:
    """Whether the party is foreign or a context of the system. A context that is hosted elsewhere is known by name."""
    return (
        isinstance(party, Foreign)
        or party in model.contexts
        or party in model.names
        or _name_of(party) in model.elsewhere
    )


def _name_of(party: Named | Foreign | str) -> str:
    return party if isinstance(party, str) else party.name
