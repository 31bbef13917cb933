"""An event that is recorded or published is followed by somebody, or it is noted: somebody may do so elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remit.contexts import Context, Model
from remit.contexts.annotations import aggregates_of, announced_by, is_kind, published_by, recorded_by
from remit.contexts.declarations import line_of
from remit.errors import Findings
from remit.messages import IntegrationEvent, Message


def check_unfollowed(model: Model, findings: Findings) -> None:
    followed = [each.event for each in model.followed]
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
                "event.unfollowed", line_of(event), f"{event.__name__} is {how}, and nobody follows it",
                expected="a reaction, a projection, or a publisher" if not public else "a reaction or a projection",
                next=f"{whose}.react({event.__name__}), or nothing where others than this system read it",
            )  # fmt: skip


def _is_followed(event: type[Message], followed: list[type[Message]]) -> bool:
    """A class that others inherit from stands for all of them, where it is recorded and where it is followed."""
    return is_kind(event, *followed) or any(is_kind(each, event) for each in followed)


def _made(context: Context[Any]) -> Iterator[tuple[type[Message], str]]:
    """Each event of a context, and what is done with it."""
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
