"""What a command cannot do as asked, and the exit codes."""

from __future__ import annotations

from remit.errors import RemitError

__all__ = ["REFUSED", "UNUSABLE", "UNWELL", "Failure"]

UNWELL = 1
"""The command worked, and what it saw needs somebody."""
UNUSABLE = 2
"""The command cannot be done as asked."""
REFUSED = 3
"""The domain said no."""


class Failure(RemitError):
    """A command that cannot be done as asked. Each says its own code."""

    def __init__(self, code: str, what: str, *, where: str = "", expected: str = "", next: str = "") -> None:
        super().__init__(what, where=where, expected=expected, next=next)
        self.code = code
