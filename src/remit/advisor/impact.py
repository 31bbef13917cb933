"""What an outage does to every point of a system.

The reasons are paths through the interactions. Each step is a call, a followed message, or a model that is written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from remit.advisor.fresh import no_fresh_answers
from remit.advisor.outages import Outage
from remit.advisor.placed import Unseen
from remit.advisor.points import Basis, Interactions, Point


class Reason(NamedTuple):
    """Why something happens: the way from a point to the outage, or from the outage to a model."""

    steps: tuple[str, ...]
    basis: Basis = "declared"
    """`estimate` if one step is an estimate."""

    def then(self, step: str, basis: Basis = "declared") -> Reason:
        """One step further. A projection is a subscription and the model that it writes: one step."""
        steps = self.steps if self.steps[-1] == step else (*self.steps, step)
        return Reason(steps, _weaker(self.basis, basis))

    def before(self, step: str, basis: Basis) -> Reason:
        """One step before."""
        return Reason((step, *self.steps), _weaker(self.basis, basis))

    def __str__(self) -> str:
        return " → ".join(self.steps)


def _weaker(one: Basis, other: Basis) -> Basis:
    if "estimate" in (one, other):
        return "estimate"
    return "measured" if "measured" in (one, other) else "declared"


class StaleModel(NamedTuple):
    """A model that lacks something that is committed, until the outage ends."""

    name: str
    context: str
    because: Reason
    readers: tuple[Point, ...]
    """Whom it concerns: the commands, queries and routes that work on it, and do not fail anyway."""


@dataclass
class Impact:
    """What an outage does. Every command, query and route is in exactly one of `fails`, `degrades`, `stale` and
    `unaffected`, or else it is a query in `not_fresh`. Every subscription is in exactly one of `degrades`, `waits` and
    `unaffected`."""

    outage: Outage
    fails: dict[Point, Reason] = field(default_factory=dict[Point, Reason])
    """Called points that end with an error."""
    degrades: dict[Point, Reason] = field(default_factory=dict[Point, Reason])
    """Points that are slow, or go on without an answer."""
    waits: dict[Point, Reason] = field(default_factory=dict[Point, Reason])
    """Subscriptions that handle nothing until the outage ends, or very little."""
    models: list[StaleModel] = field(default_factory=list[StaleModel])
    stale: dict[Point, Reason] = field(default_factory=dict[Point, Reason])
    """Called points that answer, or decide, from older data."""
    goes_on: dict[Point, Reason] = field(default_factory=dict[Point, Reason])
    """Commands elsewhere that succeed, and sources of foreign messages, of which the part that is away learns only
    later. It cannot refuse them."""
    unaffected: list[Point] = field(default_factory=list[Point])
    not_fresh: list[Point] = field(default_factory=list[Point])
    """Queries that are answered, but not with `fresh`."""


def impact_of(interactions: Interactions, outage: Outage, unseen: Unseen | None = None) -> Impact:
    """What an outage does to every point of a system. `unseen` is what services do not know of one another, if the
    system is placed by a topology."""
    working = _Working(interactions, outage)
    working.break_calls()
    working.silence()
    working.make_stale()
    working.let_go_on()
    found = working.impact
    affected = {*found.fails, *found.degrades, *found.waits, *found.stale}
    answered = [point for point in interactions.points if point.kind == "query" and point not in found.fails]
    found.not_fresh = no_fresh_answers(interactions, outage, found.waits, answered, unseen)
    affected |= {*found.not_fresh}
    found.unaffected = [point for point in interactions.points if point not in affected]
    return found


class _Working:
    def __init__(self, interactions: Interactions, outage: Outage) -> None:
        self.interactions = interactions
        self.outage = outage
        self.impact = Impact(outage)

    # --- calls -------------------------------------------------------------------------------------------------------

    def break_calls(self) -> None:
        """What is part of the outage, and what calls it, directly or through others."""
        working: deque[tuple[Point, Reason]] = deque()
        for point in self.interactions.points:
            if self.outage.breaks(point):
                reason = Reason((point.arrives, point.name) if point.arrives else (point.name,))
                self._put(point, reason)
                working.append((point, reason))
        while working:
            point, reason = working.popleft()
            for caller in self.interactions.callers.get(point.name, ()) if point.is_called else ():
                self._break_call(caller, reason.before(caller.name, caller.calls[point.name]), point, working)

    def _break_call(self, caller: Point, reason: Reason, called: Point, working: deque[tuple[Point, Reason]]) -> None:
        """One call that does not get its answer in time. What a point catches of one call does not help with another
        call."""
        found = self.impact
        is_down = self.outage.how == "down"
        if caller in found.fails or caller in found.waits or (caller in found.degrades and not is_down):
            return
        if is_down and caller.guarded.get(called.name, False):
            found.degrades.setdefault(caller, Reason(reason.steps, "estimate"))
            return
        found.degrades.pop(caller, None)
        self._put(caller, reason)
        working.append((caller, reason))

    def _put(self, point: Point, reason: Reason) -> None:
        """Notes that a point cannot do its work, which its callers feel."""
        if not point.is_called:
            self.impact.waits[point] = reason
        elif self.outage.how == "slow":
            self.impact.degrades[point] = reason
        else:
            self.impact.fails[point] = reason

    # --- what is committed and not handled ---------------------------------------------------------------------------

    def silence(self) -> None:
        """Subscriptions that cannot read their source."""
        for point in self.interactions.points:
            for message, source in point.follows:
                if self.outage.is_unread(source, point.component):
                    self.impact.waits.setdefault(point, Reason((message, point.name)))

    def make_stale(self) -> None:
        """The models that waiting subscriptions would write, directly and through what follows from them."""
        models: dict[str, Reason] = {}
        late: dict[Point, Reason] = {point: _onwards(point, reason) for point, reason in self.impact.waits.items()}
        working = deque(late)
        while working:
            point = working.popleft()
            for name, reason, message in self._effects(point, late[point]):
                if not message:
                    models.setdefault(name, reason)
                    continue
                for follower in self._following(name):
                    if follower not in late:
                        late[follower] = reason.then(follower.name)
                        working.append(follower)
        names = {name: name.partition(" ")[0].partition(".")[0] for name in models}
        concerned = {name: reason for name, reason in models.items() if not self.outage.is_all_of(names[name])}
        self._spread(concerned)
        self.impact.models = [
            StaleModel(name, names[name], reason, tuple(self._readers(name))) for name, reason in concerned.items()
        ]

    def _following(self, message: str) -> Iterator[Point]:
        """What comes later if a message does: of the commands that a subscription handles, only this one."""
        for follower in self.interactions.followers.get(message, ()):
            yield self.interactions.handlers[message] if follower.kind == "commands" else follower

    def let_go_on(self) -> None:
        """The commands whose events, or commands for later, wait for the part that is away."""
        found = self.impact
        hindered = {*found.fails, *found.waits, *(found.degrades if self.outage.how == "slow" else ())}
        for point in self.interactions.points:
            if point.kind not in ("command", "foreign") or self.outage.has(point.component) or point in hindered:
                continue
            for name, reason, is_message in self._effects(point, Reason((point.name,))):
                followers = self.interactions.followers.get(name, ()) if is_message else ()
                for follower in (each for each in followers if each in found.waits):
                    if self.outage.has(follower.component):
                        found.goes_on.setdefault(point, reason.then(follower.name))

    def _effects(self, point: Point, reason: Reason) -> Iterator[tuple[str, Reason, bool]]:
        """What a point writes, and the messages that it records or sends for later; with the commands that it calls."""
        working, seen = deque([(point, reason)]), {point}
        while working:
            each, because = working.popleft()
            yield from ((name, because.then(name), False) for name in each.writes)
            for name, basis in chain(each.records.items(), each.later.items()):
                yield name, because.then(name, basis), True
            for name, basis in each.calls.items():
                called = self.interactions.handlers.get(name)
                if called is not None and called not in seen:
                    seen.add(called)
                    working.append((called, because.then(name, basis)))

    def _spread(self, models: dict[str, Reason]) -> None:
        """The points that work on stale models, and those that call them."""
        working: deque[Point] = deque()
        for point in self.interactions.points:
            model = next((name for name in point.reads if name in models), None)
            if model is not None and point.is_called and self._is_free(point):
                self.impact.stale[point] = Reason((point.name, model), models[model].basis)
                working.append(point)
        while working:
            point = working.popleft()
            for caller in self.interactions.callers.get(point.name, ()):
                if caller.is_called and self._is_free(caller):
                    reason = self.impact.stale[point]
                    self.impact.stale[caller] = reason.before(caller.name, caller.calls[point.name])
                    working.append(caller)

    def _is_free(self, point: Point) -> bool:
        found = self.impact
        return not any(point in each for each in (found.fails, found.degrades, found.waits, found.stale))

    def _readers(self, model: str) -> Iterable[Point]:
        return (point for point, reason in self.impact.stale.items() if reason.steps[-1] == model)


def _onwards(point: Point, reason: Reason) -> Reason:
    """The beginning of what follows from a subscription that waits."""
    return reason if reason.steps[-1] == point.name else Reason((point.name,), reason.basis)
