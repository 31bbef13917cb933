"""Which queries have no fresh answer in an outage, by the rules of `remit.runtime.freshness`.

A fresh answer waits for all subscriptions on the way to it: those of the context that answers, those of the contexts
that it follows, and so on; and those of all contexts with a subscription that may call others. With a topology, also
those of which the asking service knows too little: `remit.advisor.placed`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from remit.advisor.outages import Outage
from remit.advisor.placed import Service, Unseen
from remit.advisor.points import Followed, Interactions, Point


def no_fresh_answers(
    interactions: Interactions,
    outage: Outage,
    waits: Collection[Point],
    queries: Iterable[Point],
    unseen: Unseen | None = None,
) -> list[Point]:
    """The queries among these for which something on the way waits or is down: for a script that asks, or for a service
    with a route to the query."""
    ways: dict[Service | None, _Way] = {None: _Way(interactions, outage, waits, unseen)}
    ways |= {each: _Way(interactions, outage, waits, unseen, each) for each in (unseen.services if unseen else ())}

    def is_refused(query: Point) -> bool:
        return any(_asks(by, query, interactions) and way.is_blocked(query) for by, way in ways.items())

    return [query for query in queries if is_refused(query)]


def _asks(service: Service | None, query: Point, interactions: Interactions) -> bool:
    """Whether a service has a route to a query. None: a script, which may ask anything."""
    callers = interactions.callers.get(query.name, ())
    return service is None or any(each.kind == "route" and each.context in service.edges for each in callers)


class _Way:
    """The ways to all answers. A context on a way has a part in it: it answers, its events lead to the answer, or only
    the calls that it makes do."""

    def __init__(
        self,
        interactions: Interactions,
        outage: Outage,
        waits: Collection[Point],
        unseen: Unseen | None = None,
        asking: Service | None = None,
    ) -> None:
        self._interactions = interactions
        self._waits = frozenset(waits)
        self._following = {
            name: [point for point in interactions.of(name) if not point.is_called] for name in interactions.contexts
        }
        hosts, unknown = (asking.hosts, asking.unknown) if asking else (frozenset[str](), frozenset[str]())
        declared = self._calling(interactions.contexts)
        commands: Mapping[str, frozenset[str]] = unseen.commands if unseen else {}
        for context, sources in commands.items():
            if sources:
                self._following[context].append(_commands(interactions, context, sources))
        self._callers = declared | self._calling(hosts) | unknown
        self._away = outage.away
        self._passing: dict[str, bool] = {}

    def _calling(self, contexts: Iterable[str]) -> set[str]:
        """Those of the contexts with a subscription that may call others."""
        return {name for name in contexts if any(each.may_call for each in self._following[name])}

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


def _commands(interactions: Interactions, context: str, sources: Iterable[str]) -> Point:
    """The subscription to commands that these contexts may send for later."""
    handling = [point for point in interactions.of(context) if point.kind == "command"]
    name = f"{context}.commands"
    follows = dict.fromkeys(Followed("", source) for source in sources)
    return Point("commands", name, context, "write", follows=follows, may_call=any(each.may_call for each in handling))


def _matters(query: Point, point: Point) -> bool:
    """Whether a subscription of a context that answers matters to a query: a projection does if the query reads it."""
    is_read = point.name in query.reads or f"{query.context} tables" in query.reads
    return point.kind != "projection" or point.context != query.context or is_read
