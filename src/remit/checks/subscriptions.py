"""No two reactions and projections of a context share a name, and none takes that of the built-in subscription.

Of two that do, only one would run: what the other one follows would never be handled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remit.contexts import PROJECTION, Context, Model, Role
from remit.contexts.annotations import projections_of
from remit.contexts.declarations import where
from remit.errors import Findings

_COMMANDS = "commands"
"""What applies the commands that were sent for later is a subscription of every context, and has this name."""


def check_subscriptions(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        named: dict[str, tuple[Role, Any]] = {}
        for role, follower in _followers(context):
            first_role, first = named.setdefault(follower.__name__, (role, follower))
            if first is follower:
                if follower.__name__ == _COMMANDS:
                    _report_reserved(context, role, follower, findings)
            elif not _is_reported(context, first_role, first, role, follower):
                _report_same_name(context, first_role, first, role, follower, findings)


def _followers(context: Context[Any]) -> Iterator[tuple[Role, Any]]:
    """Each function and class that becomes a subscription, with its role; once."""
    handlers = (handler for handler in context.handlers if handler.role.follows and handler.fits)
    yield from {handler.function: (handler.role, handler.function) for handler in handlers}.values()
    yield from ((PROJECTION, projection) for projection in dict.fromkeys(projections_of(context)))


def _is_reported(context: Context[Any], one_role: Role, one: Any, other_role: Role, other: Any) -> bool:
    """Whether other rules report the two: two projections, and two reactions to one event."""
    if one_role is other_role is PROJECTION:
        return True
    events = [
        {handler.message for handler in context.handlers if handler.function is function} for function in (one, other)
    ]
    return not events[0].isdisjoint(events[1])


def _report_same_name(
    context: Context[Any], one_role: Role, one: Any, other_role: Role, other: Any, findings: Findings
) -> None:
    findings.report(
        "subscription.same-name",
        where(other),
        f"the {one_role.name} at {where(one)} and this {other_role.name} of {context.name!r}"
        f" are both called {other.__name__}",
        expected="one name per reaction and projection of a context: progress is kept under it",
        next="rename one of them; one reaction to several events is @context.react(Event, OtherEvent)",
    )


def _report_reserved(context: Context[Any], role: Role, follower: Any, findings: Findings) -> None:
    findings.report(
        "subscription.reserved",
        where(follower),
        f"a {role.name} of {context.name!r} is called {_COMMANDS},"
        " as what applies the commands that were sent for later",
        expected=f"any other name than {_COMMANDS!r}",
        next="rename it",
    )
