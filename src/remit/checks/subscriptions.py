"""No two reactions and projections of a context share a name, and none takes that of the built-in subscription.

Of two that do, only one would run: what the other one follows would never be handled.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from remit.contexts import PROJECTION, Context, Model, Role
from remit.contexts.annotations import projections_of
from remit.contexts.declarations import where
from remit.errors import Findings

_COMMANDS = "commands"
"""What applies the commands that were sent for later is a subscription of every context, and has this name."""


def check_subscriptions(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        _check_begins(context, findings)
        named: dict[str, tuple[Role, Any]] = {}
        for role, follower in _followers(context):
            name, place = follower.__name__, where(follower)
            first_role, first = named.setdefault(name, (role, follower))
            if first is follower and name == _COMMANDS:
                findings.report(
                    "subscription.reserved", place,
                    f"a {role.name} of {context.name!r} is called {name},"
                    " as what applies the commands that were sent for later",
                    expected=f"any other name than {name!r}", next="rename it",
                )  # fmt: skip
            elif first is not follower and not _are_reported(context, (first_role, role), (first, follower)):
                findings.report(
                    "subscription.same-name", place,
                    f"the {first_role.name} at {where(first)} and this {role.name} of {context.name!r}"
                    f" are both called {name}",
                    expected="one name per reaction and projection of a context: progress is kept under it",
                    next="rename one of them; one reaction to several events is @context.react(Event, OtherEvent)",
                )  # fmt: skip


def _check_begins(context: Context[Any], findings: Findings) -> None:
    declared: dict[Any, Any] = {each.function: each.begins for each in context.bound if each.begins is not None}
    for follower, begins in (declared | context.begins).items():
        if begins != "now" and (not isinstance(begins, datetime) or begins.tzinfo is None):
            findings.report(
                "subscription.begins", where(follower), f"{follower.__name__} begins at {begins!r}",
                expected='"now", or a datetime with a time zone', next="datetime(2026, 1, 1, tzinfo=UTC)",
            )  # fmt: skip


def _followers(context: Context[Any]) -> Iterator[tuple[Role, Any]]:
    """Each function and class that becomes a subscription, with its role; once."""
    handlers = (handler for handler in context.handlers if handler.role.follows and handler.fits)
    yield from {handler.function: (handler.role, handler.function) for handler in handlers}.values()
    yield from ((PROJECTION, projection) for projection in dict.fromkeys(projections_of(context)))


def _are_reported(context: Context[Any], roles: tuple[Role, Role], followers: tuple[Any, Any]) -> bool:
    """Whether other rules report the two: two projections, and two reactions to one event."""
    one, other = ({each.message for each in context.handlers if each.function is follower} for follower in followers)
    return roles == (PROJECTION, PROJECTION) or not one.isdisjoint(other)
