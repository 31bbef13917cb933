"""Reading a store's file without writing anything: not to it, and no file beside it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from remit.stores.sqlite.failures import not_to_be_read

__all__ = ["look"]

_PATIENCE = 5.0


def look(path: Path, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
    """The rows of one query, on a connection of its own. Raises `StoreError`, `StoreUnavailable`.

    While there is a write-ahead log, somebody may be writing: then SQLite reads beside him as ever. Without one, nobody
    has the file open, and SQLite would make those files to read it; told that the file does not change, it makes none.
    That may cease to be so at any time, therefore it is looked at anew for each query.
    """
    alone = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    place = f"{path.absolute().as_uri()}?mode=ro{alone}"
    try:
        with closing(sqlite3.connect(place, uri=True, timeout=_PATIENCE, isolation_level=None)) as connection:
            return connection.execute(sql, values).fetchall()
    except sqlite3.Error as error:
        raise not_to_be_read(error, str(path)) from error
