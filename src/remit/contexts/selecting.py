"""Queries of row models as handlers write them: ranges, the rows that were selected, and pages of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic

from typing_extensions import TypeVar

from remit.domain import Projection
from remit.messages import Value

T = TypeVar("T")
Other = TypeVar("Other")
R = TypeVar("R", bound=Projection[Any, Any])

LARGEST_PAGE = 1000
"""The most rows of a page."""


@dataclass(frozen=True)
class AtLeast(Generic[T]):
    """The values from `least` on: `where(courier="ada", at=AtLeast(monday))`."""

    least: T


@dataclass(frozen=True)
class AtMost(Generic[T]):
    """The values up to `most`, which is included. `None` comes before all other values."""

    most: T


@dataclass(frozen=True)
class Between(Generic[T]):
    """The values from `least` to `most`, both included."""

    least: T
    most: T


class Page(Value, Generic[T]):
    """Some of the items of a query, and where the next ones begin."""

    items: list[T]
    next: str | None = None
    """The cursor of the next page; None after the last one."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def map(self, make: Callable[[T], Other]) -> Page[Other]:
        """A page with what `make` returns for each item, for a query that answers with values of its own."""
        return Page(items=list(map(make, self.items)), next=self.next)


class Selected(Generic[R]):
    """The rows of a row model that a handler has selected, in an order."""

    __slots__ = ()

    def order(self, *fields: str) -> Selected[R]:
        """The same rows in the order of these fields, which follow the filtered ones in an index: `order("at")`, or
        from the highest down `order("-at")`. Rows with equal values are ordered by the rest of the index and the text
        of the key, in the same direction. Without a call, that is the whole order.

        Raises `NoIndex` if no declared index has this order.
        """
        raise NotImplementedError

    async def page(self, *, limit: int = 100, after: str | None = None) -> Page[R]:
        """At most `limit` rows (1 to 1,000): the first ones, or those behind the cursor `after`, which is the `next` of
        the page before. Rows that are added or removed meanwhile are neither missed nor repeated elsewhere.

        Raises `BadCursor` for a text that is no cursor of this query, and `BadLimit` for another limit.
        """
        raise NotImplementedError

    async def count(self) -> int:
        """The number of selected rows. It reads the index of all of them."""
        raise NotImplementedError
