"""Tables of users' beside a store in memory: those of an SQLite database in memory."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Sequence

from remit.errors import StoreError
from remit.stores.replay import FAILURES, Ran, Replayed, Users, is_of_statement, told

__all__ = ["Replayed", "UserTables", "failure"]

_WHERE = "memory"
_SECONDS = 5.0
"""How long a statement may take: the loop waits for it."""


class UserTables(Users):
    """They are there as long as the store is."""

    def __init__(self) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, connection.close)
        super().__init__(connection, _WHERE, _SECONDS)

    def write(self, ran: Sequence[Ran], check: Callable[[], object]) -> None:
        """Writes what statements have written, if what is to be written beside it passes a check.

        Raises what the check raises, `Conflict`, and `ConstraintViolated`.
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
    """What an error of the database means."""
    return StoreError(f"SQLite failed: {error}", where=where, expected="memory enough", next="store less in memory")
