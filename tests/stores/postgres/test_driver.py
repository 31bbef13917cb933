"""What a new connection asks the server before it can be used."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from remit.stores.postgres import session
from remit.stores.postgres.place import address_of
from remit.stores.postgres.session import Session

ARRAYS = "SELECT $1::int[], $2::text[]"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[int]]:
    """The types that the driver has asked a server for, each time."""
    monkeypatch.setattr(session, "_types", {})
    found = list[frozenset[int]]()
    ask: Any = vars(asyncpg.Connection)["_introspect_types"]

    async def asking(self: Any, typeoids: Any, *more: Any) -> Any:
        found.append(frozenset(typeoids))
        return await ask(self, typeoids, *more)

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", asking)
    return found


async def answers(address: str, sql: str, *values: object) -> list[Any]:
    """What each of two new connections answers."""
    found: list[Any] = []
    for use in ("first", "second"):
        opened = Session(address_of(address, "billing"), use)
        found += [tuple(row) for row in await opened.fetch(sql, *values)]
        await opened.close()
    return found


async def test_a_built_in_type_is_asked_for_once_in_a_process(address: str, asked: list[frozenset[int]]) -> None:
    assert await answers(address, ARRAYS, [1, 2], ["a"]) == [([1, 2], ["a"])] * 2
    assert len(asked) == 1


async def test_a_type_of_a_database_is_asked_for_by_each_connection(
    address: str, asked: list[frozenset[int]], schema: str, connection: Any
) -> None:
    await connection.execute(f"CREATE SCHEMA {schema}; CREATE TYPE {schema}.mood AS ENUM ('glad')")
    assert await answers(address, f"SELECT $1::{schema}.mood[]", ["glad"]) == [(["glad"],)] * 2
    assert len(asked) == 2
