"""Rows of row models in PostgreSQL: their tables, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

import asyncpg

from remit.errors import Conflict, StoreError
from remit.stores.postgres.failures import FAILURES, failure
from remit.stores.postgres.session import Link, Session
from remit.stores.row_sql import index_names, other_columns
from remit.stores.rows import RowChange, RowTable
from remit.stores.tables import quoted
from remit.stores.technology import StoreAddress

_COLUMNS = """
    SELECT a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
"""
_INDEXES = """
    SELECT i.relname::text, x.indisvalid, x.indisprimary
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
"""
_LOCK = "SELECT pg_advisory_xact_lock(1919772020)"
_OF_ROWS = (asyncpg.UniqueViolationError, asyncpg.ProgramLimitExceededError)
"""Errors of a key or an index that the rows of a table do not fit."""
_PATIENT, _BOUND = "SET LOCAL lock_timeout = 0", "SET LOCAL lock_timeout = '2s'"
_INVALID = "EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('{index}') AND NOT indisvalid)"
_DROP_INVALID = f"""DO $$ BEGIN
    IF {_INVALID} THEN
        LOCK TABLE {{table}} IN ACCESS EXCLUSIVE MODE;  -- waits for who may be making it
        IF {_INVALID} THEN DROP INDEX {{index}}; END IF;
    END IF;
END $$;"""
_KEY = """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = to_regclass('{table}') AND indisprimary) THEN
        ALTER TABLE {table} ADD PRIMARY KEY (id);
    END IF;
END $$;"""


def script(schema: str, tables: Sequence[RowTable]) -> str:
    """The SQL that makes the tables and indexes of row models, to be run in one transaction. It does nothing if nothing
    is missing. The schema must exist."""
    parts = [f"{_LOCK};", f"SET LOCAL search_path = {quoted(schema)}, pg_temp;"] if tables else []
    parts += [statement for table in tables for statement in _making(table)]
    return "".join(f"{part}\n" for part in parts)


def _making(table: RowTable) -> list[str]:
    name = quoted(table.name)
    columns = "".join(f", {quoted(column)} bytea NOT NULL" for column in table.columns)
    known = 'id text COLLATE "C" PRIMARY KEY, version bigint NOT NULL, body text NOT NULL'
    made = [f"CREATE TABLE IF NOT EXISTS {name} ({known}{columns});", _KEY.format(table=name)]
    for index, fields in index_names(table).items():
        made.append(_DROP_INVALID.format(table=name, index=quoted(index)))
        made.append(f"CREATE INDEX IF NOT EXISTS {quoted(index)} ON {name} ({', '.join(map(quoted, fields))}, id);")
    return made


async def prepare(session: Session, place: StoreAddress, tables: Sequence[RowTable]) -> list[str]:
    """Makes what is missing, and returns the names of the tables that lacked something. Raises `StoreError`,
    `StoreUnavailable`."""
    try:
        async with session.transaction() as link:
            lacking = await _lacking(link, place, tables)
        return await _make(session, place, list(lacking)) if lacking else []
    except FAILURES as error:
        raise failure(error, place.shown) from error


async def make(place: StoreAddress, tables: Sequence[RowTable]) -> list[str]:
    """As `prepare`, on a connection of its own."""
    session = Session(place, "migrate")
    try:
        return await prepare(session, place, tables) if tables else []
    finally:
        await session.close()


async def _lacking(link: Link, place: StoreAddress, tables: Sequence[RowTable]) -> dict[RowTable, list[str]]:
    """What is missing of tables, by those that lack something. Raises `StoreError` if one has other columns."""
    found = {table: await _lacks(link, place, table) for table in tables}
    return {table: what for table, what in found.items() if what}


async def _lacks(link: Link, place: StoreAddress, table: RowTable) -> list[str]:
    there = {str(name) for (name,) in await link.fetch(_COLUMNS, place.schema, table.name)}
    if not there:
        return [f"table {table.name}"]
    if there - {"id", "version", "body"} != {*table.columns}:
        raise other_columns(table, there, place.shown)
    made = {
        str(name): (valid, primary) for name, valid, primary in await link.fetch(_INDEXES, place.schema, table.name)
    }
    lacks = [] if any(primary for _, primary in made.values()) else [f"primary key of {table.name}"]
    for index, fields in index_names(table).items():
        if not made.get(index, (False, False))[0]:
            what = f"index {index} ({', '.join(fields)})"
            lacks.append(f"{what}, which PostgreSQL calls invalid" if index in made else what)
    return lacks


async def _make(session: Session, place: StoreAddress, tables: Sequence[RowTable]) -> list[str]:
    """Makes what is missing of tables, as soon as no other process does, and returns the names of those that still
    lacked something then."""
    async with session.transaction() as link:
        await link.connection.execute(f"{_PATIENT}; {_LOCK}; {_BOUND}")  # without a timeout: an index may take long
        if not (lacking := await _lacking(link, place, tables)):
            return []
        try:
            await link.connection.execute(script(place.schema, list(lacking)))
        except (asyncpg.InsufficientPrivilegeError, *_OF_ROWS) as error:
            what = f"this is missing for row models: {', '.join(each for lacks in lacking.values() for each in lacks)}"
            raise _not_made(what, error, place.shown) from error
        await link.commit()
    return [table.name for table in lacking]


def _not_made(what: str, error: asyncpg.PostgresError, where: str) -> StoreError:
    if isinstance(error, _OF_ROWS):
        return StoreError(
            f"{what}. It cannot be made of the rows that are there: {error.args[0]}", where=where,
            expected="rows that remit has written, one for each key",
            next="restore the table from a whole backup",
        )  # fmt: skip
    return StoreError(
        f"{what}. This user may not make it: {error.args[0]}", where=where,
        expected="tables and indexes made before, or a user with that right",
        next="run remit migrate with the rights of the schema's owner, before the services start",
    )  # fmt: skip


@lru_cache(100)
def load(table: RowTable) -> str:
    """Loads rows by identity."""
    return f"SELECT id, version, body FROM {quoted(table.name)} WHERE id = ANY ($1::text[])"  # noqa: S608  the name is quoted


async def write(link: Link, rows: Sequence[RowChange]) -> None:
    """Writes rows in a transaction: one statement for each table and kind of change. Raises `Conflict`."""
    for table, changes in groupby(sorted(rows, key=lambda row: (row.table.name, row.id)), key=attrgetter("table")):
        some = list(changes)
        new = [row for row in some if row.body and not row.expected]
        changed = [row for row in some if row.body and row.expected]
        gone = [row for row in some if not row.body]
        for sql, of_kind in zip(_statements(table), (new, changed, gone), strict=True):
            if of_kind:
                done = {str(id) for (id,) in await link.fetch(sql, *_columns(of_kind))}
                lost = next((row.id for row in of_kind if row.id not in done), None)
                if lost is not None:
                    raise Conflict("state", where=f"{table.name} {lost}")


def _columns(rows: Sequence[RowChange]) -> list[Sequence[object]]:
    """The values of changes of one kind, by column; of rows to delete, identity and version."""
    columns: list[Sequence[object]] = [[row.id for row in rows], [row.expected for row in rows]]
    if rows[0].body:
        columns += [[row.version for row in rows], [str(row.body, "utf-8") for row in rows]]
        columns += [[row.values[nth] for row in rows] for nth in range(len(rows[0].values))]
    return columns


@lru_cache(100)
def _statements(table: RowTable) -> tuple[str, str, str]:
    """Inserts, updates, deletes. Each returns the identities of what it wrote."""
    name, columns = quoted(table.name), list(map(quoted, table.columns))
    listed = ", ".join(["id", "version", "body", *columns])
    arrays = ", ".join(f"${nth}::bytea[]" for nth in range(5, 5 + len(columns)))
    given = f"unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[]{', ' if columns else ''}{arrays})"
    named = ", ".join(["id", "expected", "version", "body", *columns])
    sets = ", ".join(f"{column} = w.{column}" for column in ["version", "body", *columns])
    taken = ", ".join(f"w.{column}" for column in ["id", "version", "body", *columns])
    loaded = " WHERE t.id = w.id AND t.version = w.expected RETURNING t.id"
    return (
        f"INSERT INTO {name} ({listed}) SELECT {taken} FROM {given} AS w ({named}) ON CONFLICT DO NOTHING RETURNING id",  # noqa: S608  names are quoted
        f"UPDATE {name} t SET {sets} FROM {given} AS w ({named}){loaded}",  # noqa: S608  names are quoted
        f"DELETE FROM {name} t USING unnest($1::text[], $2::bigint[]) AS w (id, expected){loaded}",  # noqa: S608  the name is quoted
    )
