"""How long a call usually takes: who has less time than that need not ask at all."""

from __future__ import annotations

from collections import deque

__all__ = ["Usual"]

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
