"""Whether claimed values are where they must be: with one aggregate, which says so itself; and refused for a reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.programs.facts import Facts
from remit.testing.simulation.programs.tape import Place, Run

__all__ = ["judge_claims"]


def judge_claims(facts: Facts) -> Iterator[Verdict]:
    """What the store says of claims is what aggregates say, and who was refused a value met another holder."""
    yield from _held_by_one(facts)
    for run in facts.tape.runs:
        if run.wanted and facts.is_refused(run) and run.wanted[-1] not in run.taken:
            yield from _refused(facts, run, *run.wanted[-1])
        for place, value in run.unheld:
            if not _was_freed(facts, run, [place], value):
                yield Verdict("false", f"{run} was told that {place.kind} {place.id!r} has {value!r}, which it had not")


def _held_by_one(facts: Facts) -> Iterator[Verdict]:
    holders: dict[tuple[str, str], str] = {}
    for (kind, id), values in facts.held.items():
        for value in values:
            if (kind, value) in holders:
                yield Verdict("doubled", f"{value!r} is held by {kind} {holders[kind, value]!r} and {id!r}")
            holders[kind, value] = id
        if values != facts.noted.get(Place(kind, id), []):
            yield Verdict("false", f"{kind} {id!r} holds {values}, and {facts.noted.get(Place(kind, id))} is noted")
    for (kind, value), id in facts.holders.items():
        if holders.get((kind, value)) != id:
            yield Verdict("false", f"{value!r} is given to {kind} {id!r}, which does not hold it")
    for (kind, value), id in holders.items():
        if (kind, value) not in facts.holders:
            yield Verdict("lost", f"{value!r} is held by {kind} {id!r}, and given to nobody")
    for place in facts.noted.keys() - facts.held.keys():
        yield Verdict("false", f"{place.kind} {place.id!r} is not there, and {facts.noted[place]} is noted of it")


def _refused(facts: Facts, run: Run, wanting: Place, value: str) -> Iterator[Verdict]:
    """Somebody else had it: who has it still, or has given it up since the run began."""
    if facts.holders.get((wanting.kind, value), wanting.id) != wanting.id:
        return
    freed = {of for each in facts.tape.runs for of, _ in each.freed}
    others = [of for of in freed if of.kind == wanting.kind and of.id != wanting.id]
    if not _was_freed(facts, run, others, value):
        yield Verdict("false", f"{run} was refused {value!r} for {wanting.kind} {wanting.id!r}, which nobody had")


def _was_freed(facts: Facts, run: Run, places: Collection[Place], value: str) -> bool:
    """Whether one of these aggregates may have given a value up since a run began."""
    freeing = [each for each in facts.tape.runs if any((of, value) in each.freed for of in places)]
    return any(facts.is_committed(each) and _may_be_written_since(facts, each, run.began) for each in freeing)


def _may_be_written_since(facts: Facts, run: Run, began: float) -> bool:
    """Whether nobody was told before this time that a run is written."""
    calls = [call for call in facts.tape.calls.get(run.path, ()) if call.said == f"{run.number}"]
    ends = [call.ended for call in calls if call.outcome == "reply" and call.ended is not None]
    return not ends or min(ends) >= began
