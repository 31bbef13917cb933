"""Notes an event that is recorded or published and that nothing in this system follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remit.contexts import Context, Model
from remit.contexts.annotations import aggregates_of, announced_by, is_kind, published_by, recorded_by, sourced_of
from remit.contexts.declarations import line_of
from remit.errors import Findings
from remit.messages import IntegrationEvent, Message


def check_unfollowed(model: Model, findings: Findings) -> None:
    followed = [each.event for each in model.followed]
    followed += [event for context in model.contexts for each in sourced_of(context) for event in recorded_by(each)]
    followed += [bound.message for context in model.contexts for bound in context.functions if bound.fits]
    told: set[type[Message]] = set()
    for context in model.contexts:
        for event, how in _made(context):
            public = is_kind(event, IntegrationEvent)
            if event in told or _is_followed(event, followed) or (public and model.elsewhere):
                continue
            told.add(event)
            whose = "any context" if public else f"@{context.name}"
            findings.note(
                "event.unfollowed", line_of(event), f"{event.__name__} is {how}, and nothing follows it",
                expected="a reaction, a projection, or a publisher" if not public else "a reaction or a projection",
                next=f"{whose}.react({event.__name__}), or nothing if another system reads it",
            )  # fmt: skip


def _is_followed(event: type[Message], followed: list[type[Message]]) -> bool:
    """Whether the event, a base or a subclass of it is followed. A base class stands for all its subclasses."""
    return is_kind(event, *followed) or any(is_kind(each, event) for each in followed)


def _made(context: Context[Any]) -> Iterator[tuple[type[Message], str]]:
    """Each event of a context, and how it is made."""
    for aggregate, _ in aggregates_of(context):
        for event in recorded_by(aggregate):
            yield event, f"recorded by {aggregate.__name__}"
    for event, handler in announced_by(context):
        yield event, f"published by {handler.name} ({handler.place})"
    for publisher in context.publishers:
        for event in published_by(publisher.function):
            yield event, f"published by {publisher.name} ({publisher.place})"
    for event in context.outbox:
        if is_kind(event, IntegrationEvent):
            yield event, f"in the outbox of {context!r}"
