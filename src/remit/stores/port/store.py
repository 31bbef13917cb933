"""The store of a context as a whole: the sum of what it is to those who use it, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from typing_extensions import TypeIs

from remit.errors import StoreError
from remit.log import Log
from remit.stores.port.checkpoints import Checkpoints
from remit.stores.port.committing import Committing
from remit.stores.port.parked import ParkedKeys
from remit.stores.port.rows import Unit
from remit.stores.port.states import Claims, States
from remit.stores.port.upkeep import Members, Retention

__all__ = ["Capabilities", "SqlStore", "Store", "Transaction", "has_sql", "written_read_only"]


@dataclass(frozen=True)
class Capabilities:
    """What a store can do, as data."""

    durable: bool
    shared_between_processes: bool
    partitions: int
    sql: bool = False
    """Its transactions carry statements of the user's: it is an `SqlStore`."""
    apart: bool = False
    """It is in another process: each question is a round trip."""
    roles: bool = False
    """Each context enters it with credentials of its own, which reach no other context's store."""


class Store(Log, Committing, States, Claims, Checkpoints, ParkedKeys, Members, Retention, Protocol):
    """A context's store. Methods raise `StoreUnavailable` (try again), `StoreError` (cannot be used as it is).

    Whoever needs a part of it names that part.
    """

    capabilities: Capabilities

    async def open(self, *, read_only: bool = False) -> None:
        """Makes or migrates the schema and opens the store. Raises `StoreError`, `StoreUnavailable`.

        With `read_only` nothing is made, migrated or written: a store that is missing, newer or older is refused, and
        so is every later write, with `StoreError`.
        """
        ...

    async def close(self) -> None:
        """Finishes what is being committed, then closes. Idempotent."""
        ...

    def changed_elsewhere(self) -> bool:
        """True when another process has committed since the last time this was asked."""
        ...


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
    """A store in a database that users have tables in as well. Its capability is `sql`."""

    def stir(self) -> None:
        """A message is being staged in this process, by a transaction that is not ours: it is looked for sooner."""
        ...

    def begin(self) -> Transaction:
        """A transaction, which begins with its first statement. Its `commit` or `abandon` has to be awaited."""
        ...


def has_sql(store: Store) -> TypeIs[SqlStore]:
    """Whether it has the capability `sql`."""
    return store.capabilities.sql


def written_read_only(where: str) -> StoreError:
    """The error of every store that was opened to be read and is written to."""
    return StoreError(
        "the store was opened for reading only", where=where, expected="a read", next="open it without read_only"
    )
