"""The port of stores that run handlers' SQL statements: those whose technology says `sql`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from typing_extensions import TypeIs

from remit.stores.port import Store, Unit


class Answer(NamedTuple):
    """What a statement returns, for a library that runs statements of its own."""

    columns: Sequence[tuple[str, int]]
    """The name and the type of each column; the type is PostgreSQL's, or 0. Empty if the statement returns no rows."""
    rows: Sequence[Sequence[Any]]
    touched: int
    """The number of rows that it has read or written; -1 if that is unknown."""


class Transaction(Protocol):
    """A handler's statements, and the unit that they belong to. `commit` raises the error of a failed statement
    again."""

    async def fetch(self, statement: str, /, *values: object) -> list[dict[str, Any]]:
        """The rows of a statement. Raises `SqlError`, `Conflict`, `StoreUnavailable`."""
        ...

    async def execute(self, statement: str, /, *values: object) -> int:
        """The number of rows that the statement has written. Raises as `fetch`."""
        ...

    async def run(self, statement: str, values: Sequence[object], /) -> Answer:
        """Runs a statement of a library. It may be of a savepoint: SAVEPOINT, RELEASE SAVEPOINT, ROLLBACK TO SAVEPOINT.
        Rolling back to a savepoint takes back what has failed after it. Raises as `fetch`."""
        ...

    async def run_many(self, statement: str, many: Sequence[Sequence[object]], /) -> Answer:
        """Runs a statement once for each of these values. Raises as `fetch`."""
        ...

    def refuse(self, error: Exception, /) -> None:
        """Makes the unit fail with this error, unless it is over or has failed already."""
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
