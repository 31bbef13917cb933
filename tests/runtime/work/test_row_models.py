"""Row models: rows are folded from events, found by indexes, and read by pages."""

from __future__ import annotations

import asyncio
import sqlite3
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import pytest

from remit import Sender
from remit.errors import BadCursor, BadKey, BadLimit, HandlerFailed, NoIndex
from remit.stores import row_table
from tests.runtime.parcels import (
    BEGUN,
    Assign,
    Assigned,
    Carried,
    Counted,
    Deliver,
    Line,
    Named,
    OpenParcel,
    TotalOf,
    system,
)

HOUR = timedelta(hours=1)


@pytest.fixture(params=["memory", "sqlite"])
async def app(request: Any, tmp_path: Path) -> AsyncIterator[Sender]:
    store = "memory" if request.param == "memory" else f"sqlite:{tmp_path}/{{context}}.db"
    async with system.connect(store=store, parity=True) as app:
        yield app


def loads(count: int, courier: str = "ada") -> Assign:
    return Assign(assigned=[Assigned(parcel=f"p{n}", courier=courier, at=BEGUN + n * HOUR) for n in range(count)])


async def test_rows_are_filtered_and_ordered(app: Sender) -> None:
    await app.send(loads(4))
    await app.send(Assign(assigned=[Assigned(parcel="x", courier="bob")]))
    up = await app.ask(Carried(courier="ada", since=BEGUN + HOUR), fresh=True)
    down = await app.ask(Carried(courier="ada", order="-at"))
    assert [line.parcel for line in up] == ["p1", "p2", "p3"]
    assert [line.parcel for line in down] == ["p3", "p2", "p1", "p0"]
    assert await app.ask(Counted(courier="ada")) == 4
    assert await app.ask(Named(parcels=["p3", "nobody", "x"])) == ["p3", "x"]


async def test_a_removed_row_is_not_found_and_may_begin_anew(app: Sender) -> None:
    await app.send(loads(2))
    await app.send(loads(2))
    assert (await app.ask(Carried(courier="ada"), fresh=True)).items[0] == Line(parcel="p0", moves=2)
    await app.send(Deliver(parcels=["p0", "p1", "unknown"]))
    assert await app.ask(Counted(courier="ada"), fresh=True) == 0
    await app.send(loads(1))
    assert (await app.ask(Carried(courier="ada"), fresh=True)).items == [Line(parcel="p0", moves=1)]


async def test_pages_follow_one_another_while_rows_come_and_go(app: Sender) -> None:
    await app.send(loads(7))
    first = await app.ask(Carried(courier="ada", limit=3), fresh=True)
    await app.send(Deliver(parcels=["p2", "p3"]))
    await app.send(Assign(assigned=[Assigned(parcel="before", courier="ada")]))
    second = await app.ask(Carried(courier="ada", limit=3, after=first.next), fresh=True)
    assert [line.parcel for line in first] == ["p0", "p1", "p2"]
    assert [line.parcel for line in second] == ["p4", "p5", "p6"]
    assert second.next is None


async def test_a_cursor_of_another_query_and_a_broken_one_are_refused(app: Sender) -> None:
    await app.send(loads(5))
    cursor = (await app.ask(Carried(courier="ada", limit=2), fresh=True)).next
    assert cursor is not None
    wrong = [
        Carried(courier="bob", after=cursor), Carried(courier="ada", order="-at", after=cursor),
        Carried(courier="ada", since=BEGUN, after=cursor), Carried(courier="ada", after=""),
        Carried(courier="ada", after="ü"), Carried(courier="ada", after=cursor[:-2]),
        Carried(courier="ada", after=("B" if cursor[0] == "A" else "A") + cursor[1:]),
        Carried(courier="ada", after="A" * 10_000),
    ]  # fmt: skip
    for query in wrong:
        with pytest.raises(BadCursor):
            await app.ask(query)


@pytest.mark.parametrize("limit", [0, -1, 1001, 10**30])
async def test_a_page_of_a_size_that_no_page_has_is_refused(app: Sender, limit: int) -> None:
    with pytest.raises(BadLimit, match="a page of"):
        await app.ask(Carried(courier="ada", limit=limit))


@pytest.mark.parametrize("id", ["a\0b", "x" * 513])
async def test_a_forged_cursor_with_a_key_that_no_row_has_is_refused(app: Sender, id: str) -> None:
    await app.send(loads(5))
    cursor = (await app.ask(Carried(courier="ada", limit=2), fresh=True)).next
    assert cursor is not None
    query, values, _ = msgspec.msgpack.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[4:])
    made = msgspec.msgpack.encode((query, values, id))
    forged = urlsafe_b64encode(blake2b(made, digest_size=4).digest() + made).decode().rstrip("=")
    with pytest.raises(BadCursor, match="this is no cursor"):
        await app.ask(Carried(courier="ada", after=forged))


async def test_a_text_of_a_client_that_no_index_holds_is_the_mistake_of_the_client(app: Sender) -> None:
    for courier in ("x" * 513, "é" * 257):
        with pytest.raises(BadKey, match=r"courier of OpenParcel is never this: .*cannot be sorted") as raised:
            await app.ask(Counted(courier=courier))
        assert "at most 512 bytes" in raised.value.expected
    assert await app.ask(Counted(courier="\0")) == 0


async def test_a_row_that_all_partitions_write_counts_every_event(app: Sender) -> None:
    many = [Assigned(parcel=f"p{n}", courier="ada") for n in range(1, 1000) if n % 10]
    await asyncio.gather(*[app.send(Assign(assigned=many[start : start + 30])) for start in range(0, len(many), 30)])
    assert await app.ask(TotalOf(courier="ada"), fresh=True) == len(many)


async def test_a_query_that_no_index_serves_names_the_indexes(app: Sender) -> None:
    with pytest.raises(HandlerFailed, match="no index of OpenParcel serves courier, order moves") as raised:
        await app.ask(Carried(courier="ada", order="moves"))
    assert isinstance(raised.value.__cause__, NoIndex)
    assert "('courier', 'at')" in raised.value.__cause__.next


async def test_a_value_that_cannot_be_indexed_is_parked_and_others_go_on(app: Sender) -> None:
    await app.send(Assign(assigned=[Assigned(parcel="long", courier="a" * 600)]))
    await app.send(loads(1))
    with pytest.raises(Exception, match="long"):
        await app.ask(Counted(courier="ada"), fresh=True)
    assert await app.ask(Counted(courier="ada"), fresh="p0") == 1


async def test_rows_are_there_after_a_restart(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/{{context}}.db"
    async with system.connect(store=store) as app:
        await app.send(loads(3))
        await app.ask(Counted(courier="ada"), fresh=True)
    async with system.connect(store=store) as app:
        assert await app.ask(Counted(courier="ada")) == 3


async def test_an_index_that_is_gone_from_a_file_is_made_at_the_next_start(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/{{context}}.db"
    async with system.connect(store=store) as app:
        await app.send(loads(3))
        await app.ask(Counted(courier="ada"), fresh=True)
    with closing(sqlite3.connect(tmp_path / "parcels.db", isolation_level=None)) as file:
        ask = "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'row_OpenParcel_1_by_%' ORDER BY name"
        had = file.execute(ask).fetchall()
        for (name,) in had:
            file.execute(f'DROP INDEX "{name}"')
        async with system.connect(store=store) as app:
            assert await app.ask(Counted(courier="ada")) == 3
        assert file.execute(ask).fetchall() == had
        assert len(had) == 2


def test_table_names_tell_versions_and_long_names_apart() -> None:
    names = [row_table(name, number, [], []).name for name in ("A" * 80, "A" * 81, "Ä") for number in (1, 2)]
    assert len({*names}) == 6
    assert all(name.isascii() and len(name) < 60 for name in names)
    assert row_table("OpenParcel", 1, [], []).name == "row_OpenParcel_1"


def test_the_declaration_keeps_its_indexes() -> None:
    assert OpenParcel.__remit_indexes__ == (("courier", "at"), ("at",))
