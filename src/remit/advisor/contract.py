"""What must be looked at when a message changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from remit.advisor.points import Basis, Interactions, Point
from remit.contexts import AntiCorruptionLayer, OpenHost, Relation
from remit.contexts.annotations import name_of
from remit.contexts.declarations import line_of


class Use(NamedTuple):
    """One place that has to do with a message."""

    what: str
    """declares, publishes, handles, records, calls, sends for later, reacts to, projects, holds, or routes to."""
    point: str
    context: str
    place: str
    """`file:line`. Empty for an outbox."""
    basis: Basis
    relation: str = ""
    """The relations to the owner of the message that cover it. Empty in the owner's context, and without one."""


def uses_of(interactions: Interactions, message: str) -> list[Use]:
    """Everything that has to do with a message, given by its wire name: first its owner, then the other contexts."""
    owner = interactions.messages[message]
    classes = interactions.classes.get(message, ())
    found = [Use("declares", message, owner, line_of(each), "declared") for each in classes]
    publishers = (each for each in interactions.publishers if each.message == message)
    verb = "sends for later" if message in interactions.handlers else "publishes"
    found += [Use(verb, each.name, each.context, each.place, "declared") for each in publishers]
    holders = (each for each in interactions.holders if each.message == message)
    found += [Use("holds", each.name, each.context, each.place, "declared") for each in holders]
    for point in interactions.points:
        for what, basis in _ways(point, message):
            found += [Use(what, point.name, point.context, place, basis) for place in point.places]
    relation = {name: relations_for(interactions, owner, name, message) for name in {use.context for use in found}}
    found = [use if use.context == owner else use._replace(relation=relation[use.context]) for use in found]
    return sorted(found, key=lambda use: (use.context != owner, use.context))


def _ways(point: Point, message: str) -> Iterator[tuple[str, Basis]]:
    """How a point uses a message, and how that is known."""
    if point.kind in ("command", "query") and point.name == message:
        yield "handles", "declared"
    if message in point.records:
        yield "records", point.records[message]
    if message in point.calls and point.kind != "commands":
        yield ("routes to" if point.kind == "route" else "calls"), point.calls[message]
    if message in point.later:
        yield "sends for later", point.later[message]
    if point.kind != "commands" and any(each.message == message for each in point.follows):
        yield ("projects" if point.kind == "projection" else "reacts to"), "declared"


def relations_for(interactions: Interactions, owner: str, user: str, message: str) -> str:
    """The relations by which a context uses a message of another one."""
    found = [each for each in interactions.relations if _covers(each, owner, user, message)]
    return ", ".join(map(_told, found))


def _covers(relation: Relation, owner: str, user: str, message: str) -> bool:
    if isinstance(relation, OpenHost):
        return relation.names == (owner,) and _lists(relation.exposes, message)
    between = {*relation.names} == {owner, user}
    return (
        between
        and (relation.is_mutual or relation.names[0] == owner)
        and _lists(getattr(relation, "uses", None), message)
    )


def _lists(messages: Sequence[type | str] | None, message: str) -> bool:
    """Whether a list of messages, or of their names, has this one. None stands for all."""
    if messages is None:
        return True
    names = [each if isinstance(each, str) else name_of(each) for each in messages]
    return message in names or message.partition(".")[2] in names


def _told(relation: Relation) -> str:
    kind = type(relation).__name__
    is_layer = isinstance(relation, AntiCorruptionLayer) and relation.module
    return f"{kind} in {relation.module}" if is_layer and isinstance(relation, AntiCorruptionLayer) else kind
