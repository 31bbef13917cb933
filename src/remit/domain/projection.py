"""Projections: documents folded from events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from remit.domain.mutable import Mutable

K = TypeVar("K")
E = TypeVar("E")


class Projection(Mutable, Generic[K, E]):
    """A read model: the class is the document, its field defaults are the initial value.

    `Projection[Key, A | B]` is kept up to date from the events A and B: `key` says which document an event belongs to,
    `evolve` changes the document. Both are pure. Two documents of one class with equal fields are equal. A document has
    no hash, because it changes.
    """

    @staticmethod
    def key(event: E, /) -> K:
        """The key of the document this event belongs to."""
        raise NotImplementedError

    def evolve(self, event: E, /) -> None:
        """Takes the event into the document."""
        raise NotImplementedError

    if TYPE_CHECKING:

        def _keyed(self) -> Projection[K, Any]: ...
