"""Which reactions of a context follow together: those that work on one model, which has to see one order.

Order per key is a property of the model. Two reactions that may write the same model see the messages of a key in one
order, as if they were one reaction. So do two that are related by a third one. A model is an aggregate or a record.
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

ModelClass = type[Aggregate[Any, Any]] | type[Record[Any]]


class Follows(NamedTuple):
    """A reaction or a projection, and the log that it follows."""

    name: str
    """`<context>.<name>`."""
    source: str
    """The context whose log it is."""
    private: bool
    """Whether it follows domain events; otherwise integration events."""


class Group(NamedTuple):
    """Reactions that follow one log together. A reaction that is independent is a group of its own."""

    members: tuple[Follows, ...]
    """In the order of their declarations, which is the order in which they see a message."""
    models: tuple[ModelClass, ...]
    """The aggregates and records that they may write."""


_Models = dict[ModelClass, None]


def groups_of(model: Model, context: Context[Any]) -> list[Group]:
    """The groups of a context's reactions.

    A reaction that follows several sources belongs to a group for each of them: order between sources is not promised.
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
    """By which log something of this name follows an event."""
    return Follows(name, model.owners[event], issubclass(event, DomainEvent))


def _reactions(model: Model, context: Context[Any]) -> dict[Follows, _Models]:
    """Every reaction with the models that its function may write, by the log that it follows."""
    found: dict[Follows, _Models] = {}
    for handler in context.handlers:
        if handler.role is REACTION and handler.fits:
            models = dict.fromkeys(_models(context, handler))
            found.setdefault(follows(model, f"{context.name}.{handler.name}", handler.message), {}).update(models)
    return found


def _models(context: Context[Any], handler: Handler) -> Iterator[ModelClass]:
    """The aggregates and records that a handler may write by what it asks for."""
    for asked in asked_by(context, handler):
        if asked.injectable in (REPOSITORY, RECORDS) and is_kind(asked.subject, Aggregate, Record):
            yield asked.subject
        elif asked.injectable is CLAIMS:
            owner = owner_of(asked.subject)  # is written with each of its claims, and gives them up when it is removed
            if is_kind(owner, Aggregate):
                yield owner
