"""The processes of `test_processes.py`: writers with transactions of their own, and followers as a service runs them.

python -m tests.stores.postgres.crew write ADDRESS SCHEMA FOLDER NUMBER
python -m tests.stores.postgres.crew follow ADDRESS NAME
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from remit import Aggregate, Context, DomainEvent, IntegrationEvent, Repository, System, field
from remit.log import Channel
from remit.relations import CustomerSupplier
from remit.runtime import Host, Placed, Ports
from remit.runtime.following import follower, history
from remit.runtime.upkeep import housekeeping
from remit.stores import Entry, Store, Unit
from remit.stores.postgres.columns import call_for
from remit.stores.postgres.failures import FAILURES
from remit.stores.postgres.store import PostgresStore

__all__ = ["FOLLOWERS", "PARTITIONS", "SOURCE"]

SOURCE, FOLLOWERS, PARTITIONS = "source", ("first", "second"), 4
BOXES = "abcdefgh"
SOON = 0.2
"""Seconds between reports, and between two looks for what is old: a test has no weeks to wait for it."""


class Wrote(DomainEvent):
    box: str
    name: str


class Written(IntegrationEvent, version=1, key="box"):
    box: str
    name: str


class SeenFirst(Aggregate[str]):
    names: list[str] = field(default_factory=list[str])


class SeenSecond(Aggregate[str]):
    names: list[str] = field(default_factory=list[str])


source = Context(SOURCE, keep=timedelta(0))  # what everybody has handled is deleted at once
first, second = (Context(name) for name in FOLLOWERS)


@source.publish(Wrote)
def published(event: Wrote) -> Written:
    return Written(box=event.box, name=event.name)


@first.react(Written)
async def see(event: Written, boxes: Repository[SeenFirst]) -> None:
    (await boxes.obtain(event.box)).names.append(event.name)


@second.react(Written)
async def see_too(event: Written, boxes: Repository[SeenSecond]) -> None:
    (await boxes.obtain(event.box)).names.append(event.name)


crew = System(
    "crew",
    contexts=[source, first, second],
    relations=[CustomerSupplier(supplier=source, customer=customer) for customer in (first, second)],
)


async def follow(address: str, name: str) -> None:
    """Runs one follower until it is killed."""
    housekeeping.PRUNE = history.REPORT_SECONDS = SOON
    setattr(follower, "REPORT_SECONDS", SOON)  # noqa: B010  it has it from there, and does not hand it on
    stores: dict[str, Store] = {each: PostgresStore(address, each, partitions=PARTITIONS) for each in (name, SOURCE)}
    await Host(crew.model(), stores, Ports(), placed=Placed({name: ("write", "read")})).start()
    await asyncio.Event().wait()


async def write(address: str, schema: str, folder: Path, number: int) -> None:
    """Commits and rolls back until a file `stop` is there, and writes down what it was told."""
    chance = random.Random(number)
    turn = 0
    with (folder / f"written.{number}").open("a") as written, (folder / f"doubt.{number}").open("a") as doubt:
        while not (folder / "stop").exists():
            try:
                connection: Any = await asyncpg.connect(address, server_settings={"search_path": schema}, timeout=5)
            except FAILURES:
                await asyncio.sleep(0.05)
                continue
            try:
                while not (folder / "stop").exists():
                    turn += 1
                    names = [f"{number}.{turn}.{box}" for box in chance.sample(BOXES, chance.randint(1, 3))]
                    if await _append(connection, names, chance, is_long=number == 0, doubt=doubt):
                        written.writelines(f"{name}\n" for name in names)
                        written.flush()
            except FAILURES:
                connection.terminate()
            else:
                await connection.close()


async def _append(connection: Any, names: list[str], chance: random.Random, *, is_long: bool, doubt: Any) -> bool:
    """One transaction; whether it is committed. One whose end was not heard is written down."""
    slow = 1.0 if is_long else 0.02
    await connection.execute("BEGIN")
    if chance.random() < 0.5:
        await connection.execute("SELECT pg_current_xact_id()")
    await asyncio.sleep(chance.random() * slow)
    call = call_for([Unit(entries=[_entry(name) for name in names])], PARTITIONS)
    await connection.fetchrow(call.statement, *call.values)
    await asyncio.sleep(chance.random() * slow)
    if chance.random() < 0.2:
        await connection.execute("ROLLBACK")
        return False
    try:
        await connection.execute("COMMIT")
    except BaseException:
        doubt.writelines(f"{name}\n" for name in names)
        doubt.flush()
        raise
    return True


def _entry(name: str) -> Entry:
    box = name[-1]
    payload = json.dumps({"box": box, "name": name}).encode()
    return Entry(Channel.PUBLISHED, box, name, "source.Written", 1, time.time(), "{}", payload)


if __name__ == "__main__":
    role, address, *rest = sys.argv[1:]
    if role == "follow":
        asyncio.run(follow(address, rest[0]))
    else:
        asyncio.run(write(address, rest[0], Path(rest[1]), int(rest[2])))
