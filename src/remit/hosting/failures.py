"""Failures of a command line or of a start."""

from __future__ import annotations

from remit.errors import RemitError

UNUSABLE = 2
"""The exit code of a process that cannot do what it was asked, and would fail again in the same way."""


class Failure(RemitError):
    """Something cannot be done as it was asked. Each instance has its own code."""

    def __init__(self, code: str, what: str, *, where: str = "", expected: str = "", next: str = "") -> None:
        super().__init__(what, where=where, expected=expected, next=next)
        self.code = code
