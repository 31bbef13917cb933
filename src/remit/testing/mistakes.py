"""What is wrong with a test itself, as opposed to what the test has found."""

from __future__ import annotations

from remit.errors import RemitError


class KitError(RemitError):
    """The test asks for what the kit cannot do, or a double says what its published language does not allow."""

    code = "testing.misuse"
