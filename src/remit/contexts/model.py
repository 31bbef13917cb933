"""The model: the context map and everything derived from it. The code that runs, places and shows a system reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from remit.contexts.annotations import (
    aggregates_of,
    announced_by,
    events_named,
    is_kind,
    projected_by,
    published_by,
    recorded_by,
    sent_later,
)
from remit.contexts.context import Context
from remit.contexts.declarations import PROJECTION, REACTION, Handler, Role, known_events, where
from remit.contexts.homes import Home, homes_of
from remit.contexts.map import ContextMap
from remit.contexts.relations import AntiCorruptionLayer, Foreign
from remit.domain import Projection
from remit.messages import (
    Command,
    Contract,
    DomainEvent,
    IntegrationEvent,
    Message,
    Query,
    contract_of,
    declared_context,
)
from remit.messages.component import PartName


class OwnershipClaim(NamedTuple):
    """A declaration by which a context uses a message as only the owner of the message may."""

    context: str
    message: type[Message]
    place: str


def owners_of(contexts: Sequence[Context[Any]]) -> dict[type[Message], str]:
    """The owner of each message that a declaration names: the context that the module of the message names, else the
    context that handles, publishes, records or folds it. If several contexts do so, the first one is the owner."""
    owners: dict[type[Message], str] = {}
    for claim in (claim for context in contexts for claim in ownership_claims_of(context)):
        owners.setdefault(claim.message, declared_context(claim.message) or claim.context)
    for message in (message for context in contexts for message in _used(context)):
        if is_kind(message, Message) and (named := declared_context(message)):
            owners.setdefault(message, named)
    return owners


def ownership_claims_of(context: Context[Any]) -> Iterator[OwnershipClaim]:
    """All claims of a context to own messages, in the order of its declarations."""
    for handler in context.handlers:
        if is_kind(handler.message, Command, Query, DomainEvent):
            yield OwnershipClaim(context.name, handler.message, handler.place)
    for publisher in context.publishers:
        place = publisher.place
        yield from _claim(context, [publisher.message] if publisher.fits else [], place)
        yield from _claim(context, published_by(publisher.function), place)
    for aggregate, _ in aggregates_of(context):
        yield from _claim(context, recorded_by(aggregate), where(aggregate))
    for event, handler in announced_by(context):
        yield OwnershipClaim(context.name, event, handler.place)
    for projection in context.projections:
        own = [event for event in projected_by(projection) if is_kind(event, DomainEvent)]
        yield from _claim(context, own, where(projection))
    yield from _claim(context, [event for event in context.outbox if is_kind(event, IntegrationEvent)], repr(context))


def _used(context: Context[Any]) -> Iterator[Any]:
    """Every message that a context reacts to, folds or sends for later, whichever context owns it."""
    yield from (handler.message for handler in context.handlers)
    yield from (event for projection in context.projections for event in projected_by(projection))
    yield from (command for command, _ in sent_later(context))
    yield from context.outbox


def _claim(context: Context[Any], messages: Iterable[type[Message]], place: str) -> Iterator[OwnershipClaim]:
    for message in messages:
        yield OwnershipClaim(context.name, message, place)


class Followed(NamedTuple):
    """An event that a context follows."""

    context: Context[Any]
    role: Role
    event: type[Message]
    follower: Any
    """The function of the reaction, or the class of the projection."""
    named: type[Message] | None = None
    """The base class that the declaration names, if the event is one of its subclasses."""

    @property
    def place(self) -> str:
        return where(self.follower)


@dataclass(frozen=True, eq=False, kw_only=True)
class Model(ContextMap):
    """The declarations of a system at one moment. `remit.checks` makes models that are consistent."""

    owners: Mapping[type[Message], str]
    """The owner of each message that a declaration names."""
    contracts: Mapping[type[Message], Contract]
    """The wire name and version of each of these messages."""
    followed: tuple[Followed, ...]
    """The events that reactions and projections follow."""
    homes: tuple[Home, ...]
    """The loaded modules that belong to the contexts known here."""

    def owner_of(self, message: Any) -> str | None:
        """The owner of a message, even if no declaration names the message. None if the owner is unknown."""
        return self.owners.get(message) or (declared_context(message) if is_kind(message, Message) else None)

    def component_of(self, context: Context[Any], handler: Handler) -> PartName:
        """The component that runs a handler: that of its role. A reaction in the module of an anti-corruption layer of
        the context runs in `acl`."""
        if handler.role is REACTION and is_within(handler.function.__module__, self.layers_of(context.name)):
            return "acl"
        return handler.role.component

    def layers_of(self, context: str, *, foreign: bool = False) -> frozenset[str]:
        """The modules of the anti-corruption layers of a context; with `foreign`, only of those towards something that
        is no context."""
        layers = [each for each in self.relations if isinstance(each, AntiCorruptionLayer) and each.module]
        if foreign:
            layers = [each for each in layers if isinstance(each.upstream, Foreign)]
        return frozenset(each.module for each in layers if each.names[-1] == context)


def is_within(module: str, packages: Collection[str]) -> bool:
    """Whether a module is one of these, or in one of these."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def derive(declared: ContextMap) -> Model:
    """The model of a context map, whether it is consistent or not."""
    owners = owners_of((*declared.contexts, *declared.beside))
    for edge in declared.edges:
        for message in (route.message for route in edge.routes if is_kind(route.message, Command, Query)):
            owners.setdefault(message, declared_context(message) or edge.context)
    contracts = {message: contract_of(message, owner) for message, owner in owners.items()}
    return Model(
        **vars(declared),
        owners=MappingProxyType(owners),
        contracts=MappingProxyType(contracts),
        followed=tuple(each for context in declared.contexts for each in _followed(context)),
        homes=tuple(homes_of(declared)),
    )


def _followed(context: Context[Any]) -> Iterator[Followed]:
    for handler in context.handlers:
        if handler.role.follows and handler.fits:
            yield Followed(context, handler.role, handler.message, handler.function, handler.named)
    for projection in context.projections:
        named = {event: each for each in events_named(projection, Projection) for event in _inheriting(each)}
        for event in projected_by(projection):
            yield Followed(context, PROJECTION, event, projection, named.get(event))


def _inheriting(event: Any) -> list[type[Message]]:
    """The events for which a base class stands. Empty for an event without subclasses."""
    events = known_events(event) if is_kind(event, Message) else []
    return events if len(events) > 1 else []
