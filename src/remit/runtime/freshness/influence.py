"""What else may influence an answer besides events: calls made by subscriptions, and contexts that a query asks.

A handler that asks for `Sender` may call any context. Which ones it calls is up to its code, so all are assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from remit.contexts import COMMAND, Context, Handler, Model
from remit.contexts.annotations import asked_by, sent_later
from remit.messages import Message
from remit.runtime.plan import ContextPlan, FoldPlan, FollowPlan, HandlerPlan, ProjectionPlan


class Needs(NamedTuple):
    """What the answer to a query depends on, beside the context's own state."""

    asks: bool
    """Other contexts may be asked for it."""
    views: frozenset[str] | None
    """The projections that it reads; None if it may read any."""

    def takes_from(self, projection: str) -> bool:
        """Whether the answer may depend on this projection."""
        return self.views is None or projection in self.views


ANY = Needs(asks=True, views=None)
"""For an unknown query."""


@dataclass(frozen=True)
class Influence:
    """What one process knows about the influence between contexts."""

    callers: tuple[str, ...] = ()
    """Contexts with a subscription that may call others. Includes contexts whose declarations are not known here."""
    everybody: tuple[str, ...] = ()
    """All contexts that can be asked."""
    needs: Mapping[str, Mapping[str, Needs]] = field(default_factory=dict[str, Mapping[str, Needs]])
    """By context hosted here, and by wire type of the query."""

    def of(self, context: str, query: str) -> Needs:
        """What the answer of a context hosted here depends on."""
        return self.needs.get(context, {}).get(query, ANY)


def may_call(plan: ContextPlan, follow: FollowPlan[Any]) -> bool:
    """Whether a subscription of this context may call other contexts."""
    if isinstance(follow, FoldPlan):
        return False
    together = [handler for event in plan.events.values() for handler in event.together]
    return any(map(_calls, (*follow.takes.values(), *together)))


def influence_of(model: Model, plans: Mapping[str, ContextPlan], is_elsewhere: Callable[[str], bool]) -> Influence:
    """Derives it from the plans of the contexts hosted here and the declarations of the others."""
    others = [name for name in model.names if name not in plans and is_elsewhere(name)]
    known = {context.name: context for context in (*model.contexts, *model.beside)}
    later = _sent_later(known.values()) if known.keys() >= set(model.names) else None
    callers = [
        plan.name for plan in plans.values() if any(may_call(plan, follow) for follow in plan.follows.values())
    ]  # fmt: skip
    callers += [name for name in others if name not in known or _may_call(known[name], later)]
    return Influence(tuple(callers), (*plans, *others), {name: _needs(plan) for name, plan in plans.items()})


def _sent_later(contexts: Iterable[Context[Any]]) -> set[type[Message]]:
    found: set[type[Message]] = set()
    for context in contexts:
        found |= {command for command, _ in sent_later(context)}
        found |= set(context.outbox)
    return found


def _may_call(context: Context[Any], later: Collection[type[Message]] | None) -> bool:
    """As `may_call`, from declarations. `later` is all commands that are sent for later; None if it may be any."""
    following = (handler for handler in context.handlers if _follows(handler, later))
    return any(asked.injectable.calls for handler in following for asked in asked_by(context, handler))


def _follows(handler: Handler, later: Collection[type[Message]] | None) -> bool:
    if handler.role is COMMAND:
        return later is None or handler.message in later
    return not handler.role.is_called


def _needs(plan: ContextPlan) -> dict[str, Needs]:
    found: dict[str, Needs] = {}
    for handler in plan.queries.values():
        name = handler.contract.type
        needs = Needs(_calls(handler), _views(handler))
        other = found.get(name, Needs(asks=False, views=frozenset()))  # another version of it
        views = None if needs.views is None or other.views is None else needs.views | other.views
        found[name] = Needs(needs.asks or other.asks, views)
    return found


def _views(handler: HandlerPlan) -> frozenset[str] | None:
    if any(each.kind.has_sql for each in handler.dependencies):
        return None
    return frozenset(each.subject.kind for each in handler.dependencies if isinstance(each.subject, ProjectionPlan))


def _calls(handler: HandlerPlan) -> bool:
    return any(dependency.kind.calls for dependency in handler.dependencies)
