"""How a context says that its read models are rebuilt: by itself or by an operator, from what, and what checks the
result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from typing_extensions import TypeVar

from remit.contexts.declarations import where
from remit.domain import Aggregate, Projection

Check = TypeVar("Check", bound=Callable[[Any, Any], Awaitable[str | None]])
Document = TypeVar("Document", bound=Projection[Any, Any])
State = TypeVar("State", bound=Aggregate[Any, Any])


class FromState(NamedTuple):
    """A declaration of `Context.from_state`."""

    projection: type[Projection[Any, Any]]
    aggregate: type[Aggregate[Any, Any]]
    function: Callable[[Any], Any]

    @property
    def place(self) -> str:
        """`file:line` of the function, for findings."""
        return where(self.function)


class Rebuilding:
    """A context, in so far as it collects how its read models are rebuilt."""

    def __init__(self) -> None:
        super().__init__()
        self.rebuilt_at_start: list[type] = []
        """The read models that a service rebuilds by itself, if their code has changed."""
        self.rebuilt_checks: list[tuple[type, Callable[[Any, Any], Awaitable[str | None]]]] = []
        self.states: list[FromState] = []
        """How read models are made from the states of aggregates."""

    def check_rebuilt(self, projection: type[Projection[Any, Any]], /) -> Callable[[Check], Check]:
        """Declares a check of each new version of a read model that a rebuild has made, before it becomes live.

        The function gets the new version and the live one: `async def check(new: View[Sales], live: View[Sales])`. It
        returns what is wrong, or None. If something is wrong, or if it raises, the rebuild does not switch.
        """

        def declare(check: Check) -> Check:
            self.rebuilt_checks.append((projection, check))
            return check

        return declare

    def from_state(
        self, projection: type[Document], aggregate: type[State], /
    ) -> Callable[[Callable[[State], Document | None]], Callable[[State], Document | None]]:
        """Declares that a rebuild of a read model begins with the states of aggregates, not with the first message.

        The function is pure: `def board_of(basket: Basket) -> Board | None`. It makes the document or row whose key is
        the identity of the aggregate, as it is after all events up to now, or returns None if there is none. What is
        recorded later is folded. The aggregate is one of the context, and the read model follows domain events of the
        context only.
        """

        def declare(function: Callable[[State], Document | None]) -> Callable[[State], Document | None]:
            self.states.append(FromState(projection, aggregate, function))
            return function

        return declare
