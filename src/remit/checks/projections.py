"""A projection belongs to one context, names its key and events, and defines `key` and `evolve`."""

from __future__ import annotations

from typing import Any

from remit.contexts import PROJECTION, Model
from remit.contexts.annotations import events_named, is_kind
from remit.contexts.declarations import where
from remit.domain import Projection, needed_fields
from remit.errors import Findings


def check_projections(model: Model, findings: Findings) -> None:
    owners: dict[type, str] = {}
    for context in model.contexts:
        for projection in context.projections:
            if not is_kind(projection, Projection):
                findings.report(
                    "projection.kind",
                    where(projection),
                    f"{projection!r} is not a Projection",
                    expected="a subclass of Projection",
                    next="class <Name>(Projection[<key>, <Event>])",
                )
                continue
            if projection in owners:
                findings.report(
                    "projection.doubled", where(projection),
                    f"{projection.__name__} is declared by {owners[projection]!r} and again by {context.name!r}",
                    expected="one declaration: @context.project", next="remove one of them",
                )  # fmt: skip
                continue
            owners[projection] = context.name
            _check_projection(projection, findings)


def _check_projection(projection: type[Projection[Any, Any]], findings: Findings) -> None:
    name, place = projection.__name__, where(projection)
    if without := needed_fields(projection):
        findings.report(
            "projection.defaults", place, f"{name} has fields without a default: {', '.join(without)}",
            expected="a default for every field, because a new document has these values",
            next=f"{without[0]}: ... = field(default_factory=...)",
        )  # fmt: skip
    events = events_named(projection, Projection)
    strange = [event for event in events if not is_kind(event, *PROJECTION.kinds)]
    if strange or not events:
        findings.report(
            "projection.events", place,
            f"{name} is not folded from events: {', '.join(map(str, strange)) or 'it names none'}",
            expected="the type of the key, and the classes of the events",
            next=f"class {name}(Projection[Key, Event | OtherEvent])",
        )  # fmt: skip
    for function in ("key", "evolve"):
        if getattr(projection, function) is getattr(Projection, function):
            findings.report(
                "projection.incomplete",
                place,
                f"{name} has no `{function}`",
                expected=f"a function `{function}`",
                next="def evolve(self, event: ...) -> None, and a static method key(event: ...) -> <key>",
            )
