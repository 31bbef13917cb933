"""The users' tables of a store in memory, in an SQLite database in memory."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Sequence

from remit.errors import StoreError
from remit.stores.replay import FAILURES, Ran, Replayed, Users, is_of_statement, told

__all__ = ["Replayed", "UserTables", "failure"]

_WHERE = "memory"
_SECONDS = 5.0
"""The time limit of a statement: the event loop waits for it."""


class UserTables(Users):
    """The users' tables; they exist as long as the store."""

    def __init__(self) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, connection.close)
        super().__init__(connection, _WHERE, _SECONDS)

    def write(self, ran: Sequence[Ran], check: Callable[[], object]) -> None:
        """Repeats the statements and commits them, if `check` passes for the rest of the unit.

        Raises the errors of `check`, `Conflict`, and `ConstraintViolated`.
        """
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            self.repeat(ran)
            check()
            self.connection.execute("COMMIT")
        except FAILURES as error:
            raise told(error, _WHERE, failure) if is_of_statement(error) else failure(error, _WHERE) from error
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")


def failure(error: Exception, where: str) -> StoreError:
    """Translates an error of the database."""
    return StoreError(f"SQLite failed: {error}", where=where, expected="memory enough", next="store less in memory")
