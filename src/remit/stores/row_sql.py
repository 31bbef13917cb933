"""The SQL of row models, as far as databases agree. Placeholders are `$1`, `$2`; SQLite writes them `?1`, `?2`."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

from remit.errors import StoreError
from remit.stores.rows import Place, RowTable, Selection
from remit.stores.tables import quoted


class Query(NamedTuple):
    """A statement, and its values."""

    sql: str
    values: tuple[Any, ...]


def select(selection: Selection, after: Place | None, limit: int, mark: str, body: str = "body") -> Query:
    """Identity, body and ordered values of the rows."""
    values = _values(selection) if after is None else (*_values(selection), *after[0], after[1])
    text = _text(selection.table, selection.by, *_shape(selection), selection.descending, after is not None, mark, body)
    return Query(text, (*values, limit))


def count(selection: Selection, mark: str) -> Query:
    """The number of rows."""
    return Query(_counting(selection.table, selection.by, *_shape(selection), mark), _values(selection))


def index_names(table: RowTable) -> dict[str, tuple[str, ...]]:
    """The columns of each index by its name, which tells its columns: an index of other columns has another one."""
    return {f"{table.name}_by_{crc32(repr(each).encode()):08x}": each for each in table.indexes}


def other_columns(table: RowTable, there: Collection[str], where: str) -> StoreError:
    """The error for a table whose columns are those of other indexes."""
    found, wanted = (", ".join(sorted(each - {"id", "version", "body"})) for each in ({*there}, {*table.columns}))
    return StoreError(
        f"table {table.name} was made for indexes of other fields: {found or 'none'}", where=where,
        expected=f"columns for {wanted or 'no index'}",
        next="run remit rebuild for the row model, which makes another table with these columns; or declare the "
        "indexes that the table was made for",
    )  # fmt: skip


def _values(selection: Selection) -> tuple[bytes, ...]:
    bounds = (selection.least, selection.most)
    return (*selection.equal, *(bound for bound in bounds if bound is not None))


def _shape(selection: Selection) -> tuple[int, bool, bool]:
    return len(selection.equal), selection.least is not None, selection.most is not None


def _where(index: tuple[str, ...], equal: int, least: bool, most: bool, mark: str) -> list[str]:
    tests = [f"{quoted(column)} = {mark}{nth}" for nth, column in enumerate(index[:equal], 1)]
    if least:
        tests.append(f"{quoted(index[equal])} >= {mark}{len(tests) + 1}")
    if most:
        tests.append(f"{quoted(index[equal])} <= {mark}{len(tests) + 1}")
    return tests


@lru_cache(1000)
def _text(
    table: RowTable, index: tuple[str, ...], equal: int, least: bool, most: bool, descending: bool, after: bool,
    mark: str, body: str,
) -> str:  # fmt: skip
    ordered = [*map(quoted, index[equal:]), "id"]
    tests = _where(index, equal, least, most, mark)
    last = len(tests)
    if after:
        places = ", ".join(f"{mark}{last + nth}" for nth in range(1, len(ordered) + 1))
        tests.append(f"({', '.join(ordered)}) {'<' if descending else '>'} ({places})")
        last += len(ordered)
    order = ", ".join(f"{column} DESC" if descending else column for column in ordered)
    columns = ", ".join(["id", body, *ordered[:-1]])
    condition = f" WHERE {' AND '.join(tests)}" if tests else ""
    return f"SELECT {columns} FROM {quoted(table.name)}{condition} ORDER BY {order} LIMIT {mark}{last + 1}"  # noqa: S608  names are quoted


@lru_cache(1000)
def _counting(table: RowTable, index: tuple[str, ...], equal: int, least: bool, most: bool, mark: str) -> str:
    tests = _where(index, equal, least, most, mark)
    condition = f" WHERE {' AND '.join(tests)}" if tests else ""
    return f"SELECT count(*) FROM {quoted(table.name)}{condition}"  # noqa: S608  names are quoted
