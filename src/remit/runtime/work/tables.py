"""Which tables the statements of a context's handlers may name, by the relations of the context map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from remit.contexts import Model, Relation, SharedKernel
from remit.errors import TableNotCovered
from remit.stores.sql import Transaction
from remit.stores.sql_text import leaves_schema, tables_in

_MOST = 1000
"""The most statements that are remembered."""


def tables_of(model: Model, schemas: Mapping[str, str]) -> dict[str, Tables]:
    """The tables of each context whose store is in one of these database schemas. The store of any other context is a
    database of its own, which statements cannot leave."""
    known = {schema.lower(): context for context, schema in schemas.items() if schema}
    return {context: Tables(context, known, model.relations) for context in known.values()}


class Tables:
    """Judges statements by the tables that they name. A statement is read once."""

    def __init__(self, context: str, schemas: Mapping[str, str], relations: Iterable[Relation]) -> None:
        """`schemas` is the context of each schema, in lower case."""
        self._context = context
        self._schemas = schemas
        self._shared: dict[str, set[str]] = {}
        """The contexts that share a table, by its name in a `SharedKernel`, in lower case."""
        for relation in relations:
            for table in relation.tables if isinstance(relation, SharedKernel) else ():
                self._shared.setdefault(table.lower(), set()).update(relation.names)
        self._judged: set[str] = set()

    def require(self, statement: str) -> None:
        """Raises `TableNotCovered` for a statement that names a table which this context may not use, and for one that
        changes in which schema names are looked up: no name could be judged after it."""
        if statement in self._judged:
            return
        if leaves_schema(statement):
            raise TableNotCovered(
                f"a statement of {self._context!r} changes the search path", where=self._context,
                expected=f"statements in the schema of {self._context!r}", next="write the schema before the table",
            )  # fmt: skip
        for parts in tables_in(statement):
            self._require(parts)
        if len(self._judged) >= _MOST:
            self._judged.clear()
        self._judged.add(statement)

    def _require(self, parts: tuple[str, ...]) -> None:
        if len(parts) < 2:  # a table of the context's own schema
            return
        name = ".".join(parts[-2:])
        sharing = self._shared.get(name) or self._shared.get(parts[-1], set())
        owner = self._schemas.get(parts[-2])
        if owner == self._context or self._context in sharing or (owner is None and name not in self._shared):
            return
        whose = f"of {owner!r}" if owner else f"that {' and '.join(sorted(map(repr, sharing)))} share"
        raise TableNotCovered(
            f"a statement of {self._context!r} names the table {name} {whose}", where=self._context,
            expected=f"tables of {self._context!r}, and those that a SharedKernel of it lists",
            next=f"ask {owner!r} by a query, or keep a copy from its events" if owner else "name a table of its own",
        )  # fmt: skip


class GuardedSql:
    """The `Sql` of a handler whose statements are judged before they run."""

    __slots__ = ("_tables", "_transaction")

    def __init__(self, transaction: Transaction, tables: Tables) -> None:
        self._transaction = transaction
        self._tables = tables

    async def fetch(self, statement: str, /, *values: object) -> list[dict[str, Any]]:
        """See `Sql.fetch`. Raises `TableNotCovered`."""
        self._tables.require(statement)
        return await self._transaction.fetch(statement, *values)

    async def execute(self, statement: str, /, *values: object) -> int:
        """See `Sql.execute`. Raises `TableNotCovered`."""
        self._tables.require(statement)
        return await self._transaction.execute(statement, *values)
