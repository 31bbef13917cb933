"""Rows of row models in SQLite: their tables, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from sqlite3 import Connection
from typing import Any

from remit.errors import Conflict
from remit.stores.row_sql import index_names, other_columns
from remit.stores.rows import RowChange, RowTable
from remit.stores.tables import quoted

_COLUMNS = "SELECT name FROM pragma_table_info(?)"
_INDEXES = "SELECT name FROM pragma_index_list(?)"


def missing(fetch: Callable[..., Iterable[Any]], table: RowTable, where: str) -> Iterator[str]:
    """The statements that make what is missing of a table. Raises `StoreError` if it has other columns."""
    there = {name for (name,) in fetch(_COLUMNS, table.name)}
    name = quoted(table.name)
    if not there:
        columns = "".join(f", {quoted(column)} BLOB NOT NULL" for column in table.columns)
        known = "id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL"
        yield f"CREATE TABLE {name} ({known}{columns})"
    elif there - {"id", "version", "body"} != {*table.columns}:
        raise other_columns(table, there, where)
    made = {index for (index,) in fetch(_INDEXES, table.name)}
    for index, fields in index_names(table).items():
        if index not in made:
            yield f"CREATE INDEX {quoted(index)} ON {name} ({', '.join(map(quoted, fields))}, id)"


def make(connection: Connection, tables: Sequence[RowTable], where: str) -> None:
    """Makes what is missing of tables. Needs a transaction. Raises as `missing`."""

    def fetch(sql: str, *values: str) -> Iterable[Any]:
        return connection.execute(sql, values)

    for table in tables:
        for statement in list(missing(fetch, table, where)):
            connection.execute(statement)


def load(table: RowTable, ids: Collection[str], most: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The queries for rows by identity, at most `most` in each."""
    every = list(ids)
    for start in range(0, len(every), most):
        some = tuple(every[start : start + most])
        marks = ", ".join("?" * len(some))
        yield f"SELECT id, version, CAST(body AS BLOB) FROM {quoted(table.name)} WHERE id IN ({marks})", some  # noqa: S608  the name is quoted


def write(execute: Callable[[str, Sequence[object]], Any], row: RowChange) -> None:
    """Writes one row. Raises `Conflict`."""
    table, id, expected, version, body, values = row
    new, changed, gone = _statements(table)
    if not body:
        done = execute(gone, (id, expected))
    elif expected:
        done = execute(changed, (version, str(body, "utf-8"), *values, id, expected))
    else:
        done = execute(new, (id, version, str(body, "utf-8"), *values))
    if not done.rowcount:
        raise Conflict("state", where=f"{table.name} {id}")


@lru_cache(100)
def _statements(table: RowTable) -> tuple[str, str, str]:
    """Inserts, updates, deletes."""
    name, columns = quoted(table.name), list(map(quoted, table.columns))
    listed, marks = ", ".join(["id", "version", "body", *columns]), ", ".join("?" * (3 + len(columns)))
    sets = ", ".join(f"{column} = ?" for column in ["version", "body", *columns])
    return (
        f"INSERT INTO {name} ({listed}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608  names are quoted
        f"UPDATE {name} SET {sets} WHERE id = ? AND version = ?",  # noqa: S608  names are quoted
        f"DELETE FROM {name} WHERE id = ? AND version = ?",  # noqa: S608  the name is quoted
    )
