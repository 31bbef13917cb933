"""The port of row models: tables of rows with indexed columns, which units of work write.

A store compares the values of columns as bytes and knows nothing of their types. Whoever writes rows gives the values
in a form whose bytes have the order of the values (`remit.messages.sorting`). So all stores sort alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from zlib import crc32

_KEPT = 40
"""PostgreSQL cuts names of more than 63 characters. These are parts of names."""


class RowTable(NamedTuple):
    """A table of rows: what a row model declares."""

    name: str
    columns: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]
    """The columns of each index. The identity is the last column of each, and needs no index of its own."""


class RowChange(NamedTuple):
    """A row to write. `expected` is the version it was loaded with, 0 if it is new.

    An empty body deletes the row. `version` is the version after the change. A new row needs one that no earlier row
    with its identity has had, so that an older load always conflicts.
    """

    table: RowTable
    id: str
    expected: int
    version: int
    body: bytes
    values: tuple[bytes, ...]
    """One for each column of the table."""


class Selection(NamedTuple):
    """Which rows of a table, and in what order: those with these first values of an index, in the order of its other
    columns and of the identity (by code points)."""

    table: RowTable
    by: tuple[str, ...]
    """The columns of one index of the table; none: all rows, in the order of identities."""
    equal: tuple[bytes, ...] = ()
    """The values of the first columns of the index."""
    least: bytes | None = None
    most: bytes | None = None
    """The bounds of the next column, which may have these values too."""
    descending: bool = False
    """Whether the other columns and the identity are ordered from the highest down."""

    @property
    def ordered(self) -> tuple[str, ...]:
        """The columns by which rows are ordered, before their identity."""
        return self.by[len(self.equal) :]


Place = tuple[tuple[bytes, ...], str]
"""Where a row is in a selection: the values of the columns by which it is ordered, and its identity."""


SelectedRow = Sequence[Any]
"""A row of a selection, as the driver gives it: its identity, its body as bytes or text, and then the values of the
columns by which the selection is ordered."""


class Rows(Protocol):
    """Row models."""

    async def prepare_rows(self, tables: Sequence[RowTable]) -> None:
        """Makes missing tables and indexes. Tables that are complete are not written to. Raises `StoreError` for a
        table that has other columns, and if this user may not make what is missing."""
        ...

    async def load_rows(self, table: RowTable, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        """Version and body of the rows with these identities, in one round trip. Missing ones are left out."""
        ...

    async def select_rows(self, selection: Selection, after: Place | None, limit: int) -> Sequence[SelectedRow]:
        """At most `limit` rows of a selection, in its order: its first ones, or those behind the place `after`."""
        ...

    async def count_rows(self, selection: Selection) -> int:
        """The number of rows of a selection. It reads the index of all of them."""
        ...


def shortened(name: str, most: int = _KEPT) -> str:
    """A name of at most `most` characters of ASCII; different names stay different."""
    if name.isascii() and len(name) <= most:
        return name
    plain = "".join(each if each.isascii() else "_" for each in name)
    return f"{plain[: most - 9]}_{crc32(name.encode()):08x}"


def row_table(model: str, number: int, fields: Sequence[str], indexes: Sequence[Sequence[str]]) -> RowTable:
    """The table of the version `number` of a row model. The only place that makes its name."""
    columns = {field: f"f_{shortened(field)}" for field in fields}
    found = dict.fromkeys(tuple(columns[field] for field in index) for index in indexes)
    return RowTable(f"row_{shortened(model)}_{number}", tuple(columns.values()), tuple(found))
