"""How a context says that its read models are rebuilt: by itself or by an operator, and what checks the result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from typing_extensions import TypeVar

from remit.domain import Projection

Check = TypeVar("Check", bound=Callable[[Any, Any], Awaitable[str | None]])


class Rebuilding:
    """A context, in so far as it collects how its read models are rebuilt."""

    def __init__(self) -> None:
        super().__init__()
        self.rebuilt_at_start: list[type] = []
        """The read models that a service rebuilds by itself, if their code has changed."""
        self.rebuilt_checks: list[tuple[type, Callable[[Any, Any], Awaitable[str | None]]]] = []

    def check_rebuilt(self, projection: type[Projection[Any, Any]], /) -> Callable[[Check], Check]:
        """Declares a check of each new version of a read model that a rebuild has made, before it becomes live.

        The function gets the new version and the live one: `async def check(new: View[Sales], live: View[Sales])`. It
        returns what is wrong, or None. If something is wrong, or if it raises, the rebuild does not switch.
        """

        def declare(check: Check) -> Check:
            self.rebuilt_checks.append((projection, check))
            return check

        return declare
