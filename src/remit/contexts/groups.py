"""Groups: the reactions of a context that follow a log together, because they work on one model.

Order per key is a property of the model. A model is an aggregate or a record. Two reactions that may write the same
model handle the messages of a key in one order, as if they were one reaction. The relation is transitive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from remit.contexts.annotations import asked_by, is_kind
from remit.contexts.context import Context
from remit.contexts.declarations import REACTION, Handler
from remit.contexts.model import Model
from remit.contexts.ports import CLAIMS, RECORDS, REPOSITORY, owner_of
from remit.domain import Aggregate, Record
from remit.messages import DomainEvent
from remit.messages.component import PartName

ModelClass = type[Aggregate[Any, Any]] | type[Record[Any]]


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
    models: tuple[ModelClass, ...]
    """The aggregates and records that the members may write."""


_Models = dict[ModelClass, None]


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


def components_of(model: Model, context: Context[Any]) -> dict[str, PartName]:
    """The component that runs each reaction, by its full name. Reactions that follow together run in one component: in
    `write`, if one of them stands outside of the modules of anti-corruption layers."""
    found: dict[str, PartName] = {}
    for handler in context.handlers:
        if handler.role is REACTION:
            found[f"{context.name}.{handler.name}"] = model.component_of(context, handler)
    if "acl" not in found.values():
        return found
    moved = True
    while moved:
        moved = False
        for group in groups_of(model, context):
            names = {each.name for each in group.members}
            if "write" in (here := {found[name] for name in names}) and len(here) > 1:
                found |= dict.fromkeys(names, "write")
                moved = True
    return found


def follows(model: Model, name: str, event: type[Any]) -> Follows:
    """The log by which `name` follows an event."""
    return Follows(name, model.owners[event], issubclass(event, DomainEvent))


def _reactions(model: Model, context: Context[Any]) -> dict[Follows, _Models]:
    """Each reaction, per log that it follows, with the models that its function may write."""
    found: dict[Follows, _Models] = {}
    for handler in context.handlers:
        if handler.role is REACTION and handler.fits:
            models = dict.fromkeys(_models(context, handler))
            found.setdefault(follows(model, f"{context.name}.{handler.name}", handler.message), {}).update(models)
    return found


def _models(context: Context[Any], handler: Handler) -> Iterator[ModelClass]:
    """The aggregates and records that a handler may write, by its parameters."""
    for asked in asked_by(context, handler):
        if asked.injectable in (REPOSITORY, RECORDS) and is_kind(asked.subject, Aggregate, Record):
            yield asked.subject
        elif asked.injectable is CLAIMS:
            owner = owner_of(
                asked.subject
            )  # each claim writes its aggregate, and removing the aggregate gives its claims up
            if is_kind(owner, Aggregate):
                yield owner
