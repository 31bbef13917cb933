"""Records: what a context keeps without rules of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from typing_extensions import TypeVar

from remit.messages import Value

K = TypeVar("K")


class Record(Value, Generic[K]):
    """An immutable record with an identity, kept as it is put: `class Room(Record[str])`.

    It decides nothing and records no events. Two that say the same are equal.
    """

    id: K

    if TYPE_CHECKING:

        def _kept(self) -> Record[K]: ...
