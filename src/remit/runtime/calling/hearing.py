"""What is said of calls, while somebody listens: when they begin, and how they end. Otherwise nobody comes by here."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from remit.errors import DeadlineExceeded, OutcomeUnknown, Unavailable
from remit.log import context_of
from remit.messages import Refusal
from remit.runtime.events import CallBegun, CallEnded, Outcome
from remit.runtime.listeners import Listeners


class Hearing:
    """Says to the listeners what becomes of calls."""

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners

    async def heard(self, doing: Awaitable[Any], type: str, cause: str, caller: str, *, elsewhere: bool = False) -> Any:
        """Does what makes the call, of which this is known when it begins; gives and raises the same."""
        context, seconds, ticks = context_of(type), self._listeners.seconds, self._listeners.ticks
        if (say_begun := self._listeners.call_begun) is not None:
            say_begun(CallBegun(seconds(), cause, type, context, caller, elsewhere))
        begun = ticks()
        outcome: Outcome = "cancelled"
        try:
            reply = await doing
            outcome = "replied"
        except BaseException as error:
            outcome = _outcome(error)
            raise
        finally:
            if (say_ended := self._listeners.call_ended) is not None:
                took = ticks() - begun
                say_ended(CallEnded(seconds(), cause, type, context, caller, elsewhere, took, outcome))
        return reply


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, Refusal):
        return "refused"
    if isinstance(error, DeadlineExceeded):
        return "deadline"
    if isinstance(error, OutcomeUnknown):
        return "unknown"
    if isinstance(error, Unavailable):
        return "unavailable"
    return "failed" if isinstance(error, Exception) else "cancelled"
