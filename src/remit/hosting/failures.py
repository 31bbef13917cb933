"""What cannot be done as asked."""

from __future__ import annotations

from remit.errors import RemitError

UNUSABLE = 2
"""The exit code of a process that cannot do what it was asked: it would end in the same way again."""


class Failure(RemitError):
    """Something that cannot be done as asked. Each says its own code."""

    def __init__(self, code: str, what: str, *, where: str = "", expected: str = "", next: str = "") -> None:
        super().__init__(what, where=where, expected=expected, next=next)
        self.code = code
