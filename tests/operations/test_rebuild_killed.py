"""A rebuild that is killed several times under live load makes what an independent fold makes."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tests.operations.orchard import Count, Counted, HowMany, once, orchard, twice

EVENTS = 600
BOXES = 50
KILLS = 5


async def test_a_rebuild_that_is_killed_five_times_under_load_loses_and_doubles_nothing(place: str) -> None:
    async with orchard(once).connect(store=place) as app:
        some = [Counted(box=f"b{number % BOXES}", apples=number) for number in range(EVENTS)]
        await app.send(Count(boxes=some))
        await app.ask(HowMany(box="b1"), fresh=True)
    over = asyncio.Event()
    async with orchard(twice).connect(store=place) as app:
        load = asyncio.ensure_future(_live(app, over))
        try:
            async with _rebuilding() as process:
                for kill in range(KILLS):
                    assert await _rebuilt(process, place, killed_at=(kill + 1) * EVENTS // (KILLS + 2)) == "killed"
                assert await _rebuilt(process, place) == "done"
        finally:
            over.set()
            await load
        await app.ask(HowMany(box="b1"), fresh=True)
    events, documents = await _stored(place)
    folded = Counter[str]()
    for event in events:
        folded[event["box"]] += 2 * event["apples"]
    assert {key: body["apples"] for key, body in documents.items()} == folded


@asynccontextmanager
async def _rebuilding() -> AsyncGenerator[Process]:
    command, pipe = (sys.executable, "-m", "tests.operations.programs.rebuilding"), asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _rebuilt(process: Process, place: str, killed_at: int = 0) -> str:
    """Runs the rebuild in a process of its own, kills that at a position, and returns how it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{place}\n".encode())
    is_killed = False
    while len(told := (await process.stdout.readline()).decode().split()) > 1:
        if killed_at and int(told[1]) >= killed_at and not is_killed:
            is_killed = True
            os.kill(int(told[0]), signal.SIGKILL)
    return told[0]


async def _live(app: Any, over: asyncio.Event) -> None:
    """Counts apples, and asks for what is there. An answer is never missing."""
    number = 0
    while not over.is_set():
        number += 1
        await app.send(Count(boxes=[Counted(box=f"b{number % BOXES}", apples=1)]))
        assert await app.ask(HowMany(box=f"b{number % BOXES}")) > 0
        await asyncio.sleep(0.005)


async def _stored(place: str) -> tuple[list[Any], dict[str, Any]]:
    """The events, and the documents of version 2, as they are in the database."""
    if place.startswith("sqlite:"):
        connection = sqlite3.connect(place.removeprefix("sqlite:").format(context="farm"))
        events: list[Any] = connection.execute("SELECT payload FROM log WHERE channel = 0").fetchall()
        rows: list[Any] = connection.execute("SELECT id, body FROM state WHERE kind = 'farm.Box@2'").fetchall()
        connection.close()
    else:
        server, _, schema = place.rpartition("schema=")
        reading: Any = await asyncpg.connect(server.rstrip("?&"))
        events = await reading.fetch(f"SELECT payload FROM {schema}.remit_log WHERE channel = 0")
        rows = await reading.fetch(f"SELECT id, body FROM {schema}.remit_state WHERE kind = 'farm.Box@2'")
        await reading.close()
    return [json.loads(payload) for (payload,) in events], {id: json.loads(body) for id, body in rows}
