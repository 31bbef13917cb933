"""The names of a context's subscriptions: each has one of its own, because its progress is kept under it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remit.contexts.annotations import is_kind
from remit.contexts.context import Context
from remit.contexts.declarations import where
from remit.domain import Projection
from remit.findings import Findings
from remit.messages import DomainEvent, IntegrationEvent

__all__ = ["check_subscriptions"]

_COMMANDS = "commands"
"""What applies the commands that were sent for later is a subscription of every context, and has this name."""


def check_subscriptions(context: Context[Any], findings: Findings) -> None:
    """No two reactions and projections share a name, and none takes that of the built-in subscription.

    Of two that do, only one would run: what the other one follows would never be handled. Not for two reactions to one
    event and for two projections: other checks report these.
    """
    named: dict[str, tuple[str, Any]] = {}
    for kind, follower in _followers(context):
        name = follower.__name__
        first_kind, first = named.setdefault(name, (kind, follower))
        if first is follower:
            if name == _COMMANDS:
                _report_reserved(context, kind, follower, findings)
        elif (kind, first_kind) != ("projection", "projection") and not _share_an_event(context, first, follower):
            findings.report(
                "subscription.same-name",
                where(follower),
                f"the {first_kind} at {where(first)} and this {kind} of {context.name!r} are both called {name}",
                expected="one name per reaction and projection of a context: progress is kept under it",
                next="rename one of them; one reaction to several events is @context.react(Event, OtherEvent)",
            )


def _followers(context: Context[Any]) -> Iterator[tuple[str, Any]]:
    """Each function and class that becomes a subscription, with what it is called in a sentence; once."""
    functions = dict.fromkeys(
        handler.function
        for handler in context.handlers
        if handler.role == "reaction" and is_kind(handler.message, DomainEvent, IntegrationEvent)
    )
    yield from (("reaction", function) for function in functions)
    kept = dict.fromkeys(context.projections)
    yield from (("projection", projection) for projection in kept if is_kind(projection, Projection))


def _share_an_event(context: Context[Any], one: Any, other: Any) -> bool:
    """Whether two reactions are to one event."""
    events = [
        {handler.message for handler in context.handlers if handler.function is function} for function in (one, other)
    ]
    return not events[0].isdisjoint(events[1])


def _report_reserved(context: Context[Any], kind: str, follower: Any, findings: Findings) -> None:
    findings.report(
        "subscription.reserved",
        where(follower),
        f"a {kind} of {context.name!r} is called {_COMMANDS}, as what applies the commands that were sent for later",
        expected=f"any other name than {_COMMANDS!r}",
        next="rename it",
    )
