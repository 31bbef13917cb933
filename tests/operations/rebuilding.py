"""Runs rebuilds in processes that are killed, and reads what they have made without remit."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from remit.log import Channel, SubscriptionId
from remit.stores import Store, load_versions


@asynccontextmanager
async def rebuilding() -> AsyncGenerator[Process]:
    """The process from which rebuilds are forked."""
    command, pipe = (sys.executable, "-m", "tests.operations.programs.rebuilding"), asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def rebuilt(
    process: Process,
    place: str,
    killed_at: int,
    how: str,
    steps: list[tuple[float, int]] | None = None,
    name: str = "farm.Box",
) -> str:
    """Runs the rebuild, kills it after so many states and messages (0: never), and returns how it has ended. `how` is
    its pause and its page; `steps` gets the time (monotonic) of each step, and its position."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{how} {place} {name}\n".encode())
    is_killed = False
    while len(told := (await process.stdout.readline()).decode().split()) > 1:
        if steps is not None:
            steps.append((time.monotonic(), int(told[1])))
        if killed_at and int(told[1]) >= killed_at and not is_killed:
            is_killed = True
            os.kill(int(told[0]), signal.SIGKILL)
    return told[0]


async def caught_up(store: Store, name: str) -> None:
    """Waits until version 2 is live, and has handled all messages: whoever follows into it has come to their end."""
    id = SubscriptionId(f"{name}@2", name.partition(".")[0], Channel.PRIVATE)
    async with asyncio.timeout(30):
        while (await load_versions(store, name))[1].live != 2:  # noqa: ASYNC110  # a switch rings no bell
            await asyncio.sleep(0.01)
        while True:
            stands = await store.checkpoints(id)
            heads = (await store.heads(Channel.PRIVATE)).items()
            if all(part in stands and stands[part].pos == head.pos for part, head in heads):
                return
            await asyncio.sleep(0.01)


async def stored(place: str, version: int) -> tuple[list[Any], dict[str, int]]:
    """The payloads of the events, and the apples of each box in a version, as they are in the database."""
    kind = f"farm.Box@{version}"
    if place.startswith("sqlite:"):
        connection = sqlite3.connect(place.removeprefix("sqlite:").format(context="farm"))
        events: list[Any] = connection.execute("SELECT payload FROM log WHERE channel = 0").fetchall()
        rows: list[Any] = connection.execute("SELECT id, body FROM state WHERE kind = ?", [kind]).fetchall()
        connection.close()
    else:
        server, _, schema = place.rpartition("schema=")
        reading: Any = await asyncpg.connect(server.rstrip("?&"))
        events = await reading.fetch(f"SELECT payload FROM {schema}.remit_log WHERE channel = 0")
        rows = await reading.fetch(f"SELECT id, body FROM {schema}.remit_state WHERE kind = $1", kind)
        await reading.close()
    return [payload for (payload,) in events], {id: json.loads(body)["apples"] for id, body in rows}


def fold_of(payloads: Iterable[Any]) -> dict[str, int]:
    """What `twice` makes of the events, folded without remit."""
    folded = Counter[str]()
    for payload in payloads:
        event = json.loads(payload)
        folded[event["box"]] += 2 * event["apples"]
    return dict(folded)
