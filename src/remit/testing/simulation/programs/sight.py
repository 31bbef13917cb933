"""Judges whether handlers have seen what was committed when they began."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.programs.facts import Facts
from remit.testing.simulation.programs.order import LATER, sequences
from remit.testing.simulation.programs.tape import Look, Place, Run

__all__ = ["judge_sight"]


def judge_sight(facts: Facts) -> Iterator[Verdict]:
    """A run that counts has seen what callers were told before it began, and the effects of the message before."""
    yield from _what_was_answered(facts)
    yield from _what_was_removed(facts)
    yield from _what_it_was_answered(facts)
    yield from _what_came_before(facts)
    yield from _fresh(facts)
    yield from _afterwards(facts)


def _counts(facts: Facts, run: Run) -> bool:
    """What a run has seen matters only if it had an effect."""
    return facts.is_committed(run) or (run.whole and not run.changes and bool(run.calls))


def _what_was_answered(facts: Facts) -> Iterator[Verdict]:
    answered: defaultdict[Place, list[tuple[float, str]]] = defaultdict(list)
    for calls in facts.tape.calls.values():
        for call in calls:
            if call.outcome == "reply" and call.ended is not None:
                for place, entry in facts.tape.numbered(call.said).changes:
                    answered[place].append((call.ended, entry))
    for each in answered.values():
        each.sort()
    for run in facts.tape.runs:
        looks = run.looks if _counts(facts, run) else []
        nothing = (*run.missed, *run.lacking, *_unlisted(run, answered, looks))
        for look in [*looks, *(Look(place, ()) for place in nothing)]:
            known = answered[look.place]
            for _, entry in known[: bisect_right(known, (run.began, ""))]:
                if entry not in look.entries and entry not in facts.buried:
                    yield _blind(run, look.place, entry, "answered")


def _unlisted(run: Run, known: Collection[Place], looks: Sequence[Look]) -> list[Place]:
    """The records that were not in the lists that it was given."""
    return [each for kind, ids in run.lists if looks for each in known if each.kind == kind and each.id not in ids]


def _what_was_removed(facts: Facts) -> Iterator[Verdict]:
    """What is known to be removed is seen by nobody."""
    removed: dict[str, float] = {}
    for calls in facts.tape.calls.values() if facts.buried else ():
        for call in calls:
            if call.outcome == "reply" and call.ended is not None:
                removed[call.said] = min(call.ended, removed.get(call.said, call.ended))
    for run in facts.tape.runs if removed else ():
        for look in run.looks if _counts(facts, run) else ():
            for entry in look.entries:
                if run.began > removed.get(f"{facts.buried.get(entry)}", run.began):
                    where = f"{look.place.kind} {look.place.id!r}"
                    yield Verdict("false", f"{run} saw {entry} in {where}, which run {facts.buried[entry]} had removed")


def _what_it_was_answered(facts: Facts) -> Iterator[Verdict]:
    """What a run reads first after its calls were answered includes the effects of these calls."""
    for run in facts.tape.runs:
        seen: set[Place] = set()
        for look in run.looks if _counts(facts, run) else ():
            for number in () if look.place in seen else look.answered:
                for place, entry in facts.tape.numbered(number).changes:
                    if place != look.place or entry in facts.buried:
                        continue
                    if entry in facts.stored and entry not in look.entries:
                        yield _blind(run, place, entry, "its own call was answered so")
            seen.add(look.place)


def _what_came_before(facts: Facts) -> Iterator[Verdict]:
    """Also for inner calls: the message before is complete by then."""
    below: defaultdict[str, list[Run]] = defaultdict(list)
    for run in facts.tape.runs:
        path = run.path
        while path:
            below[path].append(run)
            path = path.rpartition("/")[0]
    for (follower, way, _), paths in sequences(facts):
        if way == LATER or any(facts.allowed(path) > 1 for path in paths):
            continue
        done: defaultdict[Place, list[str]] = defaultdict(list)
        for path in paths:
            for run in below[path] if done else ():
                if _comes_of(run, path, follower) and _counts(facts, run):
                    yield from _unseen(run, done)
            for place, entry in (change for run in facts.runs[follower, path] for change in run.changes):
                if entry in facts.stored and entry not in facts.buried:
                    done[place].append(entry)


def _fresh(facts: Facts) -> Iterator[Verdict]:
    """A fresh answer includes all effects so far of what was answered before it was asked for."""
    told: dict[str, float] = {}
    for path, calls in facts.tape.calls.items():
        ends = [call.ended for call in calls if call.by is None and call.outcome == "reply" and call.ended is not None]
        if ends:
            told[path] = min(ends)
    for answer in facts.tape.answers:
        for entry in (*facts.kept.get(answer.place, ()), *facts.documents.get(answer.place, ())):
            ended = told.get(entry.partition("/")[0])
            if ended is None or ended >= answer.began or entry in facts.buried:
                continue
            if entry not in answer.entries:
                where = f"{answer.place.kind} {answer.place.id!r}"
                yield Verdict("false", f"a fresh answer about {where} has no {entry}, of what was answered before")


def _afterwards(facts: Facts) -> Iterator[Verdict]:
    """An answer that is asked for after a call includes what the call itself has written."""
    for path, answer in facts.tape.afterwards:
        for entry in facts.documents.get(answer.place, ()):
            if entry.rpartition("/")[0] == path and entry not in answer.entries:
                where = f"{answer.place.kind} {answer.place.id!r}"
                yield Verdict("false", f"an answer about {where} after {path} has no {entry}, which it has written")
    for what in facts.tape.outdated:
        yield Verdict("lost", what)


def _comes_of(run: Run, path: str, follower: str) -> bool:
    """Whether a run is a follower's run for a message, or a run that it called."""
    if run.path == path:
        return run.handler == follower
    return run.path.startswith(f"{path}/{follower.partition('.')[2]}-")


def _unseen(run: Run, done: Mapping[Place, Sequence[str]]) -> Iterator[Verdict]:
    for look in run.looks:
        for entry in done.get(look.place, ()):
            if entry not in look.entries:
                yield _blind(run, look.place, entry, "the effect of the message before")


def _blind(run: Run, place: Place, entry: str, why: str) -> Verdict:
    what = f"{run} did not see {entry} in {place.kind} {place.id!r}: {why}"
    return Verdict("false", what)
