"""Row models: projections that are stored as rows of a table, and found by indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import TypeVar

from remit.domain.freshness import Freshness
from remit.domain.projection import Projection

K = TypeVar("K")
E = TypeVar("E")

Indexes = tuple[tuple[str, ...], ...]

if TYPE_CHECKING:

    class Row(Projection[K, E]):
        """A read model that is stored as one row for each key, and found by the fields of its indexes.

        `class OpenShipment(Row[str, Assigned | Delivered], indexes=[("courier", "at")])` is declared, and folded from
        its events, as a `Projection` is. In addition, `evolve` may call `remove`.
        """

        __remit_indexes__: ClassVar[Indexes]

        def __init_subclass__(
            cls, *, indexes: Sequence[tuple[str, ...]] = (), version: int = 1, freshness: Freshness | None = None
        ) -> None: ...

        def remove(self) -> None:
            """For `evolve`: the row ends with this event. A later event with its key begins a new one."""

else:

    class Row(Projection[K, E], recording=True):
        """A read model that is stored as one row for each key, and found by the fields of its indexes.

        `class OpenShipment(Row[str, Assigned | Delivered], indexes=[("courier", "at")])` is declared, and folded from
        its events, as a `Projection` is. In addition, `evolve` may call `remove`.
        """

        __remit_indexes__: ClassVar[Indexes] = ()

        def remove(self) -> None:
            """For `evolve`: the row ends with this event. A later event with its key begins a new one."""
            self.__dict__["_removed"] = True


def is_removed(row: Projection[Any, Any]) -> bool:
    """Whether `evolve` has removed it. Raises `AttributeError` if `evolve` has set what is no field, which nothing
    would store."""
    held = getattr(row, "__dict__", None)
    if not held:
        return False
    for name in held:
        if name != "_removed":
            raise AttributeError(
                f"{type(row).__name__} has no field {name!r}, and evolve has set it", name=name, obj=row
            )
    return True


def indexes_of(row: type[Row[Any, Any]]) -> Indexes:
    """The declared indexes."""
    return row.__remit_indexes__
