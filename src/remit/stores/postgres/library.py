"""Statements of a library, such as SQLAlchemy's, on a connection of the store: prepared once, and found again.

Nothing of the connection is changed for them but the search path, and that in their transaction only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import asyncpg

from remit.errors import Conflict
from remit.stores.postgres.session import Link
from remit.stores.sql import Answer
from remit.stores.tables import quoted

_MOST = 200
"""The most statements that a connection keeps prepared for a library."""
_COUNT = re.compile(r"(?:SELECT|UPDATE|DELETE|MERGE|COPY|INSERT \d+) (\d+)")
_DEFAULT = "SET LOCAL search_path TO DEFAULT"
# A schema in which a context keeps its tables is reached by its name only, so that the context map is asked.
_SEARCHED = """
    SELECT name FROM unnest(current_schemas(false)) WITH ORDINALITY AS searched (name, place)
    WHERE name <> $1 AND to_regclass(format('%I.remit_meta', name)) IS NULL ORDER BY place
"""
_STALE = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)


def counted(told: str) -> int:
    """The number of rows that a statement has read or written, by what the server says; -1 if it does not say."""
    found = _COUNT.match(told)
    return int(found[1]) if found else -1


async def wide_path(link: Link) -> str:
    """The schemas in which a library's names are looked up: that of the context, then those that the user, the database
    or the address names, without schemas of other contexts. Call it in a transaction; it changes the path."""
    if not link.wide_path:
        await link.run(_DEFAULT)
        rows = await link.connection.fetch(_SEARCHED, link.schema)
        names = [link.schema, *(row[0] for row in rows)]
        link.wide_path = ", ".join([*map(quoted, names), "pg_temp"])
    return link.wide_path


async def run(link: Link, statement: str, values: Sequence[object], where: str) -> Answer:
    """Runs a statement. Raises the driver's errors, and `Conflict` after a migration: then it is prepared anew."""
    try:
        prepared, columns = await _prepared(link, statement)
        rows: list[Any] = await prepared.fetch(*values)
    except _STALE as error:
        await _forget(link)
        raise Conflict("sql", where=where) from error
    return Answer(columns, rows, counted(prepared.get_statusmsg() or ""))


async def run_many(link: Link, statement: str, many: Sequence[Sequence[object]], where: str) -> Answer:
    """Runs a statement once for each of these values. Raises as `run`."""
    try:
        prepared, _ = await _prepared(link, statement)
        await prepared.executemany(many)
    except _STALE as error:
        await _forget(link)
        raise Conflict("sql", where=where) from error
    return Answer((), (), -1)


async def _prepared(link: Link, statement: str) -> tuple[Any, list[tuple[str, int]]]:
    known = link.of_library.pop(statement, None)
    if known is None:
        # Behind a pooler the next transaction may run on another server process, which has no such statement.
        prepared = await link.connection.prepare(statement, name="" if link.pooled else None)
        known = prepared, [(column.name, column.type.oid) for column in prepared.get_attributes()]
        if link.pooled:
            return known
    link.of_library[statement] = known  # the newest is the last
    if len(link.of_library) > _MOST:
        del link.of_library[next(iter(link.of_library))]
    return known


async def _forget(link: Link) -> None:
    link.of_library.clear()
    await link.connection.reload_schema_state()
