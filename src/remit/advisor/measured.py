"""Adds calls that were recorded in running processes to the points of a system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from remit.advisor.points import Interactions, Point
from remit.advisor.recording import RecordedCalls, Recording


class Pair(NamedTuple):
    """A point that calls, and the message that it calls."""

    point: str
    message: str


@dataclass
class Measure:
    """How often a point has called a message, and how long that took in seconds."""

    count: int = 0
    failed: int = 0
    seconds: float = 0.0
    longest: float = 0.0

    def add(self, calls: RecordedCalls) -> None:
        """Adds recorded calls."""
        self.count += calls.count
        self.failed += calls.failed
        self.seconds += calls.seconds
        self.longest = max(self.longest, calls.longest)


class Measured(NamedTuple):
    """The interactions with what was recorded."""

    interactions: Interactions
    measures: Mapping[Pair, Measure]
    unknown: tuple[str, ...]
    """What was recorded, and is not in this system: messages, callers, points."""


def with_recordings(interactions: Interactions, recordings: Iterable[Recording]) -> Measured:
    """The interactions, in which recorded calls are `measured`.

    A call of a subscription counts for the subscriptions of its context that are estimated to make it; if there are
    none, for all that can call other contexts: which of them it was is not recorded.
    """
    points = [replace(point, calls=dict(point.calls)) for point in interactions.points]
    known = replace(interactions, points=tuple(points))
    measures: dict[Pair, Measure] = {}
    unknown: dict[str, None] = {}
    for calls in _once([each for recording in recordings for each in recording.calls]):
        callers = _callers(known, calls)
        if calls.message not in interactions.messages or not callers:
            unknown[f"{calls.point or calls.caller} → {calls.message}"] = None
            continue
        for point in callers:
            point.calls[calls.message] = "measured"
            measures.setdefault(Pair(point.name, calls.message), Measure()).add(calls)
    return Measured(known, measures, tuple(unknown))


def _once(calls: list[RecordedCalls]) -> list[RecordedCalls]:
    """Without the calls that the process that answers has recorded too: it does not know which handler called."""
    remote = {(each.caller, each.message) for each in calls if each.elsewhere}
    return [each for each in calls if each.elsewhere or each.point or (each.caller, each.message) not in remote]


def _callers(interactions: Interactions, calls: RecordedCalls) -> list[Point]:
    mine = interactions.of(calls.caller)
    if calls.point:
        return [point for point in mine if point.kind in ("command", "query") and point.name == calls.point]
    following = [point for point in mine if not point.is_called and point.may_call]
    return [point for point in following if calls.message in point.calls] or following
