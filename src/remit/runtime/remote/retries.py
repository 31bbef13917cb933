"""Whether a failed call is tried again: a budget per target, so that retries cannot keep a target down."""

from __future__ import annotations

from contextvars import ContextVar

__all__ = ["Budget", "retrying"]

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
