"""Records: data that a context stores without rules of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from typing_extensions import TypeVar

from remit.messages import Value

K = TypeVar("K")


class Record(Value, Generic[K]):
    """An immutable record with an identity, stored as it was put: `class Room(Record[str])`.

    It makes no decisions and records no events. Two records of one class with equal fields are equal. Class options:
    those of `Value`, and `version`, the version of the stored form.
    """

    __remit_stored__ = True

    id: K

    if TYPE_CHECKING:

        def __init_subclass__(
            cls, *, name: str | None = None, tag: str | bool | None = None, version: int = 1
        ) -> None: ...

        def _kept(self) -> Record[K]: ...
