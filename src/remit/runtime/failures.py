"""Classifies errors of subscriptions: transient or permanent, how long to wait, and when many of them are a storm."""

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
    NotAllowed,
    NotCovered,
    RemitError,
    ReplyTooLarge,
    TooLarge,
)
from remit.messages.made import made_wrongly

ATTEMPTS = 3
"""How often a permanent failure is tried in place before its key is parked."""
LONGEST_SECONDS = 30.0
"""After calls have failed for this long, no further attempt is made in place: each may take as long."""
_PERMANENT = (
    DeadlineExceeded, Diverged, HandlerFailed, KeyReused, NotAllowed, NotCovered, ReplyTooLarge, TooLarge,
)  # fmt: skip
"""Errors of calls that trying again does not mend."""
NEVER = 1e11
"""The retry time of a parked key that only a person can release (seconds since the epoch)."""
IN_A_ROW = 5
"""The whole subscription pauses after this many transient failures in a row."""
STORM_PARKS, STORM_SECONDS = 20, 60.0
"""Keys parked within this time that make a storm."""


class Storming(Exception):
    """Too many keys were parked in a short time: for a while no more are parked."""


def is_transient(error: BaseException) -> bool:
    """True if the failure is expected to pass: the store, the callee or a connection is away.

    Everything else is permanent: a bug, a refusal, bytes that are no message. So is a handler that exceeds its time
    limit, one that it set itself, or that of a call it makes: the reason is unknown. So is a call that was answered
    with a failure. Retrying such a message in place could hold up its partition for ever; a parked key is retried on
    its own schedule.
    """
    if isinstance(error, _PERMANENT):
        return False
    return isinstance(error, (CallError, Conflict, ConnectionError, Storming))


def told(error: BaseException) -> str:
    """The class and text of an error, at most 500 characters, in a form that every store accepts. Raises nothing."""
    try:
        text = error.what if isinstance(error, RemitError) else made_wrongly(error) or str(error)
    except Exception as failed:  # noqa: BLE001  # the error of a handler, and its text, are the user's code
        text = f"it has no text, because {type(failed).__name__} was raised for it"
    return storable(f"{type(error).__name__}: {text}")


def storable(text: str) -> str:
    """Makes a text storable: escapes NULs and lone surrogates, and cuts it to 500 characters."""
    return text[:500].replace("\0", "\\x00").encode(errors="backslashreplace").decode()[:500]


def backoff(failures: int, random: Random, longest: float = 30.0) -> float:
    """Seconds to wait after the n-th failure in a row: 200 ms, doubling up to `longest`, with ±50 % jitter below it."""
    delay: float = 0.2 * 2.0 ** min(failures, 10)
    return min(longest, min(longest, delay) * random.uniform(0.5, 1.5))


def retry_after(attempts: int) -> float:
    """Seconds until a parked key is retried automatically: 30 s doubling up to 6 hours."""
    delay: float = 30.0 * 2.0 ** min(attempts, 12)
    return min(6 * 3600.0, delay)


def next_try(error: BaseException, now: float, attempts: int) -> float:
    """When a parked key is retried automatically (seconds since the epoch). Never after `Diverged`: the calls of the
    earlier decision have had their effect, so a person has to say whether the handler may decide anew."""
    return NEVER if isinstance(error, Diverged) else now + retry_after(attempts)


class Storm:
    """Detects that many keys are parked within a minute: then the deployment is broken, not the messages.

    A subscription in a storm pauses and retries instead of parking more keys. Partitions check, park and count while
    they hold `turn`.
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=STORM_PARKS)
        self.turn = asyncio.Lock()

    def parked(self, now: float) -> None:
        """Counts a parked key."""
        self._times.append(now)

    def raging(self, now: float) -> bool:
        """True while no further key may be parked."""
        return len(self._times) == STORM_PARKS and self._times[0] >= now - STORM_SECONDS
