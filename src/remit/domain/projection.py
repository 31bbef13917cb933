"""Projections: documents folded from events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic

from typing_extensions import TypeVar

from remit.domain.freshness import Freshness
from remit.domain.mutable import Mutable

K = TypeVar("K")
E = TypeVar("E")


class Projection(Mutable, Generic[K, E]):
    """A read model. The class is the document; the defaults of its fields are the initial document.

    `Projection[Key, A | B]` is updated from the events A and B: `key` returns the key of the document to which an event
    belongs, and `evolve` changes that document. Both must be pure. Two documents of one class with equal fields are
    equal. A document is mutable, so it has no hash. The class option `freshness` promises how old it may be.
    """

    __remit_freshness__: ClassVar[Freshness | None] = None

    @staticmethod
    def key(event: E, /) -> K:
        """The key of the document to which this event belongs."""
        raise NotImplementedError

    def evolve(self, event: E, /) -> None:
        """Applies the event to the document."""
        raise NotImplementedError

    if TYPE_CHECKING:

        def __init_subclass__(
            cls, *, recording: bool = False, version: int = 1, freshness: Freshness | None = None
        ) -> None: ...

        def _keyed(self) -> Projection[K, Any]: ...


def freshness_of(projection: type[Projection[Any, Any]]) -> Freshness | None:
    """What a read model promises; None if it promises nothing."""
    return projection.__remit_freshness__
