"""Records: data that a context stores without rules of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from typing_extensions import TypeVar

from remit.messages import Value

K = TypeVar("K")


class Record(Value, Generic[K]):
    """An immutable record with an identity, stored as it was put: `class Room(Record[str])`.

    It makes no decisions and records no events. Two records of one class with equal fields are equal.
    """

    id: K

    if TYPE_CHECKING:

        def _kept(self) -> Record[K]: ...
