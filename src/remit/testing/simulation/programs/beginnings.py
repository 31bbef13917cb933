"""Whether reactions that begin now have handled each event after their beginning, and none before it."""

from __future__ import annotations

from collections.abc import Iterator

from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.programs.facts import Facts
from remit.testing.simulation.programs.tape import Run

__all__ = ["is_before", "judge_beginnings"]


def is_before(facts: Facts, follower: str, by: Run) -> bool:
    """Whether what a run has said may have been written before a reaction has begun, which is not to handle it then.
    Whoever has handled something had begun by then."""
    if follower not in facts.begins:
        return False
    begun = [run.began for run in facts.tape.runs if run.handler == follower]
    return not begun or by.began <= min(begun)


def judge_beginnings(facts: Facts) -> Iterator[Verdict]:
    """What was known to be written before a reaction was there at all is not handled by it."""
    known: dict[str, float] = {}
    for calls in facts.tape.calls.values() if facts.begins else ():
        for call in calls:
            if call.outcome == "reply" and call.ended is not None:
                known[call.said] = min(call.ended, known.get(call.said, call.ended))
    late = {
        name for name in facts.begins if not any(run.handler == name and run.release < 2 for run in facts.tape.runs)
    }
    for run in facts.tape.runs if facts.tape.rolled < float("inf") else ():
        if run.handler in late and known.get(f"{run.parent}", facts.tape.rolled) < facts.tape.rolled:
            what = f"{run} handles what run {run.parent} has said, before {run.handler} was there"
            yield Verdict("false", what)
