"""Records are kept as they are put, deleted, and listed by pages, several of them in one unit of work."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from remit import Command, Context, Query, Record, Records, System
from remit.errors import BadKey, BadLimit, NotFound
from remit.hosting.assembly import assemble


class Room(Record[str]):
    beds: int = 1
    note: str = ""


class Night(Record[int]):
    room: str


class PutRooms(Command[None]):
    rooms: list[Room]


class DeleteRoom(Command[bool]):
    room: str


class AddBed(Command[int]):
    """Waits between looking and writing."""

    room: str


class Rebuild(Command[list[str]]):
    """Puts and deletes some rooms, and lists what is there then, by pages of two."""

    put: list[str]
    delete: list[str]


class Flicker(Command[None]):
    """Puts a room and deletes it."""

    room: str


class Look(Command[list[str]]):
    """Looks at a room, and waits before it lists what is there."""

    room: str


class RoomOf(Query[Room]):
    room: str


class RoomsAfter(Query[list[str]]):
    after: str | None = None
    limit: int = 100


class PutNights(Command[list[int]]):
    nights: list[int]


class Price(Record[str]):
    amount: Decimal
    since: datetime
    steps: list[int]


class PutPrice(Command[None]):
    price: Price


class AddStep(Command[None]):
    """Changes the list of a price in place, and puts the price."""

    price: str


class PriceOf(Query[Price]):
    price: str


class House:
    """The system, and what its handlers meet."""

    def __init__(self) -> None:
        self.meeting = asyncio.Barrier(2)
        self.looked, self.go_on = asyncio.Event(), asyncio.Event()
        self.runs = 0
        rooms = Context("rooms")
        self.system = System("house", contexts=[rooms])
        declare_commands(rooms, self)
        declare_rebuilding(rooms)
        declare_looking(rooms, self)
        declare_prices(rooms)
        declare_queries(rooms)


def declare_commands(rooms: Context, house: House) -> None:
    @rooms.handle(PutRooms)
    async def put_rooms(command: PutRooms, kept: Records[Room]) -> None:
        for room in command.rooms:
            await kept.put(room)

    @rooms.handle(DeleteRoom)
    async def delete_room(command: DeleteRoom, kept: Records[Room]) -> bool:
        return await kept.delete(command.room)

    @rooms.handle(AddBed)
    async def add_bed(command: AddBed, kept: Records[Room]) -> int:
        house.runs += 1
        room = await kept.get(command.room)
        if house.runs <= 2:
            await house.meeting.wait()
        await kept.put(room.replace(beds=room.beds + 1))
        return room.beds + 1


def declare_rebuilding(rooms: Context) -> None:
    @rooms.handle(Rebuild)
    async def rebuild(command: Rebuild, kept: Records[Room]) -> list[str]:
        for name in command.delete:
            await kept.delete(name)
            assert await kept.find(name) is None
        for name in command.put:
            await kept.put(Room(id=name, beds=9))
            assert await kept.get(name) == Room(id=name, beds=9)
        listed: list[str] = []
        while page := await kept.page(after=listed[-1] if listed else None, limit=2):
            listed += [room.id for room in page]
            if len(page) < 2:
                break
        return listed

    @rooms.handle(PutNights)
    async def put_nights(command: PutNights, nights: Records[Night]) -> list[int]:
        for night in command.nights:
            await nights.put(Night(id=night, room="r"))
        return [night.id for night in await nights.page(limit=3)]


def declare_looking(rooms: Context, house: House) -> None:
    @rooms.handle(Flicker)
    async def flicker(command: Flicker, kept: Records[Room]) -> None:
        await kept.put(Room(id=command.room))
        assert await kept.delete(command.room)

    @rooms.handle(Look)
    async def look(command: Look, kept: Records[Room]) -> list[str]:
        await kept.get(command.room)
        house.looked.set()
        await house.go_on.wait()
        return [room.id for room in await kept.page()]


def declare_prices(rooms: Context) -> None:
    @rooms.handle(PutPrice)
    async def put_price(command: PutPrice, prices: Records[Price]) -> None:
        await prices.put(command.price)

    @rooms.handle(AddStep)
    async def add_step(command: AddStep, prices: Records[Price]) -> None:
        price = await prices.get(command.price)
        price.steps.append(1)
        await prices.put(price)

    @rooms.answer(PriceOf)
    async def price_of(query: PriceOf, prices: Records[Price]) -> Price:
        return await prices.get(query.price)


def declare_queries(rooms: Context) -> None:
    @rooms.answer(RoomOf)
    async def room_of(query: RoomOf, kept: Records[Room]) -> Room:
        return await kept.get(query.room)

    @rooms.answer(RoomsAfter)
    async def rooms_after(query: RoomsAfter, kept: Records[Room]) -> list[str]:
        return [room.id for room in await kept.page(after=query.after, limit=query.limit)]


async def test_record_is_kept_replaced_and_deleted(anywhere: str) -> None:
    async with House().system.connect(store=anywhere) as app:
        await app.send(PutRooms(rooms=[Room(id="1", beds=2), Room(id="2")]))
        assert await app.ask(RoomOf(room="1")) == Room(id="1", beds=2)
        await app.send(PutRooms(rooms=[Room(id="1", beds=3, note="Zoë")]))
        assert await app.ask(RoomOf(room="1")) == Room(id="1", beds=3, note="Zoë")
        assert await app.send(DeleteRoom(room="1"))
        assert not await app.send(DeleteRoom(room="1"))
        with pytest.raises(NotFound, match="no Room with identity '1'"):
            await app.ask(RoomOf(room="1"))
        await app.send(PutRooms(rooms=[Room(id="1")]))
        assert await app.ask(RoomOf(room="1")) == Room(id="1")
        with pytest.raises(BadKey):
            await app.ask(RoomOf(room="k" * 513))


async def test_of_two_that_change_one_record_the_second_sees_the_first(anywhere: str) -> None:
    house = House()
    async with house.system.connect(store=anywhere) as app:
        await app.send(PutRooms(rooms=[Room(id="1")]))
        assert sorted(await asyncio.gather(*(app.send(AddBed(room="1")) for _ in range(2)))) == [2, 3]
        assert (await app.ask(RoomOf(room="1"))).beds == 3
        assert house.runs == 3


async def test_pages_are_in_the_order_of_identities(anywhere: str) -> None:
    async with House().system.connect(store=anywhere) as app:
        await app.send(PutRooms(rooms=[Room(id=name) for name in ("b", "10", "9", "ä", "B", "a")]))
        assert await app.ask(RoomsAfter()) == ["10", "9", "B", "a", "b", "ä"]
        assert await app.ask(RoomsAfter(after="9", limit=2)) == ["B", "a"]
        assert await app.ask(RoomsAfter(after="ä")) == []
        for limit in (0, 1001):
            with pytest.raises(BadLimit):
                await app.ask(RoomsAfter(limit=limit))
        assert await app.send(PutNights(nights=[10, 9, 100, 1])) == [1, 10, 100], "by their texts"


async def test_page_shows_what_the_same_handler_has_written(anywhere: str) -> None:
    async with House().system.connect(store=anywhere) as app:
        await app.send(PutRooms(rooms=[Room(id=name) for name in "acegik"]))
        listed = await app.send(Rebuild(put=["b", "c", "l", "e"], delete=["a", "c", "g", "z"]))
        assert listed == ["b", "c", "e", "i", "k", "l"]
        assert await app.ask(RoomsAfter()) == listed


async def test_record_that_is_put_and_deleted_at_once_leaves_nothing() -> None:
    host = assemble(House().system.model(), store="memory:")
    await host.start()
    await host.send(Flicker(room="x"))
    assert await host.stores["rooms"].load("rooms.Room", "x") is None
    await host.send(PutRooms(rooms=[Room(id="x")]))
    await host.send(Flicker(room="x"))
    assert await host.stores["rooms"].load("rooms.Room", "x") == (2, b"")
    await host.stop()


async def test_page_does_not_show_what_was_deleted_since_the_handler_looked(anywhere: str) -> None:
    house = House()
    async with house.system.connect(store=anywhere) as app:
        await app.send(PutRooms(rooms=[Room(id="1"), Room(id="2")]))
        looking = asyncio.create_task(app.send(Look(room="1")))
        await house.looked.wait()
        await app.send(DeleteRoom(room="1"))
        house.go_on.set()
        assert await looking == ["2"]


async def test_record_that_is_equal_and_written_otherwise_is_kept_as_it_is_put(anywhere: str) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    first = Price(id="x", amount=Decimal("1.1"), since=since, steps=[])
    there = since.astimezone(timezone(timedelta(hours=2)))
    async with House().system.connect(store=anywhere) as app:
        for put in (first, first.replace(amount=Decimal("1.10")), first.replace(since=there)):
            await app.send(PutPrice(price=put))
            assert repr(await app.ask(PriceOf(price="x"))) == repr(put)


async def test_record_that_was_changed_in_place_is_kept(anywhere: str) -> None:
    async with House().system.connect(store=anywhere) as app:
        since = datetime(2026, 1, 1, tzinfo=UTC)
        await app.send(PutPrice(price=Price(id="x", amount=Decimal(1), since=since, steps=[])))
        await app.send(AddStep(price="x"))
        assert (await app.ask(PriceOf(price="x"))).steps == [1]


async def test_record_that_is_put_unchanged_is_not_written() -> None:
    host = assemble(House().system.model(), store="memory:")
    await host.start()
    for _ in range(2):
        await host.send(PutRooms(rooms=[Room(id="x", note="Zoë")]))
    row = await host.stores["rooms"].load("rooms.Room", "x")
    assert row is not None
    assert row[0] == 1
    await host.stop()
