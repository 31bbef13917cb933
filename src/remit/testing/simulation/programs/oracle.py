"""Whether a program came out as it must have: nothing twice, nothing half, nothing untrue, nothing out of order.

It knows nothing of the runtime. It compares what handlers have noted on the tape, and what callers were told, with what
is in the stores.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

from remit.contexts import ContextMap
from remit.messages import Refusal
from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.programs.facts import Facts
from remit.testing.simulation.programs.order import judge_order
from remit.testing.simulation.programs.sight import judge_sight
from remit.testing.simulation.programs.tape import Called, Run, Said, Tape

__all__ = ["judge"]

SLACK_SECONDS = 1.5
"""How much later than its deadline something may end: a commit that has begun is waited for."""
_INSTANT = 0.01
"""Seconds that a deadline may come later, of those that are sent on with less precision."""


def judge(tape: Tape, declared: ContextMap, files: Files, stopped: Collection[str]) -> Iterator[Verdict]:
    """Everything that is wrong."""
    facts = Facts(tape, declared, files, stopped)
    yield from _once(facts)
    yield from _whole(facts)
    for path, calls in tape.calls.items():
        yield from _answers(facts, path, calls)
    yield from _equals(facts)
    yield from _kept_news(facts)
    yield from _consequences(facts)
    yield from _of_nothing(facts)
    yield from judge_order(facts)
    yield from judge_sight(facts)
    yield from _in_time(tape)
    yield from facts.left_behind


def _once(facts: Facts) -> Iterator[Verdict]:
    """No path has its effect twice."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for place, entries in facts.kept.items():
        for entry in entries:
            found[entry.partition("#")[0]].append(f"{place.kind} {place.id!r} #{entry.partition('#')[2]}")
    for step, places in found.items():
        if len(places) > facts.allowed(step.rpartition("/")[0]):
            yield Verdict("doubled", f"{step} is {len(places)} times there: {', '.join(places)}")
    for place, paths in facts.documents.items():
        for path, times in Counter(paths).items():
            if times > facts.allowed(path):
                yield Verdict("doubled", f"{path} is {times} times in {place.kind} {place.id!r}")


def _whole(facts: Facts) -> Iterator[Verdict]:
    """What a run has decided is there completely, or not at all; and only what came to its end."""
    for run in facts.tape.runs:
        if f"{run.number}" not in facts.committed:
            continue
        if not run.whole:
            yield Verdict("false", f"{_name(run)} is stored, and has ended with {run.error!r}")
        elif run.ended is not None and run.ended > run.limit + _INSTANT:
            yield Verdict("false", f"{_name(run)} is stored, and was over after its deadline")
        for place, entry in run.changes:
            if facts.stored.get(entry, (None, 0))[0] != place:
                yield Verdict("lost", f"{entry} is not in {place.kind} {place.id!r}, and more of {_name(run)} is")
    for run in facts.tape.runs:
        for what in run.wrong:
            yield Verdict("false", f"{_name(run)}: {what}")


def _answers(facts: Facts, path: str, calls: Sequence[Called]) -> Iterator[Verdict]:
    """What was answered as applied is so, and stays; what was answered as nothing was nothing."""
    outcomes = {call.outcome for call in calls}
    replies = dict.fromkeys(call.said for call in calls if call.outcome == "reply")
    if len(replies) > facts.allowed(path):
        yield Verdict("false", f"{path} was answered differently: {', '.join(replies)}")
    for reply in replies:
        yield from _applied(facts, path, facts.tape.numbered(reply))
    handler = facts.handlers.get(calls[0].type, "")
    stored = [run for run in facts.runs[handler, path] if f"{run.number}" in facts.committed]
    for run in stored:
        if outcomes <= {"nothing", "refused"}:
            said = ", ".join(dict.fromkeys(call.said for call in calls))
            yield Verdict("false", f"{path} was answered as not applied, and {_name(run)} is stored: {said}")
        elif any(call.outcome == "refused" and call.by is None and call.key for call in calls):
            yield Verdict("false", f"{path} was answered as refused under its key, and {_name(run)} is stored")


def _equals(facts: Facts) -> Iterator[Verdict]:
    """What one run has wished several times was done as often."""
    for run in facts.tape.runs:
        replies: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for call in run.calls:
            if call.outcome == "reply" and call.key is None:
                replies[call.type, call.path].append(call.said)
        for (type, path), said in replies.items():
            if len(set(said)) < len(said):
                yield Verdict("lost", f"{_name(run)} has called {type} {path} {len(said)} times: {', '.join(said)}")


def _kept_news(facts: Facts) -> Iterator[Verdict]:
    """What a release has noted in a field that an older one does not know is still there, whoever has written since."""
    for run in facts.tape.runs:
        for place, entry in run.news if f"{run.number}" in facts.committed else ():
            if entry not in facts.news.get(place, ()):
                yield Verdict("lost", f"{entry} is no longer in the newer field of {place.kind} {place.id!r}")


def _applied(facts: Facts, path: str, run: Run) -> Iterator[Verdict]:
    if run.path != path or not run.whole:
        yield Verdict("false", f"{path} was answered with what {_name(run)} says, which ended with {run.error!r}")
    for each in facts.with_those_beside(run):
        for place, entry in each.changes:
            if facts.stored.get(entry, (None, 0))[0] != place:
                yield Verdict("lost", f"{entry}, acknowledged, is not in {place.kind} {place.id!r}")


def _consequences(facts: Facts) -> Iterator[Verdict]:
    """What a run that is stored has said was handled, or is seen to wait."""
    for run in facts.tape.runs:
        if facts.is_committed(run):
            for each in facts.with_those_beside(run):
                for said in each.said:
                    yield from _handled(facts, said, each)
    for (handler, path), runs in list(facts.runs.items()):
        if handler in facts.beside:
            continue  # it is written with what it came together with, or not at all
        ended = [run for run in runs if run.whole]
        silent = not any(run.changes for run in runs) and not any(map(facts.is_committed, runs))
        if silent and ended and handler not in facts.handlers.values() and (handler, path) not in facts.letters:
            missing = [[verdict for said in run.said for verdict in _handled(facts, said, run)] for run in ended]
            if all(missing):
                yield missing[-1][0]


def _handled(facts: Facts, said: Said, by: Run) -> Iterator[Verdict]:
    """Everybody whom a message is for has handled it."""
    if said.type in facts.handlers:
        handler = facts.handlers[said.type]
        subscription = f"{handler.partition('.')[0]}.commands"
        if not _is_done(facts, handler, said.path, subscription, refusals=True):
            yield _missing(facts, said, by, handler)
        return
    events = [(said.type, said.path), *((type, f"{said.path}!") for type in facts.told[said.type])]
    for type, path in events:
        for role, follower in facts.followers[type]:
            if role == "projection":
                if follower not in facts.stopped and (follower, path) not in facts.letters:
                    yield from _folded(facts, follower, path, by)
            elif role == "together":
                if not any(run.parent == by.number and run.whole for run in facts.runs[follower, path]):
                    yield Verdict("lost", f"{follower} did not come together with {type} {path} of {_name(by)}")
            elif not _is_done(facts, follower, path, follower):
                yield _missing(facts, said, by, follower)


def _is_done(facts: Facts, handler: str, path: str, subscription: str, *, refusals: bool = False) -> bool:
    if subscription in facts.stopped or (subscription, path) in facts.letters:
        return True
    runs = facts.runs[handler, path]
    if any(f"{run.number}" in facts.committed for run in runs):
        return True
    if refusals and any(_is_refusal(run.error) for run in runs):
        return True
    return any(run.whole and not run.changes for run in runs)


def _is_refusal(error: BaseException | None) -> bool:
    """Also where a task group has failed with it."""
    if isinstance(error, BaseExceptionGroup):
        group: BaseExceptionGroup[BaseException] = error  # pyright: ignore[reportUnknownVariableType]  # of any
        return any(map(_is_refusal, group.exceptions))
    return isinstance(error, Refusal)


def _missing(facts: Facts, said: Said, by: Run, handler: str) -> Verdict:
    runs = facts.runs[handler, said.path] or facts.runs[handler, f"{said.path}!"]
    how = f"its {len(runs)} runs are not stored" if runs else "it has never run"
    return Verdict("lost", f"{handler} has not handled {said.type} {said.path} of {_name(by)}: {how}")


def _folded(facts: Facts, follower: str, path: str, by: Run) -> Iterator[Verdict]:
    if not any(path in paths for place, paths in facts.documents.items() if place.kind == follower):
        yield Verdict("lost", f"{path} of {_name(by)} is not in {follower}")


def _of_nothing(facts: Facts) -> Iterator[Verdict]:
    """Nothing comes of what was never written."""
    said: defaultdict[str, list[Run]] = defaultdict(list)
    for run in facts.tape.runs:
        for each in run.said:
            for path in (each.path, f"{each.path}!"):
                said[path].append(run)
    roots = {id(each) for run in facts.tape.runs if facts.is_committed(run) for each in facts.with_those_beside(run)}
    for run in facts.tape.runs:
        by = said.get(run.path, [])
        if facts.tape.calls.get(run.path):
            continue  # it was called besides
        if run.handler in facts.beside or not by or any(id(each) in roots or not each.changes for each in by):
            continue
        if any(each.handler in facts.beside for each in by):
            continue
        yield Verdict("false", f"{_name(run)} handles what was never written: of {', '.join(map(_name, by))}")


def _in_time(tape: Tape) -> Iterator[Verdict]:
    """Deadlines hold, for those who call and for what they call."""
    for calls in tape.calls.values():
        for call in calls:
            due = max(call.began, call.limit)  # some are made when it is too late, by a branch that goes on
            if call.ended is not None and call.ended > due + SLACK_SECONDS:
                yield Verdict("late", f"{call.type} {call.path} ended {call.ended - due:.1f} s after its deadline")
    for run in tape.runs:
        if run.ended is not None and run.ended > run.limit + SLACK_SECONDS:
            yield Verdict("late", f"{_name(run)} ended {run.ended - run.limit:.1f} s after its deadline")


def _name(run: Run) -> str:
    return f"run {run.number} of {run.handler} for {run.path}"
