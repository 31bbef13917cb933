"""What a process may say about a program that fails: whether the program has really failed so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from remit.errors import BadKey, Conflict, Diverged, HandlerFailed, OutcomeUnknown, SecondAggregate, Unavailable
from remit.observability import HandlerRaised, KeyParked, RuntimeEvent
from remit.testing.simulation.programs.tape import HANDLER_SECONDS, Run, Tape

__all__ = ["Excuses"]

PASSING = (Unavailable, OutcomeUnknown, Conflict, ConnectionError)
"""What may pass by itself parks nothing."""
_NEARLY = 0.1
"""Seconds that a handler may end before its time limit, and have been ended by it."""


class Excuses:
    """Looks on the tape for the reason of what is said."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def excuses(self, event: RuntimeEvent) -> bool:
        """Whether there is a reason for a failure, or for a parked key."""
        if isinstance(event, HandlerRaised):
            return event.error is not None and _has_failed(self._runs(event.handler, None), event.error)
        if isinstance(event, KeyParked) and not isinstance(event.error, PASSING):
            return _has_failed(self._runs(event.subscription, event.key), event.error)
        return False

    def stays_parked(self, subscription: str, key: str) -> bool:
        """Whether a key has to stay parked: what it waits for has failed again, though nothing was disturbed."""
        ended = [run for run in self._runs(subscription, key) if run.calm and run.ended is not None]
        errors = [error for run in ended for error in (run.error, *run.broken) if error is not None]
        failed = [error for error in errors if not isinstance(error, PASSING)]
        return bool(failed) or any(_writes_two(run) for run in ended) or _contradict(self._runs(subscription, key))

    def _runs(self, handler: str, key: str | None) -> list[Run]:
        """Those of a handler, or of all commands of a context; for messages with a key."""
        context, _, name = handler.partition(".")
        if name == "commands":
            return [run for run in self._tape.runs if run.handler.partition(".")[0] == context]
        return [run for run in self._tape.runs if run.handler == handler and key in (None, run.key)]


def _has_failed(runs: Sequence[Run], error: BaseException) -> bool:
    if any(error in [*_all_of(run.error), *run.broken] for run in runs):
        return True
    if isinstance(error, TimeoutError):
        return any(_took_long(run) for run in runs)
    if isinstance(error, SecondAggregate):
        return any(map(_writes_two, runs))
    if isinstance(error, Diverged):
        return _contradict(runs)
    if isinstance(error, (HandlerFailed, RuntimeError)):  # of a cancellation that nobody asked for, or of no exception
        return any(run.error is not None and not isinstance(run.error, PASSING) for run in runs)
    return isinstance(error, BadKey)


def _all_of(error: BaseException | None) -> list[BaseException]:
    """An error, and those of the group that it is."""
    if isinstance(error, BaseExceptionGroup):
        group: BaseExceptionGroup[BaseException] = error  # pyright: ignore[reportUnknownVariableType]  # of any
        return [error, *(found for each in group.exceptions for found in _all_of(each))]
    return [] if error is None else [error]


def _took_long(run: Run) -> bool:
    ended = asyncio.get_running_loop().time() if run.ended is None else run.ended
    return ended - run.began > HANDLER_SECONDS - _NEARLY


def _writes_two(run: Run) -> bool:
    return len({place for place, _ in run.changes if not place.is_rows}) > 1


def _contradict(runs: Sequence[Run]) -> bool:
    """Whether a later run for a message does not make a call that an earlier one has made; or one run said two things
    of one identity."""
    made: dict[str, set[str]] = {}
    for run in runs:
        paths = {call.path for call in run.calls}
        if made.get(run.path, set()) - paths:
            return True
        made[run.path] = paths | made.get(run.path, set())
    return any(call.said.startswith("Diverged") for run in runs for call in run.calls)
