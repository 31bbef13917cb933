"""Which queries have no fresh answer in an outage, by the rules of `remit.runtime.freshness`.

A fresh answer waits for all subscriptions on the way to it: those of the context that answers, those of the contexts
that it follows, and so on; and those of all contexts with a subscription that may call others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from remit.advisor.outages import Outage
from remit.advisor.points import Interactions, Point


def no_fresh_answers(
    interactions: Interactions, outage: Outage, waits: Collection[Point], queries: Iterable[Point]
) -> list[Point]:
    """The queries among these for which something on the way waits or is down."""
    way = _Way(interactions, outage, waits)
    return [query for query in queries if way.is_blocked(query)]


class _Way:
    """The ways to all answers. A context on a way has a part in it: it answers, its events lead to the answer, or only
    the calls that it makes do."""

    def __init__(self, interactions: Interactions, outage: Outage, waits: Collection[Point]) -> None:
        self._interactions = interactions
        self._waits = frozenset(waits)
        self._following = {
            name: [point for point in interactions.of(name) if not point.is_called] for name in interactions.contexts
        }
        self._callers = {name for name, points in self._following.items() if any(each.may_call for each in points)}
        self._away: set[str] = set()
        if outage.how == "down":
            self._away = {point.context for point in interactions.points if outage.has(point.component)}
        self._passing: dict[str, bool] = {}

    def is_blocked(self, query: Point) -> bool:
        """Whether a subscription on the way waits, or a context on the way is down."""
        answers = [*self._interactions.contexts] if query.may_call else [query.context]
        if any(name in self._away for name in answers):
            return True
        mine = [each for name in answers for each in self._following[name] if _matters(query, each)]
        if any(each in self._waits for each in mine):
            return True
        sources = {source for each in mine for _, source in each.follows} - {*answers}
        return any(self._is_blocked_by_events_of(name) for name in sources) or self._is_blocked_by_calls

    def _is_blocked_by_events_of(self, context: str) -> bool:
        """Whether something waits on the way to the events of a context."""
        if context not in self._passing:
            reached, waiting = {context}, [context]
            while waiting:
                name = waiting.pop()
                sources = {source for each in self._reacting(name) for _, source in each.follows}
                waiting += sources - reached
                reached |= sources
            self._passing[context] = any(map(self._holds_up, reached))
        return self._passing[context]

    def _reacting(self, context: str) -> list[Point]:
        return [point for point in self._following[context] if point.kind != "projection"]

    def _holds_up(self, context: str) -> bool:
        return context in self._away or any(point in self._waits for point in self._reacting(context))

    @property
    def _is_blocked_by_calls(self) -> bool:
        """Whether a subscription that may call others waits, or what leads to it."""
        for name in self._callers:
            calling = [point for point in self._following[name] if point.may_call]
            if name in self._away or any(point in self._waits for point in calling):
                return True
            if any(self._is_blocked_by_events_of(source) for each in calling for _, source in each.follows):
                return True
        return False


def _matters(query: Point, point: Point) -> bool:
    """Whether a subscription of a context that answers matters to a query: a projection does if the query reads it."""
    is_read = point.name in query.reads or f"{query.context} tables" in query.reads
    return point.kind != "projection" or point.context != query.context or is_read
