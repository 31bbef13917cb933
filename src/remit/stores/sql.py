"""The port of stores that run handlers' SQL statements: those whose technology says `sql`."""

from __future__ import annotations

from typing import Any, Protocol

from typing_extensions import TypeIs

from remit.stores.port import Store, Unit


class Transaction(Protocol):
    """A handler's statements, and the unit that they belong to. `commit` raises the error of a failed statement
    again."""

    async def fetch(self, statement: str, /, *values: object) -> list[dict[str, Any]]:
        """The rows of a statement. Raises `SqlError`, `Conflict`, `StoreUnavailable`."""
        ...

    async def execute(self, statement: str, /, *values: object) -> int:
        """The number of rows that the statement has written. Raises as `fetch`."""
        ...

    async def commit(self, unit: Unit) -> None:
        """Writes the unit and the changes of the statements, or neither. Raises as `Store.commit`, and `SqlError`."""
        ...

    async def abandon(self) -> None:
        """Rolls back, unless it is committed. Idempotent."""
        ...


class SqlStore(Store, Protocol):
    """A store in a database that also holds users' tables. Its technology says `sql`."""

    def stir(self) -> None:
        """A message is being staged in this process, by a user's transaction: the store looks for it sooner."""
        ...

    def begin(self) -> Transaction:
        """A transaction that begins with its first statement. Its `commit` or `abandon` must be awaited."""
        ...


def has_sql(store: Store) -> TypeIs[SqlStore]:
    """Whether its technology says `sql`."""
    return store.technology.sql
