"""Judges whether a program came out right: nothing doubled, partial, untrue or out of order.

It does not use the runtime. It compares what handlers have noted on the tape, and what callers were told, with the
contents of the stores.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from remit.contexts import ContextMap
from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.programs.aging import judge_ages
from remit.testing.simulation.programs.answers import judge_answers
from remit.testing.simulation.programs.beginnings import is_before, judge_beginnings
from remit.testing.simulation.programs.claims import judge_claims
from remit.testing.simulation.programs.excuses import writes_two
from remit.testing.simulation.programs.facts import Facts
from remit.testing.simulation.programs.foreign import judge_foreign
from remit.testing.simulation.programs.grammar import Source
from remit.testing.simulation.programs.order import judge_order
from remit.testing.simulation.programs.row_models import judge_rows
from remit.testing.simulation.programs.sight import judge_sight
from remit.testing.simulation.programs.tape import ALIKE, INSTANT, Place, Run, Said, Tape

__all__ = ["judge"]

SLACK_SECONDS = 1.5
"""How much later than its deadline a call may end: a commit that has begun is waited for."""


def judge(
    tape: Tape, declared: ContextMap, files: Files, stopped: Collection[str], sources: Sequence[Source] = (),
    rebuilt: Collection[str] = (),
) -> Iterator[Verdict]:  # fmt: skip
    """Yields everything that is wrong. `rebuilt` are the models that were rebuilt meanwhile."""
    facts = Facts(tape, declared, files, stopped)
    yield from _once(facts)
    yield from _whole(facts)
    yield from judge_answers(facts)
    yield from _equals(facts)
    yield from _each_for_itself(facts)
    yield from _kept_news(facts)
    yield from _kept_news_of_documents(facts)
    yield from _consequences(facts)
    yield from _of_nothing(facts)
    yield from _begun_once(facts)
    yield from _under_its_key(facts)
    yield from judge_order(facts)
    yield from judge_sight(facts)
    yield from judge_claims(facts)
    yield from judge_beginnings(facts)
    yield from judge_foreign(facts, files, sources)
    yield from _envelopes(facts)
    yield from _in_time(tape)
    yield from facts.left_behind
    yield from facts.unfolded
    yield from judge_rows(facts, declared, files)
    yield from judge_ages(facts, declared, rebuilt=rebuilt)


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
    """The changes of a run are stored completely or not at all, and only those of runs that came to their end."""
    for run in facts.tape.runs:
        if f"{run.number}" not in facts.committed:
            continue
        if not run.whole:
            yield Verdict("false", f"{run} is stored, and has ended with {run.error!r}")
        elif run.ended is not None and run.ended > run.limit + INSTANT:
            yield Verdict("false", f"{run} is stored, and was over after its deadline")
        if writes_two(run):
            yield Verdict("false", f"{run} is stored, and has changed two aggregates")
        for place, entry in run.changes:
            if facts.stored.get(entry, (None, 0))[0] != place:
                yield Verdict("lost", f"{entry} is not in {place.kind} {place.id!r}, and more of {run} is")
    yield from _repeated(facts)
    for run in facts.tape.runs:
        for what in run.wrong:
            yield Verdict("false", f"{run}: {what}")


def _repeated(facts: Facts) -> Iterator[Verdict]:
    """A stored run has repeated the calls of the conflicting run before it, if both ran in one task and no caller was
    told anything in between."""
    for path, calls in facts.tape.calls.items():
        runs = facts.runs[facts.handlers.get(calls[0].type, ""), path]
        for before, run in pairwise(runs):
            told = any(call.ended is not None and before.began <= call.ended <= run.began for call in calls)
            if not run.task or before.task != run.task or told or not before.whole or not facts.is_committed(run):
                continue
            again = {call.path for call in run.calls}
            left = [call for call in before.calls if call.outcome == "reply" and call.path not in again]
            if left and not facts.is_committed(before):
                what = f"{left[0].type} {left[0].path}"
                yield Verdict("false", f"{run} is stored, and has not called {what} again, as {before} had")


def _equals(facts: Facts) -> Iterator[Verdict]:
    """What one run has sent several times was applied as often."""
    for run in facts.tape.runs:
        replies: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for call in run.calls:
            if call.outcome == "reply" and call.key is None:
                replies[call.type, call.path].append(call.said)
        for (type, path), said in replies.items():
            if len(set(said)) < len(said):
                yield Verdict("lost", f"{run} has called {type} {path} {len(said)} times: {', '.join(said)}")


def _each_for_itself(facts: Facts) -> Iterator[Verdict]:
    """What several messages have sent alike was applied for each of them."""
    told: dict[str, Run] = {}
    for path, calls in facts.tape.calls.items():
        for call in calls if path.startswith(ALIKE) else ():
            if call.outcome == "reply" and call.by is not None:
                first = told.setdefault(call.said, call.by)
                if (first.handler, first.path) != (call.by.handler, call.by.path):
                    yield Verdict("lost", f"{first} and {call.by} have called {path}, and {call.said} answers both")


def _kept_news(facts: Facts) -> Iterator[Verdict]:
    """What a release has noted in a field that an older one does not know is kept, whichever release writes later."""
    for run in facts.tape.runs:
        for place, entry in run.news if f"{run.number}" in facts.committed else ():
            if entry not in facts.news.get(place, ()):
                yield Verdict("lost", f"{entry} is no longer in the newer field of {place.kind} {place.id!r}")


def _kept_news_of_documents(facts: Facts) -> Iterator[Verdict]:
    """The same for a projection's document."""
    for place, marks in facts.marks.items():
        for mark in marks:
            if mark.endswith("#2") and mark not in facts.news[place]:
                yield Verdict("lost", f"{mark} is no longer in the newer field of {place.kind} {place.id!r}")


def _begun_once(facts: Facts) -> Iterator[Verdict]:
    """Of all that have found nothing at a place and have begun with it, one is stored, unless what it began was
    removed."""
    found: defaultdict[Place, list[Run]] = defaultdict(list)
    for run in facts.tape.runs:
        for place in run.lacking if facts.is_committed(run) else ():
            if all(entry not in facts.buried for at, entry in run.changes if at == place):
                found[place].append(run)
    for place, runs in found.items():
        if len(runs) > 1:
            who = " and ".join(map(str, runs))
            yield Verdict("doubled", f"{who} have found no {place.kind} {place.id!r}, and both are stored")


def _under_its_key(facts: Facts) -> Iterator[Verdict]:
    """An event comes under the key that the run which has recorded it gave it."""
    for run in facts.tape.runs:
        if not run.parent:
            continue
        by = facts.tape.numbered(f"{run.parent}")
        keys = [said.key for said in by.said if run.path in (said.path, f"{said.path}!")]
        if keys and run.key not in keys:
            yield Verdict("false", f"{run} was told the key {run.key!r}, and {by} had said {keys[0]!r}")


def _consequences(facts: Facts) -> Iterator[Verdict]:
    """What a stored run has sent was handled, or visibly waits."""
    for run in facts.tape.runs:
        if facts.is_committed(run):
            for each in facts.with_those_beside(run):
                for said in each.said:
                    yield from _handled(facts, said, each)
    for (handler, path), runs in list(facts.runs.items()):
        if handler in facts.beside:
            continue  # committed together with its cause, or not at all
        silent = [run for run in runs if run.whole and not run.changes]
        if silent and not any(map(facts.is_committed, runs)) and _must_be_over(facts, handler, path):
            missing = [[verdict for said in run.said for verdict in _handled(facts, said, run)] for run in silent]
            if all(missing):
                yield missing[-1][0]


def _must_be_over(facts: Facts, handler: str, path: str) -> bool:
    """Whether a handler's work for a message is complete: a run for it is stored, or one has ended that changed
    nothing."""
    command = handler in facts.handlers.values()
    subscription = f"{handler.partition('.')[0]}.commands" if command else handler
    if subscription in facts.stopped or (subscription, path) in facts.letters:
        return False
    return not command or not (facts.tape.calls.get(path) or any(map(facts.is_refused, facts.runs[handler, path])))


def _handled(facts: Facts, said: Said, by: Run) -> Iterator[Verdict]:
    """All handlers of a message have handled it."""
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
                    yield Verdict("lost", f"{follower} did not come together with {type} {path} of {by}")
            elif not _is_done(facts, follower, path, follower) and not is_before(facts, follower, by):
                yield _missing(facts, said, by, follower)


def _is_done(facts: Facts, handler: str, path: str, subscription: str, *, refusals: bool = False) -> bool:
    if subscription in facts.stopped or (subscription, path) in facts.letters:
        return True
    done = [
        run
        for run in facts.runs[handler, path]
        if facts.is_stored(run) or (refusals and facts.is_refused(run)) or (run.whole and not run.changes)
    ]
    return len(done) >= max(1, facts.expected(path))


def _missing(facts: Facts, said: Said, by: Run, handler: str) -> Verdict:
    runs = facts.runs[handler, said.path] or facts.runs[handler, f"{said.path}!"]
    how = f"its {len(runs)} runs are not stored" if runs else "it has never run"
    return Verdict("lost", f"{handler} has not handled {said.type} {said.path} of {by}: {how}")


def _folded(facts: Facts, follower: str, path: str, by: Run) -> Iterator[Verdict]:
    times = sum(paths.count(path) for place, paths in facts.documents.items() if place.kind == follower)
    if times < max(1, facts.expected(path)):
        yield Verdict("lost", f"{path} of {by} is {times} times in {follower}, and was said more often")


def _of_nothing(facts: Facts) -> Iterator[Verdict]:
    """No message comes from a run that was never committed."""
    said: defaultdict[str, list[Run]] = defaultdict(list)
    for run in facts.tape.runs:
        for each in run.said:
            for path in (each.path, f"{each.path}!"):
                said[path].append(run)
    roots = {id(each) for run in facts.tape.runs if facts.is_committed(run) for each in facts.with_those_beside(run)}
    for run in facts.tape.runs:
        by = said.get(run.path, [])
        if facts.tape.calls.get(run.path):
            continue  # it was also called
        silent = any(each.whole and not each.changes for each in by)  # such a run may be committed
        if run.handler in facts.beside or not by or silent or any(id(each) in roots for each in by):
            continue
        if any(each.handler in facts.beside for each in by):
            continue
        yield Verdict("false", f"{run} handles what was never written: of {', '.join(map(str, by))}")


def _envelopes(facts: Facts) -> Iterator[Verdict]:
    """Whoever handles an event, or a command sent for later, however often, is told of one identity and time; and of
    another message of another one."""
    of: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    messages: defaultdict[str, set[str]] = defaultdict(set)
    for run in facts.tape.runs:
        if run.envelope and not facts.tape.calls.get(run.path) and facts.allowed(run.path) == 1:
            of[run.path, run.parent].add(run.envelope)
            messages[run.envelope].add(run.path)
    for (path, _), found in of.items():
        if len(found) > 1:
            yield Verdict("false", f"{path} has come in several envelopes: {', '.join(sorted(found))}")
    for envelope, paths in messages.items():
        if len(paths) > 1:
            yield Verdict("false", f"{', '.join(sorted(paths))} have come in one envelope: {envelope}")


def _in_time(tape: Tape) -> Iterator[Verdict]:
    """Deadlines hold, for callers and for inner calls."""
    for calls in tape.calls.values():
        for call in calls:
            due = max(call.began, call.limit)  # a branch that goes on may call too late
            if call.ended is not None and call.ended > due + SLACK_SECONDS:
                yield Verdict("late", f"{call.type} {call.path} ended {call.ended - due:.1f} s after its deadline")
    for run in tape.runs:
        if run.ended is not None and run.ended > run.limit + SLACK_SECONDS:
            yield Verdict("late", f"{run} ended {run.ended - run.limit:.1f} s after its deadline")
