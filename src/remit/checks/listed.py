"""What a relation lists, the upstream has and publishes, and an open host has something to serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from remit.checks.legality import places_in, sound_relations
from remit.contexts import AntiCorruptionLayer, Conformist, Model, OpenHost, Partnership, Relation
from remit.contexts.annotations import is_kind
from remit.contexts.coverage import is_listed, is_named
from remit.errors import Findings, nearest, one_of
from remit.messages import Command, IntegrationEvent, Message, Query

_Owned = Mapping[str, Sequence[type[Message]]]


def check_listed(model: Model, findings: Findings) -> None:
    relations, place = sound_relations(model.relations), places_in(model)
    owned = _owned(model)
    exposed = {each.names[0]: each.exposes for each in relations if isinstance(each, OpenHost)}
    for relation in relations:
        owners, listed = _listed(relation)
        if not all(owner in owned for owner in owners):
            continue  # its declarations are not loaded here, or another rule reports it
        told, at = f"{type(relation).__name__} of {' and '.join(map(repr, relation.names))}", place(relation)
        if isinstance(relation, OpenHost) and listed is None and not any(map(_is_public, owned[owners[0]])):
            findings.report(
                "relation.nothing-exposed", at, f"{owners[0]!r} is an open host without a published language",
                expected="a command or query that it handles, or an integration event that it publishes",
                next="declare one, or remove OpenHost",
            )  # fmt: skip
        for entry in listed or ():
            messages = _meant(model, owned, owners, entry)
            if not _is_had(messages, entry, owned, owners, f"{told} lists {_shown(entry)}", at, findings):
                continue
            limit = exposed.get(owners[0]) if isinstance(relation, (Conformist, AntiCorruptionLayer)) else None
            if limit is not None and not any(is_listed(each, owners[0], limit) for each in messages):
                findings.report(
                    "relation.not-exposed", at,
                    f"{told} lists {_shown(entry)}, which the open host {owners[0]!r} does not expose",
                    expected=f"one of the messages that it exposes: {', '.join(map(_shown, limit))}",
                    next=f"OpenHost({owners[0]!r}, exposes=[..., {_shown(entry)}]), or do not use it",
                )  # fmt: skip


def _is_had(
    messages: Sequence[type[Message]],
    entry: Any,
    owned: _Owned,
    owners: Sequence[str],
    told: str,
    at: str,
    findings: Findings,
) -> bool:
    """Whether the owners have messages for an entry, and publish one of them."""
    if any(map(_is_public, messages)):
        return True
    of = " or ".join(map(repr, owners))
    public = sorted({each.__name__ for owner in owners for each in owned[owner] if _is_public(each)})
    near = nearest(_shown(entry), public)
    findings.report(
        "relation.not-published" if messages else "relation.unknown-message", at,
        f"{told}, which is private to {of}" if messages else f"{told}, which is no message of {of}",
        expected=one_of(public, f"a message that {of} publishes, and it publishes none"),
        next=f"did you mean {near}?" if near else "list one of them, or remove it",
    )  # fmt: skip
    return False


def _owned(model: Model) -> _Owned:
    """The messages of each context whose declarations are loaded here."""
    owned: dict[str, list[type[Message]]] = {each.name: [] for each in (*model.contexts, *model.beside)}
    for message, owner in model.owners.items():
        if owner in owned:
            owned[owner].append(message)
    return owned


def _listed(relation: Relation) -> tuple[Sequence[str], Sequence[Any] | None]:
    """The contexts whose messages a relation lists, and what it lists."""
    if isinstance(relation, OpenHost):
        return relation.names, relation.exposes
    if isinstance(relation, Partnership):
        return relation.names, relation.uses
    return relation.names[:1], getattr(relation, "uses", None)


def _meant(model: Model, owned: _Owned, owners: Sequence[str], entry: Any) -> list[type[Message]]:
    """The messages of these contexts for which an entry stands."""
    found = [each for owner in owners for each in owned[owner] if is_named(each, owner, entry)]
    if not found and is_kind(entry, Message) and model.owner_of(entry) in owners:
        return [entry]  # no declaration names it
    return found


def _is_public(message: type[Message]) -> bool:
    return is_kind(message, Command, Query, IntegrationEvent)


def _shown(entry: Any) -> str:
    return entry if isinstance(entry, str) else str(entry.__name__)
