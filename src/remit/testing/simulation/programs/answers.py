"""Judges what callers were told: replies and refusals that are true, and failures with a reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from remit.errors import Diverged, OutcomeUnknown, StoreError
from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.programs.excuses import PASSING, contradict, is_bad_key, writes_two
from remit.testing.simulation.programs.facts import Facts
from remit.testing.simulation.programs.tape import INSTANT, ONCE, Called, Run, all_of

__all__ = ["judge_answers"]

_NEARLY = 0.8
"""The share of its time after which a call may end with `DeadlineExceeded`."""
_SHORT_SECONDS = 2.0
"""A call with less time may end before a handler begins: stores and networks take some of it."""


def judge_answers(facts: Facts) -> Iterator[Verdict]:
    """Yields everything that is wrong with what callers were told."""
    for path, calls in facts.tape.calls.items():
        yield from _agree(facts, path, calls)
        yield from _refused_itself(facts, path, calls)
        yield from _diverged(facts, path, calls)
        yield from _asked_again(facts, path, calls)
    although = [
        told for path, calls in facts.tape.calls.items() for told in _failed_although_applied(facts, path, calls)
    ]
    yield from although[1:]  # one store may have been away for a moment when it was asked what is known
    yield from _diverged_for_nothing(facts)
    yield from _reused(facts)
    yield from _newer_fields(facts)


def _agree(facts: Facts, path: str, calls: Sequence[Called]) -> Iterator[Verdict]:
    """What was answered as applied is stored and stays; what was answered as not applied changed nothing."""
    replies = dict.fromkeys(call.said for call in calls if call.outcome == "reply")
    if len(replies) > facts.allowed(path):
        yield Verdict("false", f"{path} was answered differently: {', '.join(replies)}")
    for reply in replies:
        yield from _applied(facts, path, facts.tape.numbered(reply))
    refused = [call for call in calls if call.outcome == "refused" and call.by is None and call.key]
    if refused and replies:
        yield Verdict("false", f"{path} was answered under its key with {replies.popitem()[0]}, and as refused")
    handler = facts.handlers.get(calls[0].type, "")
    stored = [run for run in facts.runs[handler, path] if f"{run.number}" in facts.committed]
    for run in stored:
        before = [call for call in calls if call.began <= run.began]  # it comes of one of these
        if {call.outcome for call in before} <= {"nothing", "refused"}:
            if any(_is_decided_anew(facts, call, run) for call in before):
                continue
            said = ", ".join(dict.fromkeys(call.said for call in calls))
            yield Verdict("false", f"{path} was answered as not applied, and {run} is stored: {said}")
        elif refused:
            yield Verdict("false", f"{path} was answered as refused under its key, and {run} is stored")


def _is_decided_anew(facts: Facts, call: Called, run: Run) -> bool:
    """Whether a run comes of a copy of a handler's call, another copy of which was refused.

    A refusal that was raised is not kept for handlers. So each copy is decided anew, also one that arrives before the
    caller is told."""
    if call.outcome != "refused" or call.by is None:
        return False
    return any(each is not run and facts.is_refused(each) for each in facts.runs[run.handler, run.path])


def _applied(facts: Facts, path: str, run: Run) -> Iterator[Verdict]:
    if run.path != path or not run.whole:
        yield Verdict("false", f"{path} was answered with what {run} says, which ended with {run.error!r}")
    for each in facts.with_those_beside(run):
        for place, entry in each.changes:
            if facts.stored.get(entry, (None, 0))[0] != place:
                yield Verdict("lost", f"{entry}, acknowledged, is not in {place.kind} {place.id!r}")


def _refused_itself(facts: Facts, path: str, calls: Sequence[Called]) -> Iterator[Verdict]:
    """A refusal is one that a run of this command ended with in time, or one of a command that it called."""
    runs = facts.runs[facts.handlers.get(calls[0].type, ""), path]
    refused = [run for run in runs if facts.is_refused(run)]
    ends = [run for run in refused if run.ended is not None and run.ended <= run.limit + INSTANT]
    for call in calls:
        if call.outcome == "refused" and call.no == path and not ends:
            yield Verdict("false", f"{call.type} {path} was refused, and no run has decided that in its time")
        elif call.outcome == "refused" and call.no != path and not call.no.startswith((f"{path}/", ONCE)):
            yield Verdict("false", f"{call.type} {path} was refused with what was said of {call.no!r}")


def _diverged(facts: Facts, path: str, calls: Sequence[Called]) -> Iterator[Verdict]:
    """If a caller from outside is told of a divergence, two runs differ."""
    told = [call for call in calls if call.by is None and call.said.startswith("Diverged:")]
    runs = facts.runs[facts.handlers.get(calls[0].type, ""), path] if told else []
    every = [each for run in runs for each in facts.with_those_beside(run)]
    errors = [error for run in every for error in all_of(run.error)]
    if told and not contradict(runs) and not any(isinstance(error, Diverged) for error in errors):
        yield Verdict("false", f"{told[0].type} {path} was told of a contradiction that is none: {told[0].said}")


def _diverged_for_nothing(facts: Facts) -> Iterator[Verdict]:
    """A run that a conflict has forced may repeat all calls of the run before, as often as that made them."""
    for runs in list(facts.runs.values()):
        for before, run in pairwise(runs):
            told = next((call for call in run.calls if call.said.startswith("Diverged:")), None)
            if told is None or before.task != run.task or not run.alone or not before.alone or not before.whole:
                continue
            below = facts.runs[facts.handlers.get(told.type, ""), told.path]
            own = any(call.said.startswith("Diverged:") for each in below for call in each.calls)
            made = Counter((call.type, call.path, call.about) for call in run.calls)
            if not own and made <= Counter((call.type, call.path, call.about) for call in before.calls):
                yield Verdict("false", f"{run} has called what {before} had called, and was told {told.said}")


def _failed_although_applied(facts: Facts, path: str, calls: Sequence[Called]) -> Iterator[Verdict]:
    """A call that fails after another one got an answer under the same key gets that answer."""
    answered = [call for call in calls if call.by is None and call.key and call.outcome == "reply"]
    first = min((call.ended for call in answered if call.ended is not None), default=None)
    if first is None:
        return
    runs = facts.runs[facts.handlers.get(calls[0].type, ""), path]
    for call in calls:
        if call.by is None and call.said.startswith("HandlerFailed:") and call.key == answered[0].key:
            ends = [run.ended for run in runs if run.ended is not None and _has_failed(run)]
            own = [ended for ended in ends if call.began <= ended <= (call.ended or ended)]
            if own and min(own) > first:
                yield Verdict("false", f"{path} had its answer {answered[0].said}, and somebody was told: {call.said}")


def _has_failed(run: Run) -> bool:
    """Whether it failed in a way in which a store can still tell a known outcome."""
    return run.error is not None and not isinstance(run.error, (OutcomeUnknown, StoreError, *PASSING))


def _asked_again(facts: Facts, path: str, calls: Sequence[Called]) -> Iterator[Verdict]:
    """The last call in calm has an answer, or there is a reason why not."""
    asked = [call for call in calls if call.last]
    if not asked or asked[-1].outcome in ("reply", "refused"):
        return
    call = asked[-1]
    if not _is_excused(facts, path, call):
        after = "" if call.ended is None else f" after {call.ended - call.began:.2f} s"
        yield Verdict("false", f"{call.type} {path} has no answer when all is well, for no reason{after}: {call.said}")


def _is_excused(facts: Facts, path: str, call: Called) -> bool:
    said = call.said.partition(":")[0]
    if said == "KeyReused":
        return True  # judged separately
    if said == "BadKey" or is_bad_key(call.about) or is_bad_key(call.key or ""):
        return is_bad_key(call.about) or is_bad_key(call.key or "")
    if any(each.outcome == "reply" and each.ended is not None for each in facts.tape.calls[path]):
        every: list[Run] = []  # the outcome is known, and its handler does not run again
    else:
        every = facts.runs[facts.handlers.get(call.type, ""), path]
    runs = [run for run in every if (run.limit if run.ended is None else run.ended) >= call.began]
    if any(run.error is not None or run.broken or run.ended is None or writes_two(run) for run in runs):
        return True
    if said == "Diverged":
        return contradict(every)
    if said == "AlreadyExists":
        return any(run.changes for run in runs)
    if said in ("DeadlineExceeded", "NoneType") and call.ended is not None:  # may be told as an unknown outcome
        if call.ended - call.began > _NEARLY * call.last:
            return bool(runs) or call.last < _SHORT_SECONDS
        return call.last < _usual_seconds(facts, call.type)  # such a call may be refused without an attempt
    return False


def _usual_seconds(facts: Facts, type: str) -> float:
    """The longest time that an answer to a command has taken."""
    every = [call for calls in facts.tape.calls.values() for call in calls if call.type == type]
    answered = [call for call in every if call.outcome not in ("open", "unknown")]
    return max((call.ended - call.began for call in answered if call.ended is not None), default=0.0)


def _reused(facts: Facts) -> Iterator[Verdict]:
    """`KeyReused` is raised only if another message of the same caller has used the key."""
    contents: defaultdict[tuple[str, str, str | None], set[str]] = defaultdict(set)
    applied: set[tuple[tuple[str, str, str | None], str]] = set()
    every = [call for calls in facts.tape.calls.values() for call in calls]
    for call in every:
        contents[_scope(call)].add(call.content)
        if call.outcome == "reply":
            applied.add((_scope(call), call.content))
    for call in every:
        wrong = len(contents[_scope(call)]) == 1 or (_scope(call), call.content) in applied
        if call.said.startswith("KeyReused:") and wrong and (call.content or call.key is None):
            yield Verdict("false", f"{call.type} {call.path} was told of a reused key {call.key!r}: {call.said}")


def _scope(call: Called) -> tuple[str, str, str | None]:
    return "" if call.by is None else call.by.handler.partition(".")[0], call.type, call.key


def _newer_fields(facts: Facts) -> Iterator[Verdict]:
    """A command arrives with the newer fields that it was sent with, or not at all."""
    later = {said.path for run in facts.tape.runs for said in run.said}
    for run in facts.tape.runs:
        sent = {call.news for call in facts.tape.calls.get(run.path, ()) if call.began <= run.began}
        if sent and run.path not in later and run.news_of not in sent:
            yield Verdict("false", f"{run}: of {sorted(sent)} in a newer field has arrived {run.news_of}")
