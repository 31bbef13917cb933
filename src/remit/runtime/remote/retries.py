"""Decides whether to make or repeat a call, by a retry budget and the usual time of an answer."""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar

TOKENS = 10.0
EARNED = 0.1
"""The part of a token that a success gives back."""

retrying: ContextVar[bool] = ContextVar("retrying", default=False)
"""Whether the current work is itself a repeated attempt of an outer caller. Then inner calls are not repeated: three
layers with five attempts each would be 125 calls."""


class Budget:
    """The retry budget of one address: a failure costs one token, a success gives back a tenth. Repeating needs more
    than half of the 10 tokens."""

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens = TOKENS

    def succeeded(self) -> None:
        """A call was answered."""
        self._tokens = min(TOKENS, self._tokens + EARNED)

    def failed(self) -> None:
        """A call reached nothing, got no answer, or was shed."""
        self._tokens = max(0.0, self._tokens - 1.0)

    def allows(self) -> bool:
        """Whether a failed call may be repeated."""
        return self._tokens > TOKENS / 2


ANSWERS = 15
"""Answers that are remembered."""
ENOUGH = 5
"""With fewer answers, there is no estimate."""
REMEMBERED_SECONDS = 10.0
"""Older answers are ignored. Refused calls bring no new answers, so an estimate must not last."""


class Usual:
    """Estimates how long an answer to one kind of message takes: the median of up to 15 answers of the last 10 s."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: deque[tuple[float, float]] = deque(maxlen=ANSWERS)

    def took(self, seconds: float, now: float) -> None:
        """Records an answer. `now` is loop time."""
        self._answers.append((now, seconds))

    def seconds(self, now: float) -> float:
        """The estimate in seconds; 0.0 with fewer than 5 recent answers."""
        since = now - REMEMBERED_SECONDS
        lately = sorted(seconds for at, seconds in self._answers if at > since)
        return lately[(len(lately) - 1) // 2] if len(lately) >= ENOUGH else 0.0
