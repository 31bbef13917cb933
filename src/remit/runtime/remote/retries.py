"""Whether a call is worth making at all, and again: a budget of retries, and how long an answer usually takes."""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar

TOKENS = 10.0
EARNED = 0.1
"""What a success gives back of the one token that a failure costs."""

retrying: ContextVar[bool] = ContextVar("retrying", default=False)
"""Whether the work going on is itself the second attempt of somebody further out. Then nobody further in tries again:
three layers with five attempts each would be 125 calls."""


class Budget:
    """Tokens of one target: a failure costs one, a success gives back a tenth. Half of them have to be there."""

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens = TOKENS

    def succeeded(self) -> None:
        """A call was answered."""
        self._tokens = min(TOKENS, self._tokens + EARNED)

    def failed(self) -> None:
        """A call found nobody, got no answer, or was turned away."""
        self._tokens = max(0.0, self._tokens - 1.0)

    def allows(self) -> bool:
        """Whether a failed call may be tried again."""
        return self._tokens > TOKENS / 2


ANSWERS = 15
"""So many are remembered."""
ENOUGH = 5
"""Fewer answers than these say nothing."""
REMEMBERED_SECONDS = 10.0
"""Answers that are older say nothing: calls that are not made bring no new ones, and nobody may be locked out."""


class Usual:
    """The answers to one kind of message: when they came, and how long they took."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: deque[tuple[float, float]] = deque(maxlen=ANSWERS)

    def took(self, seconds: float, now: float) -> None:
        """Notes an answer. `now` is the time of the loop."""
        self._answers.append((now, seconds))

    def seconds(self, now: float) -> float:
        """What half of the last answers took at most; 0.0 while too few are known."""
        since = now - REMEMBERED_SECONDS
        lately = sorted(seconds for at, seconds in self._answers if at > since)
        return lately[(len(lately) - 1) // 2] if len(lately) >= ENOUGH else 0.0
