"""An event-sourced aggregate names its events, begins with defaults, and defines a plain `evolve`."""

from __future__ import annotations

import inspect
from typing import Any

from remit.contexts import Model
from remit.contexts.annotations import events_named, is_kind, name_of, sourced_of
from remit.contexts.declarations import where
from remit.domain import Aggregate, EventSourced, needed_fields
from remit.errors import Findings
from remit.messages import DomainEvent


def check_sourced(model: Model, findings: Findings) -> None:
    for aggregate in dict.fromkeys(each for context in model.contexts for each in sourced_of(context)):
        _check_defaults(aggregate, findings)
        _check_events(aggregate, findings)
        _check_evolve(aggregate, findings)


def _check_defaults(aggregate: type[EventSourced[Any, Any]], findings: Findings) -> None:
    if without := [field for field in needed_fields(aggregate) if field != "id"]:
        findings.report(
            "aggregate.defaults", where(aggregate),
            f"{aggregate.__name__} is event-sourced and has fields without a default: {', '.join(without)}",
            expected="a default for every field but id: together they are the state before the first event",
            next=f"{without[0]}: ... = field(default_factory=...)",
        )  # fmt: skip


def _check_events(aggregate: type[EventSourced[Any, Any]], findings: Findings) -> None:
    events = [each for each in events_named(aggregate, Aggregate) if each is not Any]
    strange = [each for each in events if not is_kind(each, DomainEvent) or each is DomainEvent]
    if strange or not events:
        found = ", ".join(map(name_of, strange)) or "none"
        findings.report(
            "aggregate.events", where(aggregate),
            f"{aggregate.__name__} is event-sourced and names other than its domain events: {found}",
            expected="the type of the identity, and the classes of its domain events",
            next=f"class {aggregate.__name__}(EventSourced[Id, Event | OtherEvent])",
        )  # fmt: skip


def _check_evolve(aggregate: Any, findings: Findings) -> None:
    evolve, missing = aggregate.evolve, getattr(EventSourced, "evolve", None)
    what = "has no `evolve`" if evolve is missing else "has an async `evolve`"
    if evolve is missing or inspect.iscoroutinefunction(evolve) or inspect.isasyncgenfunction(evolve):
        findings.report(
            "aggregate.evolve", where(aggregate), f"{aggregate.__name__} is event-sourced and {what}",
            expected="a plain method that changes fields, and waits for nothing",
            next="def evolve(self, event: ...) -> None",
        )  # fmt: skip
