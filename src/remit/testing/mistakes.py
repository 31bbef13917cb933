"""Errors of a test itself, as opposed to failures that the test has found."""

from __future__ import annotations

from remit.errors import RemitError


class KitError(RemitError):
    """The test misuses the kit, or a double goes beyond its published language."""

    code = "testing.misuse"
