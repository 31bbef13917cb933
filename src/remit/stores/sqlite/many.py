"""Writes many rows by one statement.

With each statement, SQLite leaves the interpreter to the other threads and then waits for it. Where the event loop
works meanwhile, that takes longer than writing a row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

_MANY = 16
"""The rows of one statement. Fewer are written one by one: each number of rows would need a statement of its own."""


class RowStatement(NamedTuple):
    """The SQL that writes one row, and the SQL that writes several."""

    one: str
    many: str


def for_rows(sql: str, width: int, one: str = "") -> RowStatement:
    """The statement for rows of so many values. `sql` has `{}` where they stand, as after VALUES. `one` is another SQL
    for one row."""
    row = f"({', '.join('?' * width)})"
    return RowStatement(one or sql.format(row), sql.format(", ".join([row] * _MANY)))


def write_all(connection: sqlite3.Connection, statement: RowStatement, rows: Sequence[tuple[Any, ...]]) -> int:
    """Writes rows and returns how many were written."""
    whole, written = len(rows) - len(rows) % _MANY, 0
    for first in range(0, whole, _MANY):
        values = [*chain.from_iterable(rows[first : first + _MANY])]
        written += connection.execute(statement.many, values).rowcount
    if whole < len(rows):
        written += connection.executemany(statement.one, rows[whole:]).rowcount
    return written
