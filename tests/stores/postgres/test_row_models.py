"""Row models on PostgreSQL: rows are folded, queried and removed; a query reads its index and no other rows."""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import BadCursor
from remit.stores import Selection, Unit, row_sql, row_table
from remit.stores.postgres.store import PostgresStore
from remit.testing.conformance.rows import TABLE, A, B, row
from tests.runtime.parcels import BEGUN, Assign, Assigned, Carried, Counted, Deliver, TotalOf, system


async def test_rows_are_folded_queried_and_removed(address: str) -> None:
    async with system.connect(store=address) as app:
        await app.send(Assign(assigned=[Assigned(parcel=f"p{n}", courier="ada", at=BEGUN) for n in range(300)]))
        first = await app.ask(Carried(courier="ada", limit=2, order="-at"), fresh=True)
        second = await app.ask(Carried(courier="ada", limit=2, order="-at", after=first.next))
        assert [line.parcel for line in (*first, *second)] == ["p99", "p98", "p97", "p96"]
        with pytest.raises(BadCursor):
            await app.ask(Carried(courier="ada", order="at", after=first.next))
        await app.send(Deliver(parcels=[f"p{n}" for n in range(100)]))
        assert await app.ask(Counted(courier="ada"), fresh=True) == 200
    async with system.connect(store=address) as app:
        assert await app.ask(Counted(courier="ada")) == 200


async def test_a_row_that_all_partitions_write_counts_every_event(address: str) -> None:
    many = [Assigned(parcel=f"p{n}", courier="ada") for n in range(1, 300) if n % 10]
    async with system.connect(store=address) as app:
        await app.send(Assign(assigned=many))
        assert await app.ask(TotalOf(courier="ada"), fresh=True, deadline=30) == len(many)


async def test_a_page_is_read_from_its_index(address: str, schema: str, connection: Any) -> None:
    store = PostgresStore(address, "billing")
    await store.open()
    await store.prepare_rows([TABLE])
    await store.commit(Unit(rows=[row(f"r{n}", b"\x01", n.to_bytes(4)) for n in range(2000)]))
    await store.close()
    selection = Selection(TABLE, (A, B), (b"\x01",), b"\0\0\0\5", None, descending=True)
    asked = row_sql.select(selection, ((b"\0\0\1\0",), "r256"), 50, "$")
    await connection.execute(f'SET search_path = {schema}; SET enable_seqscan = off; ANALYZE {schema}."{TABLE.name}"')
    plan = "\n".join(str(each[0]) for each in await connection.fetch(f"EXPLAIN {asked.sql}", *asked.values))
    assert "Index Scan Backward" in plan
    assert "Sort" not in plan


def test_names_fit_into_postgresql() -> None:
    table = row_table("R" * 200, 1, ["f" * 200], [("f" * 200,)])
    assert max(map(len, (table.name, *table.columns, *row_sql.index_names(table)))) <= 63
