"""No two reactions and projections of a context have the same name, and none has the name of the built-in subscription.

Of two with the same name only one would run, and the messages of the other would never be handled.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from remit.contexts import PROJECTION, Context, Model, Role
from remit.contexts.annotations import projections_of
from remit.contexts.declarations import Handler, where
from remit.errors import Findings
from remit.messages import DomainEvent

_COMMANDS = "commands"
"""The name of the built-in subscription of every context, which applies the commands that were sent for later."""


def check_subscriptions(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        _check_begins(context, findings)
        _check_one_beginning(model, context, findings)
        named: dict[str, tuple[Role, Any]] = {}
        for role, follower in _followers(context):
            name, place = follower.__name__, where(follower)
            first_role, first = named.setdefault(name, (role, follower))
            if first is follower and name == _COMMANDS:
                findings.report(
                    "subscription.reserved", place,
                    f"a {role.name} of {context.name!r} is named {name}, like the built-in subscription that applies"
                    " commands sent for later",
                    expected=f"any other name than {name!r}", next="rename it",
                )  # fmt: skip
            elif first is not follower and not _are_reported(context, (first_role, role), (first, follower)):
                findings.report(
                    "subscription.same-name", place,
                    f"the {first_role.name} at {where(first)} and this {role.name} of {context.name!r}"
                    f" are both named {name}",
                    expected="one name per reaction and projection of a context, because progress is stored under it",
                    next="rename one of them; or bind one reaction to both: @context.react(Event, OtherEvent)",
                )  # fmt: skip


def _check_begins(context: Context[Any], findings: Findings) -> None:
    declared: dict[Any, Any] = {each.function: each.begins for each in context.bound if each.begins is not None}
    for follower, begins in (declared | context.begins).items():
        if begins != "now" and (not isinstance(begins, datetime) or begins.tzinfo is None):
            findings.report(
                "subscription.begins", where(follower), f"{follower.__name__} begins at {begins!r}",
                expected='"now", or a datetime with a time zone', next="datetime(2026, 1, 1, tzinfo=UTC)",
            )  # fmt: skip


def _check_one_beginning(model: Model, context: Context[Any], findings: Findings) -> None:
    """A reaction is one subscription to each log that it follows, and a subscription begins at one place."""
    logs: dict[tuple[Any, ...], list[Handler]] = {}
    for handler in context.handlers:
        if handler.role.follows and handler.fits:
            log = model.owners.get(handler.message), issubclass(handler.message, DomainEvent)
            logs.setdefault((handler.function, *log), []).append(handler)
    for first, *others in logs.values():
        other = next((each for each in others if each.begins != first.begins), None)
        if other is not None:
            findings.report(
                "subscription.begins-differ", first.place,
                f"the reaction {first.name} follows {_said(first)} and {_said(other)}, in one log",
                expected="one begins= for all events of a log: they are one subscription, which begins at one place",
                next="give both the same begins=, or make them two reactions with two names",
            )  # fmt: skip


def _said(handler: Handler) -> str:
    """The event of a binding, and where it begins."""
    begins = "without begins" if handler.begins is None else f"with begins={handler.begins!r}"
    return f"{handler.message.__name__} {begins}"


def _followers(context: Context[Any]) -> Iterator[tuple[Role, Any]]:
    """Each function and class that becomes a subscription, once, with its role."""
    handlers = (handler for handler in context.handlers if handler.role.follows and handler.fits)
    yield from {handler.function: (handler.role, handler.function) for handler in handlers}.values()
    yield from ((PROJECTION, projection) for projection in dict.fromkeys(projections_of(context)))


def _are_reported(context: Context[Any], roles: tuple[Role, Role], followers: tuple[Any, Any]) -> bool:
    """Whether other rules report the two: two projections, or two reactions to one event."""
    one, other = ({each.message for each in context.handlers if each.function is follower} for follower in followers)
    return roles == (PROJECTION, PROJECTION) or not one.isdisjoint(other)
