"""A page of 50 rows: of a row model of remit, and by hand on asyncpg and sqlite3."""

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec

from benchmarks import loops, sampling
from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Work
from remit import Context, DomainEvent, Page, Query, Row, System, Value, View
from remit.messages.sorting import sort_form

COURIERS, LIMIT = 1000, 50
_TABLE = "row_OpenShipment_1"
_NEWEST = 1 << 62


class Assigned(DomainEvent, key="shipment"):
    shipment: str
    courier: str
    at: int
    to: str


class Line(Value):
    shipment: str
    at: int
    to: str


class OpenOf(Query[Page[Line]]):
    courier: str
    after: str | None = None


shipping = Context("shipping")


@shipping.project
class OpenShipment(Row[str, Assigned], indexes=[("courier", "at")]):
    shipment: str = ""
    courier: str = ""
    at: int = 0
    to: str = ""

    @staticmethod
    def key(event: Assigned) -> str:
        return event.shipment

    def evolve(self, event: Assigned) -> None:
        self.shipment, self.courier, self.at, self.to = event.shipment, event.courier, event.at, event.to


@shipping.answer(OpenOf)
async def open_of(query: OpenOf, rows: View[OpenShipment]) -> Page[Line]:
    page = await rows.where(courier=query.courier).order("-at").page(limit=LIMIT, after=query.after)
    return page.map(lambda row: Line(shipment=row.shipment, at=row.at, to=row.to))


def _plain(rows: int) -> Iterator[tuple[str, str, int, str]]:
    return ((f"s{number:08d}", f"c{number % COURIERS:04d}", number, f"street {number}") for number in range(rows))


def _stored(rows: int) -> Iterator[tuple[str, int, str, bytes, bytes]]:
    """The rows as remit stores them."""
    text, number = sort_form(msgspec.inspect.type_info(str)), sort_form(msgspec.inspect.type_info(int))
    assert text is not None
    assert number is not None
    encode = msgspec.json.encode
    for shipment, courier, at, to in _plain(rows):
        body = encode({"shipment": shipment, "courier": courier, "at": at, "to": to}).decode()
        yield shipment, 1, body, text(courier), number(at)


def _rows(work: Work) -> int:
    return work.pick(work.rows, 2 * COURIERS * (LIMIT + 1))


async def _ask(work: Work, url: str) -> Sample:
    async with System("post", contexts=[shipping]).connect(store=url) as app:
        behind: dict[str, str | None] = {}

        async def page(number: int) -> object:
            courier = f"c{number // 2 * 7919 % COURIERS:04d}"
            found = await app.ask(OpenOf(courier=courier, after=behind.get(courier) if number % 2 else None))
            behind[courier] = found.next
            return found

        return await loops.tasks_in_flight(work, 1, page)


async def _prepare(url: str) -> None:
    async with System("post", contexts=[shipping]).connect(store=url):
        pass


def sqlite_remit(work: Work) -> Sample:
    url, file = f"sqlite:{work.folder}/{{context}}.db", work.folder / "shipping.db"
    asyncio.run(_prepare(url))
    with sqlite3.connect(file) as database:
        database.executemany(f'INSERT INTO "{_TABLE}" (id, version, body, f_courier, f_at) VALUES (?,?,?,?,?)',
                             _stored(_rows(work)))  # fmt: skip
    return sampling.run_async(_ask(work, url))


def postgres_remit(work: Work) -> Sample:
    async def fill(url: str) -> None:
        connection = await asyncpg.connect(url)
        schema = await connection.fetchval("SELECT schemaname FROM pg_tables WHERE tablename = $1", _TABLE)
        await connection.copy_records_to_table(
            _TABLE, schema_name=schema, records=_stored(_rows(work)),
            columns=["id", "version", "body", "f_courier", "f_at"],
        )  # fmt: skip
        await connection.execute(f'VACUUM ANALYZE "{schema}"."{_TABLE}"')
        await connection.close()

    with running_server(work) as server:
        asyncio.run(_prepare(server.url()))
        asyncio.run(fill(server.url()))
        return sampling.run_async(_ask(work, server.url()))


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Found:
    shipment: str
    at: int
    to: str


_MAKE = (
    "CREATE TABLE open_shipment (shipment text PRIMARY KEY, courier text NOT NULL, at bigint NOT NULL,"
    " destination text NOT NULL)"
)
_INDEX = "CREATE INDEX open_by ON open_shipment (courier, at, shipment)"
_SELECT = (
    "SELECT shipment, at, destination FROM open_shipment WHERE courier = {0}1 AND (at, shipment) < ({0}2, {0}3)"
    " ORDER BY at DESC, shipment DESC LIMIT 51"
)


def _place(number: int, behind: dict[str, tuple[int, str]]) -> tuple[str, int, str]:
    courier = f"c{number // 2 * 7919 % COURIERS:04d}"
    at, shipment = behind[courier] if number % 2 else (_NEWEST, "")
    return courier, at, shipment


def _made(rows: list[Any], courier: str, behind: dict[str, tuple[int, str]]) -> list[Found]:
    found = [Found(row[0], row[1], row[2]) for row in rows[:LIMIT]]
    behind[courier] = (found[-1].at, found[-1].shipment)
    return found


def sqlite_hand(work: Work) -> Sample:
    behind: dict[str, tuple[int, str]] = {}
    with sqlite3.connect(work.folder / "hand.db") as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(_MAKE)
        database.executemany("INSERT INTO open_shipment VALUES (?, ?, ?, ?)", _plain(_rows(work)))
        database.execute(_INDEX)
        database.commit()
        sql = _SELECT.format("?")

        async def page(number: int) -> object:
            asked = _place(number, behind)
            return _made(database.execute(sql, asked).fetchall(), asked[0], behind)

        return sampling.run_async(loops.tasks_in_flight(work, 1, page))


def postgres_hand(work: Work) -> Sample:
    behind: dict[str, tuple[int, str]] = {}

    async def measure(url: str) -> Sample:
        connection = await asyncpg.connect(url)
        await connection.execute(_MAKE)
        await connection.copy_records_to_table("open_shipment", records=_plain(_rows(work)))
        await connection.execute(_INDEX)
        await connection.execute("VACUUM ANALYZE open_shipment")
        sql = _SELECT.format("$")

        async def page(number: int) -> object:
            asked = _place(number, behind)
            return _made(await connection.fetch(sql, *asked), asked[0], behind)

        return await loops.tasks_in_flight(work, 1, page)

    with running_server(work) as server:
        return sampling.run_async(measure(server.url()))
