"""The port of stores that take statements of users': one whose technology says `sql`."""

from __future__ import annotations

from typing import Any, Protocol

from typing_extensions import TypeIs

from remit.stores.port import Store, Unit


class Transaction(Protocol):
    """Statements of the user's, and the unit that they belong to. What a statement has raised `commit` raises again."""

    async def fetch(self, statement: str, /, *values: object) -> list[dict[str, Any]]:
        """The rows of a statement. Raises `SqlError`, `Conflict`, `StoreUnavailable`."""
        ...

    async def execute(self, statement: str, /, *values: object) -> int:
        """How many rows the statement has written. Raises as `fetch`."""
        ...

    async def commit(self, unit: Unit) -> None:
        """Writes the unit and what the statements wrote, or neither. Raises as `Store.commit`, and `SqlError`."""
        ...

    async def abandon(self) -> None:
        """Rolls back, unless it is committed. Idempotent."""
        ...


class SqlStore(Store, Protocol):
    """A store in a database that users have tables in as well. Its technology says `sql`."""

    def stir(self) -> None:
        """A message is being staged in this process, by a transaction that is not ours: it is looked for sooner."""
        ...

    def begin(self) -> Transaction:
        """A transaction, which begins with its first statement. Its `commit` or `abandon` has to be awaited."""
        ...


def has_sql(store: Store) -> TypeIs[SqlStore]:
    """Whether its technology says `sql`."""
    return store.technology.sql
