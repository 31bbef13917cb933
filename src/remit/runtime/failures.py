"""What to do with an error in a subscription: which kind it is, how long to wait, when it has become a storm."""

from __future__ import annotations

import asyncio
from collections import deque
from random import Random

from remit.errors import (
    CallError,
    Conflict,
    DeadlineExceeded,
    Diverged,
    HandlerFailed,
    KeyReused,
    RemitError,
    ReplyTooLarge,
    TooLarge,
)
from remit.messages.made import made_wrongly

ATTEMPTS = 3
"""How often a permanent failure is tried in place before its key is parked."""
LONGEST_SECONDS = 30.0
"""When calls have failed for so long, no further attempt is made in place: each may take as long."""
NEVER = 1e11
"""When what only a person can decide is tried again (seconds since the epoch)."""
IN_A_ROW = 5
"""After so many transient failures in a row the whole subscription pauses."""
STORM_PARKS, STORM_SECONDS = 20, 60.0
"""So many keys parked within this time are a storm."""


class Storming(Exception):
    """So many keys have failed in a short time that none is parked any more for a while."""


def is_transient(error: BaseException) -> bool:
    """True for what is known to be away and to come back: a store, what a call is made to, a connection.

    Everything else (a bug, a domain rejection, bytes that are no message) fails the same way again: permanent. So does
    a handler that takes too long, by its time limit or by one that it has set itself, or that calls one which does:
    nobody knows what for. So does a call that was answered with a failure. Tried again in place it could hold up its
    partition for ever; its key, parked, is tried again by itself.
    """
    if isinstance(error, (DeadlineExceeded, Diverged, HandlerFailed, KeyReused, ReplyTooLarge, TooLarge)):
        return False
    return isinstance(error, (CallError, Conflict, ConnectionError, Storming))


def told(error: BaseException) -> str:
    """Its class and what happened, in at most 500 characters that every store takes, whatever the error is."""
    try:
        text = error.what if isinstance(error, RemitError) else made_wrongly(error) or str(error)
    except Exception as failed:  # noqa: BLE001  # the error of a handler, and its text, are the user's code
        text = f"it has no text, because {type(failed).__name__} was raised for it"
    return storable(f"{type(error).__name__}: {text}")


def storable(text: str) -> str:
    """A text as every store takes it: with NULs and what is no character written as escapes, 500 characters at most."""
    return text[:500].replace("\0", "\\x00").encode(errors="backslashreplace").decode()[:500]


def backoff(failures: int, random: Random, longest: float = 30.0) -> float:
    """Seconds to wait after the n-th failure in a row: 200 ms doubling up to the longest, ±50 %, never above that."""
    delay: float = 0.2 * 2.0 ** min(failures, 10)
    return min(longest, min(longest, delay) * random.uniform(0.5, 1.5))


def retry_after(attempts: int) -> float:
    """Seconds until a parked key is tried again by itself: 30 s doubling up to 6 hours."""
    delay: float = 30.0 * 2.0 ** min(attempts, 12)
    return min(6 * 3600.0, delay)


def next_try(error: BaseException, now: float, attempts: int) -> float:
    """When a parked key is tried again by itself (seconds since the epoch). What a handler that decided differently has
    called is there: whether to let it decide anew is for a person to say."""
    return NEVER if isinstance(error, Diverged) else now + retry_after(attempts)


class Storm:
    """The storm guard: so many keys parked within a minute mean that the deployment is broken, not the messages.

    A subscription in a storm pauses and tries again instead of parking more. Partitions ask, park and note in `turn`.
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=STORM_PARKS)
        self.turn = asyncio.Lock()

    def parked(self, now: float) -> None:
        """Notes that a key was parked."""
        self._times.append(now)

    def raging(self, now: float) -> bool:
        """True while no further key may be parked."""
        return len(self._times) == STORM_PARKS and self._times[0] >= now - STORM_SECONDS
