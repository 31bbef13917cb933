"""The file of a store: reading it without writing, opening it with its settings, migrating it, checking its owner."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from importlib import resources
from pathlib import Path
from typing import Any

from remit.errors import StoreError
from remit.stores.sqlite.failures import not_to_be_read

# "rmit" in the file's header tells remit's files from those of other programs.
_APPLICATION = 0x726D6974
_STATEMENTS_KEPT = 64
_PATIENCE = 5.0
"""Seconds to wait for a lock of another process."""
_TRIES = 200
"""The number of steps of that wait where SQLite does not wait itself."""


def look(path: Path, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
    """The rows of one query, on a connection of its own. Raises `StoreError`, `StoreUnavailable`.

    If there is a write-ahead log, another process may be writing, and SQLite reads as usual. Without one, no process
    has the file open, and SQLite would create a log to read it; `immutable` prevents that. Since this may change at any
    time, it is checked for each query.
    """
    alone = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    place = f"{path.absolute().as_uri()}?mode=ro{alone}"
    try:
        with closing(sqlite3.connect(place, uri=True, timeout=_PATIENCE, isolation_level=None)) as connection:
            return connection.execute(sql, values).fetchall()
    except sqlite3.Error as error:
        raise not_to_be_read(error, str(path)) from error


def make_private(path: Path) -> None:
    """Makes an empty file and missing directories that only this user may access. SQLite gives its two additional files
    the same rights. Raises `OSError` if a directory cannot be made."""
    for folder in reversed([path.parent, *path.parent.parents]):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
    with suppress(OSError):  # it exists; or it cannot be made, which SQLite reports
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def connect(path: Path) -> sqlite3.Connection:
    """A connection without implicit transactions, durable at every COMMIT, that waits 5 s for a lock."""
    # Each connection is used by one thread at a time, though not always by the one that made it.
    connection = sqlite3.connect(
        path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS_KEPT
    )
    try:
        # In WAL mode, NORMAL would lose the last commits in a power failure.
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> str:
    """Turns on the write-ahead log. Returns the resulting journal mode.

    SQLite does not wait for locks while it changes the mode, unlike elsewhere. Several processes may create the same
    new file, so the waiting is done here.
    """
    for _ in range(_TRIES):
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        time.sleep(_PATIENCE / _TRIES)  # on the store's own thread
    return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])


def prepare(connection: sqlite3.Connection, path: Path, context: str, partitions: int) -> None:
    """Makes or migrates the tables. Raises `StoreError` if the file has another owner or a newer schema."""
    _refuse_foreign(*_signature(connection), path)
    mode = _write_ahead(connection)
    if mode != "wal":
        raise StoreError(
            f"SQLite cannot keep a write-ahead log here (journal mode {mode})", where=str(path),
            expected="a file on a local disk", next="give a path that is not on a network share and not in memory",
        )  # fmt: skip
    connection.execute("BEGIN IMMEDIATE")
    try:
        _refuse_foreign(*_signature(connection), path)
        _migrate(connection, path)
        _claim(connection, path, {"context": context, "partitions": str(partitions)})
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _signature(connection: sqlite3.Connection) -> tuple[int, int]:
    # In this order: a process that is creating the file commits its tables together with its application id.
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    return tables, application


def inspect(path: Path, context: str) -> int:
    """Returns the number of partitions of a file, without changing it.

    Raises `StoreError` if it has another owner, or a schema version that this release does not read.
    """
    ((tables,),) = look(path, "SELECT count(*) FROM sqlite_master")
    ((application,),) = look(path, "PRAGMA application_id")
    _refuse_foreign(tables, application, path)
    ((version,),) = look(path, "PRAGMA user_version")
    newest = max(_scripts())
    _refuse_newer(version, newest, path)
    if version < newest:
        raise StoreError(
            f"the file has schema version {version}; this release reads version {newest}", where=str(path),
            expected="a file that this release has migrated",
            next="run the system once with this release, which migrates it; or look with the release that made it",
        )  # fmt: skip
    found = dict(look(path, "SELECT name, value FROM meta"))
    _refuse_other(found, {"context": context}, path)
    return int(found["partitions"])


def _refuse_foreign(tables: int, application: int, path: Path) -> None:
    if application != _APPLICATION and (application or tables):
        raise StoreError(
            "the file belongs to another program", where=str(path), expected="a file made by remit, or none",
            next="give the store a path of its own",
        )  # fmt: skip


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    scripts = _scripts()
    newest = max(scripts)
    _refuse_newer(version, newest, path)
    for number in range(version + 1, newest + 1):
        for statement in _statements(scripts[number]):
            connection.execute(statement)
    if version < newest:
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {newest}")


def _scripts() -> dict[int, str]:
    """The migrations by number."""
    files = (resources.files("remit.stores.sqlite") / "migrations").iterdir()
    return {int(file.name[:4]): file.read_text("utf-8") for file in files if file.name.endswith(".sql")}


def _refuse_newer(version: int, newest: int, path: Path) -> None:
    if version > newest:
        raise StoreError(
            f"the file has schema version {version}; this release knows versions up to {newest}", where=str(path),
            expected=f"a schema version of at most {newest}",
            next="install the release of remit that made it, or a later one",
        )  # fmt: skip


def _statements(script: str) -> Iterator[str]:
    """Splits a script into statements: `executescript` would commit the current transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _claim(connection: sqlite3.Connection, path: Path, wanted: dict[str, str]) -> None:
    """Stores the owner of a new file; compares it for an existing one."""
    connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", wanted.items())
    _refuse_other(dict(connection.execute("SELECT name, value FROM meta")), wanted, path)


def _refuse_other(found: dict[str, str], wanted: dict[str, str], path: Path) -> None:
    for name, value in wanted.items():
        if found[name] != value:
            raise StoreError(
                f"the file was made for {name} {found[name]!r}",
                where=str(path),
                expected=f"{name} {value!r}",
                next="give each context a path of its own"
                if name == "context"
                else f"open it with {name}={found[name]}",
            )
