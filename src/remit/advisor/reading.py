"""Reads the points of a system from its declarations, and estimates from the code of its handlers.

Declared is what is followed, sent for later, routed, read and written. Which commands and queries a handler calls, and
which of the events that its aggregates declare it records, is found in its bytecode, without running it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from remit.advisor.guards import guards_in
from remit.advisor.points import POLLED, Basis, Followed, Interactions, Kind, Point, Publisher
from remit.contexts import COMMAND, QUERY, REACTION, TOGETHER, Context, Handler, Model, Webhook, components_of
from remit.contexts.annotations import (
    Asked,
    aggregates_of,
    asked_by,
    hints_of,
    is_kind,
    projected_by,
    projections_of,
    publishable,
    published_by,
    recorded_by,
    records_of,
    sent_later,
)
from remit.contexts.declarations import known_events, where
from remit.contexts.foreign import commands_in, path_of
from remit.contexts.mentioned import named_by
from remit.contexts.ports import CLAIMS, EVENTS, LATER, RECORDS, REPOSITORY, VIEW, owner_of
from remit.domain import Aggregate
from remit.errors import Unavailable
from remit.messages import Command, Message, Query, not_carried, records_within
from remit.messages.component import PartName

_KINDS: dict[Any, Kind] = {COMMAND: "command", QUERY: "query", REACTION: "reaction"}


def interactions_of(model: Model) -> Interactions:
    """The points of all contexts that are loaded here, and of their edges."""
    read = _Reading(model)
    for context in model.contexts:
        read.context(context)
        read.sources(context)
    read.sent_for_later()
    read.routes()
    owners = {contract.type: model.owners[message] for message, contract in model.contracts.items()}
    classes: dict[str, tuple[type[Message], ...]] = {}
    for message, contract in model.contracts.items():
        classes[contract.type] = (*classes.get(contract.type, ()), message)
    return Interactions(
        model.name,
        model.names,
        tuple(read.points.values()),
        owners,
        model.relations,
        classes,
        tuple(read.publishers()),
        tuple(read.holders()),
    )


class _Reading:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.points: dict[tuple[Kind, str], Point] = {}

    def point(self, kind: Kind, name: str, context: str, place: str, part: PartName = "write") -> Point:
        """A new point, or the one that other declarations have made: several versions, several events."""
        point = self.points.setdefault((kind, name), Point(kind, name, context, part))
        point.places[place] = None
        return point

    def name(self, message: Any) -> str | None:
        """The wire name of a message. None if no context of the system owns it."""
        contract = self.model.contracts.get(message)
        return None if contract is None else contract.type

    def publishers(self) -> Iterator[Publisher]:
        """The functions that make events for other contexts."""
        for context in self.model.contexts:
            for each in context.publishers:
                for message in filter(None, map(self.name, published_by(each.function))):
                    yield Publisher(f"{context.name}.{each.name}", context.name, message, each.place)
            for message in filter(None, map(self.name, context.outbox)):
                yield Publisher(f"outbox of {context.name}", context.name, message, "")

    def holders(self) -> Iterator[Publisher]:
        """The fields of models whose values are messages, or hold some."""
        for context in self.model.contexts:
            kept = [each for kind in (aggregates_of, records_of) for each, _ in kind(context)]
            for declared in dict.fromkeys((*kept, *projections_of(context))):
                for path, held in records_within(declared) if not_carried(declared) is None else ():
                    if message := self.name(held):
                        name = f"{model_name(context, declared)}.{path}"
                        yield Publisher(name, context.name, message, where(declared))

    # --- one context -------------------------------------------------------------------------------------------------

    def context(self, context: Context[Any]) -> None:
        together = [_Body(self, context, each) for each in context.handlers if each.role is TOGETHER]
        components = components_of(self.model, context)
        for handler in context.handlers:
            if (kind := _KINDS.get(handler.role)) is None or not handler.fits:
                continue
            message = self.name(handler.message)
            name = f"{context.name}.{handler.name}" if kind == "reaction" else message
            if name is None or message is None:
                continue
            part = components.get(name, "read" if kind == "query" else "write")
            point = self.point(kind, name, context.name, handler.place, part)
            body = _Body(self, context, handler)
            body.into(point)
            for other in together:  # it runs in the unit of work that records the event
                if self.name(other.handler.message) in point.records:
                    other.into(point)
            if kind == "reaction":
                point.follows[Followed(message, self.model.owners[handler.message])] = None
        for projection in context.projections:
            point = self.point("projection", model_name(context, projection), context.name, where(projection), "read")
            point.writes[point.name] = None
            for event in projected_by(projection):
                if message := self.name(event):
                    point.follows[Followed(message, self.model.owners[event])] = None

    def sources(self, context: Context[Any]) -> None:
        """What takes in foreign messages, and translates them into commands that it sends for later."""
        for source, handler in ((each.source, each.handler) for each in context.translations):
            name = f"{context.name}.foreign:{source.name}"
            point = self.point("foreign", name, context.name, handler.place, "acl")
            commands = commands_in(hints_of(handler.function).get("return"))
            point.later |= dict.fromkeys(filter(None, map(self.name, commands)), "declared")
            point.arrives = POLLED
            if isinstance(source, Webhook):
                point.arrives = f"POST {path_of(source, context.name)}"
                self.point("route", point.arrives, context.name, handler.place, "acl")

    def sent_for_later(self) -> None:
        """The subscriptions to commands that are sent for later. Each runs the handlers of these commands."""
        for sender in self.model.contexts:
            commands = [command for command, _ in sent_later(sender)]
            for command in [*commands, *(each for each in sender.outbox if is_kind(each, Command))]:
                message, owner = self.name(command), self.model.owner_of(command)
                if message and owner:
                    name = f"{owner}.commands"
                    point = self.point("commands", name, owner, where(command))
                    point.follows[Followed(message, sender.name)] = None
                    point.calls[message] = "declared"
                    handlers = (each for each in self.points.values() if each.kind == "command")
                    point.may_call = any(each.may_call for each in handlers if each.context == owner)

    def routes(self) -> None:
        for edge in self.model.edges:
            for route in edge.routes:
                if message := self.name(route.message):
                    point = self.point("route", f"{route.method} {route.path}", edge.context, route.declared_at, "edge")
                    point.calls[message] = "declared"
                    point.may_call = True


class _Body:
    """What one handler does."""

    def __init__(self, reading: _Reading, context: Context[Any], handler: Handler) -> None:
        self.reading = reading
        self.context = context
        self.handler = handler
        self.asked = asked_by(context, handler)
        self.aggregates = [each for each in map(_model_of, self.asked) if is_kind(each, Aggregate)]
        found = (each for each in named_by(handler.function, self.aggregates) if isinstance(each, type))
        self.named = dict.fromkeys(found)

    def into(self, point: Point) -> None:
        """Adds it to a point."""
        self._work(point)
        if any(each.injectable.calls for each in self.asked):
            point.may_call = True
            point.calls |= dict.fromkeys(self._called(), "estimate")
            for message, guarded in guards_in(self.handler.function, Unavailable).items():
                if name := self.reading.name(message):
                    point.guarded[name] = point.guarded.get(name, True) and guarded
        if self.handler.role is not QUERY:
            later = [each.subject for each in self.asked if each.injectable is LATER]
            point.later |= dict.fromkeys(filter(None, map(self.reading.name, later)), "declared")
            point.records |= self._recorded()

    def _work(self, point: Point) -> None:
        for each in self.asked:
            model = _model_of(each)
            if model is None and not each.injectable.has_sql:
                continue
            name = f"{self.context.name} tables" if model is None else model_name(self.context, model)
            point.reads[name] = None
            if each.injectable is not VIEW and self.handler.role is not QUERY:
                point.writes[name] = None

    def _called(self) -> Iterator[str]:
        later = {each.subject for each in self.asked if each.injectable is LATER}
        for message in self.named:
            if is_kind(message, Command, Query) and message not in later and (name := self.reading.name(message)):
                yield name

    def _recorded(self) -> dict[str, Basis]:
        """The events that it records, and those that are published for them."""
        found: dict[type[Message], Basis] = {}
        for aggregate in self.aggregates:
            declared = [event for each in recorded_by(aggregate) for event in known_events(each)]
            found |= dict.fromkeys((event for event in declared if event in self.named), "estimate")
        for each in self.asked:
            if each.injectable is EVENTS:
                events = publishable(each.subject)
                seen = [event for event in events if event in self.named]
                found |= dict.fromkeys(seen or events, "declared" if seen == events or not seen else "estimate")
        for event, basis in list(found.items()):
            found |= dict.fromkeys(_published_for(self.context, event), basis)
        return {name: basis for event, basis in found.items() if (name := self.reading.name(event))}


def model_name(context: Context[Any], model: type) -> str:
    """The name of an aggregate, a record or a projection of a context."""
    return f"{context.name}.{model.__name__}"


def _model_of(asked: Asked) -> Any:
    """The aggregate, record or projection that a handler asks for. None for another dependency."""
    if asked.injectable is CLAIMS:
        return owner_of(asked.subject)
    return asked.subject if asked.injectable in (REPOSITORY, RECORDS, VIEW) else None


def _published_for(context: Context[Any], event: type[Message]) -> Iterable[type[Message]]:
    for publisher in context.publishers:
        if publisher.message is event:
            yield from published_by(publisher.function)
