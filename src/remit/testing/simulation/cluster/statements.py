"""A simulated store that runs handlers' SQL statements, with tables that exist from the start."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from remit.errors import OutcomeUnknown, StoreUnavailable
from remit.stores.replay import Ran
from remit.stores.sqlite.commits import SerialExecutor
from remit.stores.sqlite.store import SqliteStore

__all__ = ["StatementsStore"]


class StatementsStore(SqliteStore):
    """A simulated SQLite store, with the users' tables that `tables` creates."""

    tables: Sequence[str] = ()

    def __init__(
        self, path: str | Path, context: str, *, executor: SerialExecutor | None = None, partitions: int = 16
    ) -> None:
        super().__init__(path, context, executor=executor, partitions=partitions)
        self._file = path

    async def open(self, *, read_only: bool = False) -> None:
        await super().open(read_only=read_only)
        with closing(sqlite3.connect(self._file, isolation_level=None)) as connection:
            for table in self.tables:
                connection.execute(table)

    async def attempt(self, before: Sequence[Ran], statement: Ran) -> Ran:
        try:
            return await super().attempt(before, statement)
        except OutcomeUnknown as error:  # a try leaves nothing behind, so its outcome does not matter
            raise StoreUnavailable("simulated: the answer to a statement was lost", where=str(self._file)) from error
