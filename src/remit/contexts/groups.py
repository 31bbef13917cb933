"""Groups: the reactions of a context that follow a log together, because they work on one model.

Order per key is a property of the model. Two reactions that ask for a `Repository` of the same aggregate handle the
messages of a key in one order, as if they were one reaction. The relation is transitive.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from remit.contexts.annotations import asked_by, is_kind
from remit.contexts.context import Context
from remit.contexts.declarations import REACTION
from remit.contexts.model import Model
from remit.domain import Aggregate
from remit.messages import DomainEvent


class Follows(NamedTuple):
    """A reaction or a projection, and the log that it follows."""

    name: str
    """`<context>.<name>`."""
    source: str
    """The context that owns the log."""
    private: bool
    """True if it follows domain events, False for integration events."""


class Group(NamedTuple):
    """Reactions that follow one log together. An independent reaction is a group with one member."""

    members: tuple[Follows, ...]
    """In the order of declaration. The members handle each message in this order."""
    models: tuple[type[Aggregate[Any, Any]], ...]
    """The aggregates that the members work on."""


_Models = dict[type[Aggregate[Any, Any]], None]


def groups_of(model: Model, context: Context[Any]) -> list[Group]:
    """The groups of reactions of a context.

    A reaction that follows several sources belongs to one group per source: there is no order between sources.
    """
    reactions = _reactions(model, context)
    order = list(reactions)
    groups: list[tuple[list[Follows], _Models]] = []
    for reaction, models in reactions.items():
        members, common = [reaction], dict(models)
        apart: list[tuple[list[Follows], _Models]] = []
        for others, theirs in groups:
            if others[0][1:] == reaction[1:] and not theirs.keys().isdisjoint(models):
                members, common = [*others, *members], {**theirs, **common}
            else:
                apart.append((others, theirs))
        groups = [*apart, (members, common)]
    made = [Group(tuple(sorted(members, key=order.index)), tuple(models)) for members, models in groups]
    return sorted(made, key=lambda group: order.index(group.members[0]))


def follows(model: Model, name: str, event: type[Any]) -> Follows:
    """The log by which `name` follows an event."""
    return Follows(name, model.owners[event], issubclass(event, DomainEvent))


def _reactions(model: Model, context: Context[Any]) -> dict[Follows, _Models]:
    """Each reaction, per log that it follows, with the aggregates that its function asks for."""
    found: dict[Follows, _Models] = {}
    for handler in context.handlers:
        if handler.role is REACTION and handler.fits:
            asked = (each for each in asked_by(context, handler) if each.injectable.of is Aggregate)
            models = {each.subject: None for each in asked if is_kind(each.subject, Aggregate)}
            found.setdefault(follows(model, f"{context.name}.{handler.name}", handler.message), {}).update(models)
    return found
