"""Indexes of row models in PostgreSQL that are not there, or not whole: they are found and made when a store is
prepared. Every value that may be indexed fits into an index."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from remit.errors import StoreError
from remit.messages.keys import LONGEST_KEY
from remit.messages.sorting import _decimal, _text  # pyright: ignore[reportPrivateUsage]  # the longest forms
from remit.stores import RowChange, Selection, Unit, row_table
from remit.stores.postgres import session
from remit.stores.postgres.rows import script
from remit.stores.postgres.store import PostgresStore
from remit.stores.row_sql import index_names
from remit.testing.conformance.rows import TABLE, A, B, row

BY_A_B, BY_B, _ = index_names(TABLE)
VALID = "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = $1::regclass"


@pytest.fixture
async def store(address: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(address, "billing")
    await store.open()
    await store.prepare_rows([TABLE])
    await store.commit(Unit(rows=[row(f"r{n}", b"\x01", n.to_bytes()) for n in range(20)]))
    yield store
    await store.close()


@pytest.fixture
async def there(store: PostgresStore, schema: str, connection: Any) -> Any:
    """Tells which indexes the table has, and which of them are valid."""
    await connection.execute(f"SET search_path = {schema}")

    async def found() -> dict[str, bool]:
        rows = await connection.fetch(VALID, f'{schema}."{TABLE.name}"')
        return {str(name).strip('"'): valid for name, valid in rows}

    return found


WHOLE = {f"{TABLE.name}_pkey": True, **dict.fromkeys(index_names(TABLE), True)}


async def test_an_index_that_was_dropped_is_made_again(store: PostgresStore, there: Any, connection: Any) -> None:
    await connection.execute(f'DROP INDEX "{BY_B}"')
    await store.prepare_rows([TABLE])
    assert await there() == WHOLE


async def test_an_index_that_a_failed_statement_has_left_invalid_is_made_anew(
    store: PostgresStore, there: Any, connection: Any
) -> None:
    await connection.execute(f'DROP INDEX "{BY_A_B}"')
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(f'CREATE UNIQUE INDEX CONCURRENTLY "{BY_A_B}" ON "{TABLE.name}" ("{A}")')
    assert (await there())[BY_A_B] is False
    await store.prepare_rows([TABLE])
    assert await there() == WHOLE
    assert len(await store.select_rows(Selection(TABLE, (A, B), (b"\x01",)), None, 99)) == 20


async def test_the_printed_sql_makes_an_invalid_index_anew(there: Any, connection: Any, schema: str) -> None:
    await connection.execute(f'DROP INDEX "{BY_A_B}"')
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(f'CREATE UNIQUE INDEX CONCURRENTLY "{BY_A_B}" ON "{TABLE.name}" ("{A}")')
    for _ in range(2):
        async with connection.transaction():
            await connection.execute(script(schema, [TABLE]))
        assert await there() == WHOLE


async def test_a_table_without_its_primary_key_gets_it_unless_keys_are_doubled(
    store: PostgresStore, there: Any, connection: Any
) -> None:
    await connection.execute(f'ALTER TABLE "{TABLE.name}" DROP CONSTRAINT "{TABLE.name}_pkey"')
    await store.prepare_rows([TABLE])
    assert await there() == WHOLE
    await connection.execute(f'ALTER TABLE "{TABLE.name}" DROP CONSTRAINT "{TABLE.name}_pkey"')
    await connection.execute(f'INSERT INTO "{TABLE.name}" SELECT * FROM "{TABLE.name}" LIMIT 1')
    with pytest.raises(StoreError, match=r"primary key of row_Line_1(.|\n)*from a whole backup") as raised:
        await store.prepare_rows([TABLE])
    assert "r1" not in str(raised.value), "an error shows no data"


async def test_who_waits_for_another_process_that_makes_indexes_finds_them_made(
    address: str, there: Any, connection: Any, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short the store waits for other locks."""
    bounds = tuple(each.replace("'2s'", "'1ms'") for each in session._BOUNDS)  # pyright: ignore[reportPrivateUsage]  # no other way to wait less
    monkeypatch.setattr(session, "_BOUNDS", bounds)
    await connection.execute(f'DROP INDEX "{BY_B}"')
    store = PostgresStore(address, "billing")
    await store.open()
    async with connection.transaction():
        await connection.execute(script(schema, [TABLE]))
        waiting = asyncio.create_task(store.prepare_rows([TABLE]))
        ask = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        seen = 0
        while seen < 50:  # longer than a bound lock would be waited for
            seen += await connection.fetchval(ask)
            assert not waiting.done()
    await waiting
    await store.close()
    assert await there() == WHOLE


async def test_the_longest_values_and_keys_fit_into_an_index(store: PostgresStore) -> None:
    """PostgreSQL takes at most 2,704 bytes; these do not shrink, because they are random."""
    of = random.Random(1)
    texts = ["".join(map(chr, of.choices(range(33, 127), k=LONGEST_KEY))) for _ in range(5)]
    digits = tuple(of.choices(range(1, 10), k=LONGEST_KEY))
    table = row_table("Wide", 1, ["a", "b", "c", "d"], [("a", "b", "c", "d")])
    await store.prepare_rows([table])
    longest = _decimal(Decimal((1, digits, -9)))
    rows = [
        RowChange(table, texts[0], 0, 1, b"{}", tuple(map(_text, texts[1:]))),
        RowChange(table, texts[1], 0, 1, b"{}", (longest,) * 4),
    ]
    await store.commit(Unit(rows=rows))
    assert await store.count_rows(Selection(table, table.columns)) == 2
