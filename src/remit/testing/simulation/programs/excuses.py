"""Checks whether a process's report of a failure is true: whether the program has really failed so."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from remit.checks import model_of
from remit.contexts import ContextMap, groups_of
from remit.errors import (
    BadKey,
    BadMessage,
    CallError,
    Conflict,
    Diverged,
    HandlerFailed,
    OutcomeUnknown,
    SecondAggregate,
    Unavailable,
)
from remit.messages.keys import LONGEST_KEY
from remit.observability import HandlerRaised, KeyParked, RuntimeEvent
from remit.testing.simulation.programs.tape import HANDLER_SECONDS, Run, Tape, all_of

__all__ = ["PASSING", "Excuses", "contradict", "is_bad_key", "writes_two"]

ATTEMPTS = 3
"""How often a message with a permanent failure is tried."""
PASSING = (Unavailable, OutcomeUnknown, Conflict, ConnectionError)
"""Transient errors, which park nothing."""
_LETTERS = 20
"""A derived key has at most this many letters more."""
_NEARLY = 0.1
"""A handler may be ended by its time limit this many seconds early."""


class Excuses:
    """Finds the reasons of reports on the tape."""

    def __init__(self, tape: Tape, declared: Iterable[ContextMap] = ()) -> None:
        self._tape = tape
        self._together: defaultdict[str, set[str]] = defaultdict(set)
        """The reactions that follow together with each, in any release. A key parked for one waits for all."""
        for model in map(model_of, declared):
            for group in (group for context in model.contexts for group in groups_of(model, context)):
                names = {each.name for each in group.members}
                for name in names:
                    self._together[name] |= names

    def excuses(self, event: RuntimeEvent) -> bool:
        """Whether there is a reason for a failure or for a parked key."""
        if isinstance(event, HandlerRaised):
            return event.error is not None and _has_failed(self._runs(event.handler, None), event.error)
        if isinstance(event, KeyParked) and not isinstance(event.error, PASSING):
            if isinstance(event.error, BadMessage) and event.subscription.endswith("Row"):
                return self._tape.rolled < float("inf")  # an event of the newer release
            runs = self._runs(event.subscription, event.key)
            return _has_failed(runs, event.error) and not _too_early(runs, event)
        return False

    def stays_parked(self, subscription: str, key: str) -> bool:
        """Whether a key has to stay parked, because its message failed again in calm."""
        return any(self._has_to_stay(each, key) for each in self._together.get(subscription, {subscription}))

    def _has_to_stay(self, subscription: str, key: str) -> bool:
        ended = [run for run in self._runs(subscription, key) if run.calm and run.ended is not None]
        errors = [error for run in ended for error in (run.error, *run.broken) if error is not None]
        failed = [error for error in errors if not isinstance(error, PASSING)]
        return bool(failed) or any(writes_two(run) for run in ended) or contradict(self._runs(subscription, key))

    def _runs(self, handler: str, key: str | None) -> list[Run]:
        """The runs of a handler, or of all commands of a context; for messages with this key."""
        context, _, name = handler.partition(".")
        if name == "commands":
            return [run for run in self._tape.runs if run.handler.partition(".")[0] == context]
        return [run for run in self._tape.runs if run.handler == handler and key in (None, run.key)]


def _has_failed(runs: Sequence[Run], error: BaseException) -> bool:
    if isinstance(error, BadKey):
        return any(is_bad_key(key) for run in runs for key in (run.key, *(call.about for call in run.calls)))
    if any(error in [*all_of(run.error), *run.broken] for run in runs):
        return True
    if isinstance(error, TimeoutError):
        return any(_took_long(run) for run in runs)
    if isinstance(error, SecondAggregate):
        return any(map(writes_two, runs))
    if isinstance(error, Diverged):
        return contradict(runs)
    if isinstance(error, (HandlerFailed, RuntimeError)):  # from a stray cancellation, or from a BaseException
        return any(run.error is not None and not isinstance(run.error, PASSING) for run in runs)
    return False


def is_bad_key(key: str) -> bool:
    """Whether no store takes a key, or one derived from it, which is a few letters longer."""
    return "\0" in key or len(key.encode("utf-8", "surrogatepass")) > LONGEST_KEY - _LETTERS


def _too_early(runs: Sequence[Run], event: KeyParked) -> bool:
    """Whether a key was parked at the first or second such failure. Not if calls have failed that took too long for
    another attempt."""
    if event.attempts > 1 or isinstance(event.error, CallError):
        return False
    return any(event.error is run.error and run.tries < ATTEMPTS for run in runs)


def _took_long(run: Run) -> bool:
    ended = asyncio.get_running_loop().time() if run.ended is None else run.ended
    return ended - run.began > HANDLER_SECONDS - _NEARLY


def writes_two(run: Run) -> bool:
    """Whether a run has changed more than one aggregate, which no handler may."""
    return len({place for place, _ in run.changes if place.is_one}) > 1


def contradict(runs: Sequence[Run]) -> bool:
    """Whether a later run for a message leaves out a call of an earlier one, or one run sent two contents with one
    identity."""
    made: dict[str, set[str]] = {}
    for run in runs:
        paths = {call.path for call in run.calls}
        if made.get(run.path, set()) - paths:
            return True
        made[run.path] = paths | made.get(run.path, set())
    return any(call.said.startswith("Diverged") for run in runs for call in run.calls)
