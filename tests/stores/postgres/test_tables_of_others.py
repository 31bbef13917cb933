"""Two contexts in one database, with one user: only the context map keeps their statements apart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from remit import Command, Context, Query, Sql, System
from remit.contexts import Relation
from remit.errors import HandlerFailed
from remit.relations import Partnership, SharedKernel


class Make(Command[None]): ...


class Read(Query[int]):
    statement: str


class Write(Command[int]):
    statement: str


@pytest.fixture
async def address(server: str, schema: str, connection: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[str]:
    yield f"{server}{'&' if '?' in server else '?'}schema={schema}_{{context}}"
    for context in ("sales", "billing"):
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema}_{context} CASCADE")


def shop(relations: Sequence[Relation]) -> System:
    sales, billing = Context("sales"), Context("billing")

    @billing.handle(Make)
    async def make(command: Make, sql: Sql) -> None:
        await sql.execute("CREATE TABLE invoice (id integer)")

    @sales.answer(Read)
    async def read(query: Read, sql: Sql) -> int:
        return len(await sql.fetch(query.statement))

    @sales.handle(Write)
    async def write(command: Write, sql: Sql) -> int:
        return await sql.execute(command.statement)

    return System("shop", contexts=[sales, billing], relations=relations)


async def tried(app: Any, schema: str) -> list[str]:
    """What came of a read and a write on the table of billing, by a handler of sales."""
    said: list[str] = []
    for call in (
        app.send(Write(statement=f"INSERT INTO {schema}_billing.invoice VALUES (1)")),
        app.ask(Read(statement=f"SELECT * FROM {schema}_billing.invoice")),
    ):
        try:
            said.append(str(await call))
        except HandlerFailed as error:
            said.append(getattr(error.__cause__, "code", repr(error)))
    return said


async def test_statement_on_a_table_of_another_context_is_refused_before_it_runs(address: str, schema: str) -> None:
    async with shop([Partnership("sales", "billing")]).connect(store=address) as app:
        await app.send(Make())
        assert await tried(app, schema) == ["sql.not-covered"] * 2


async def test_statement_on_a_table_that_the_kernel_lists_is_run(address: str, schema: str) -> None:
    kernel = SharedKernel("sales", "billing", package="shop.kernel", tables=[f"{schema}_billing.invoice"])
    async with shop([kernel]).connect(store=address) as app:
        await app.send(Make())
        assert await tried(app, schema) == ["1", "1"]


async def test_system_without_relations_is_not_restricted(address: str, schema: str) -> None:
    async with shop([]).connect(store=address) as app:
        await app.send(Make())
        assert await tried(app, schema) == ["1", "1"]
