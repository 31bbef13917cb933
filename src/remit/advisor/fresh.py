"""Which queries have no fresh answer in an outage, by the rules of `remit.runtime.freshness`.

A fresh answer waits for all subscriptions on the way to it: those of the context that answers, those of the contexts
that it follows, and so on; and those of all contexts with a subscription that may call others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from remit.advisor.outages import Outage
from remit.advisor.points import Interactions, Point


def no_fresh_answers(
    interactions: Interactions, outage: Outage, waits: Collection[Point], queries: Iterable[Point]
) -> list[Point]:
    """The queries among these for which something on the way waits or is down."""
    found: list[Point] = []
    for query in queries:
        for context, points in _way(interactions, query):
            if outage.how == "down" and any(outage.has(each.component) for each in interactions.of(context)):
                break
            if any(point in waits for point in points):
                break
        else:
            continue
        found.append(query)
    return found


def _way(interactions: Interactions, query: Point) -> Iterator[tuple[str, list[Point]]]:
    """The contexts on the way to an answer, each with its subscriptions that matter."""
    following = [point for point in interactions.points if not point.is_called]
    callers = {point.context for point in following if point.may_call}
    answers = {*interactions.contexts} if query.may_call else {query.context}
    passes: set[str] = set()
    done: set[str] = set()
    while left := [each for each in interactions.contexts if each in answers | passes | callers and each not in done]:
        for context in left:
            mine = [point for point in following if point.context == context]
            if context in answers:
                mine = [each for each in mine if each.kind != "projection" or _takes_from(query, context, each)]
            elif context in passes:
                mine = [each for each in mine if each.kind != "projection"]
            else:
                mine = [each for each in mine if each.may_call]
            passes |= {source for each in mine for _, source in each.follows}
            done.add(context)
            yield context, mine


def _takes_from(query: Point, context: str, projection: Point) -> bool:
    return context != query.context or projection.name in query.reads or f"{context} tables" in query.reads
