"""A commit compares the versions of what it writes, and of nothing that its handler has only read."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Record, Records, Repository, System

Way = Literal["reads an aggregate", "records an event on it", "reads a record", "changes the record"]


class Spend(Command[None]):
    pass


class Decide(Command[int]):
    """Decides by what it sees, and is answered with it."""

    way: Way


class Checked(DomainEvent):
    pass


class Purse(Aggregate[str, Checked]):
    spent: int = 0


class Lot(Aggregate[str]):
    bids: int = 0


class Limit(Record[str]):
    spent: int = 0
    asked: int = 0


class House:
    """The first run of `Decide` waits between its look and its commit."""

    def __init__(self) -> None:
        self.looked, self.go_on = asyncio.Event(), asyncio.Event()
        self.context: Context[Any] = Context("house")
        self.context.handle(Spend)(self.spend)
        self.context.handle(Decide)(self.decide)

    async def spend(self, command: Spend, purses: Repository[Purse], limits: Records[Limit]) -> None:
        (await purses.obtain("ada")).spent += 1
        limit = await limits.find("ada") or Limit(id="ada")
        await limits.put(limit.replace(spent=limit.spent + 1))

    async def decide(
        self, command: Decide, purses: Repository[Purse], limits: Records[Limit], lots: Repository[Lot]
    ) -> int:
        purse, limit = await purses.get("ada"), await limits.get("ada")
        self.looked.set()
        await self.go_on.wait()
        match command.way:
            case "reads an aggregate" | "reads a record":
                (await lots.obtain("l")).bids += 1
            case "records an event on it":
                purse.record(Checked())
            case "changes the record":
                await limits.put(limit.replace(asked=limit.asked + 1))
                (await lots.obtain("l")).bids += 1
        return limit.spent  # as much as the purse has


@pytest.mark.parametrize(
    ("way", "seen"),
    [
        ("reads an aggregate", 1),
        ("records an event on it", 2),
        ("reads a record", 1),
        ("changes the record", 2),
    ],
)
async def test_what_changed_since_it_was_read_is_noticed_only_if_it_is_written(way: Way, seen: int) -> None:
    house = House()
    async with System("s", contexts=[house.context]).connect(store="memory:") as app:
        await app.send(Spend())
        deciding = asyncio.create_task(app.send(Decide(way=way)))
        await house.looked.wait()
        await app.send(Spend())
        house.go_on.set()
        assert await deciding == seen
