"""Real processes, a real server, all of them killed: every committed event is handled once by each subscription, in
order per key, while what everybody has handled is being deleted.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from remit.stores.postgres.store import PostgresStore
from tests.servers.postgres import Server
from tests.stores.postgres.crew import FOLLOWERS, PARTITIONS, SOURCE

ROOT = Path(__file__).parents[3]
WRITERS = 4
Boxes = dict[str, list[str]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


class Crew:
    """The processes, and what they leave behind."""

    def __init__(self, server: Server, folder: Path, processes: ExitStack) -> None:
        self._server = server
        self._folder = folder
        self._processes = processes
        self._followers: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.stores.postgres.crew", arguments[0], self._server.url(), *arguments[1:]]
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        self._processes.callback(process.wait)
        self._processes.callback(process.kill)
        return process

    def write(self, number: int) -> subprocess.Popen[bytes]:
        return self.begin("write", SOURCE, str(self._folder), str(number))

    def follow(self, name: str) -> None:
        """Begins a follower; one that runs is killed before."""
        if (running := self._followers.get(name)) is not None:
            running.kill()
            running.wait()
        self._followers[name] = self.begin("follow", name)

    def told(self, what: str) -> set[str]:
        """What the writers wrote down."""
        return {name for file in self._folder.glob(f"{what}.*") for name in file.read_text().split()}

    async def written(self, count: int) -> None:
        """Waits until so many more events are committed."""
        before = len(self.told("written"))
        while len(self.told("written")) < before + count:  # noqa: ASYNC110  they are other processes
            await asyncio.sleep(0.05)

    async def seen(self, name: str) -> Boxes:
        """What a follower has handled, by key, in its order."""
        rows = await self._fetch(f"SELECT id, body FROM {name}.remit_state")
        return {box: json.loads(body)["names"] for box, body in rows}

    async def deleted(self) -> int:
        ((count,),) = await self._fetch(f"SELECT coalesce(sum(pos), 0) FROM {SOURCE}.remit_floor")
        return int(count)

    async def _fetch(self, sql: str) -> list[Any]:
        connection: Any = await asyncpg.connect(self._server.url())
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()

    async def known(self) -> None:
        """Waits until each follower is known to the source. What was deleted before one is, it never sees."""
        known = f"SELECT 1 FROM {SOURCE}.remit_subscriber"
        while len(await self._fetch(known)) < len(FOLLOWERS):  # noqa: ASYNC110  they are other processes
            await asyncio.sleep(0.05)

    async def until_seen(self, names: set[str]) -> dict[str, Boxes]:
        while True:
            seen = {name: await self.seen(name) for name in FOLLOWERS}
            if all(names <= flat(boxes) for boxes in seen.values()):
                return seen
            await asyncio.sleep(0.1)

    def stop(self, writers: list[subprocess.Popen[bytes]]) -> Callable[[], None]:
        def wait() -> None:
            (self._folder / "stop").touch()
            assert [writer.wait() for writer in writers] == [0] * len(writers)

        return wait


def flat(boxes: Boxes) -> set[str]:
    return {name for names in boxes.values() for name in names}


@asynccontextmanager
async def crew(server: Server, folder: Path) -> AsyncGenerator[Crew]:
    for context in (SOURCE, *FOLLOWERS):
        store = PostgresStore(server.url(), context, partitions=PARTITIONS)
        await store.open()
        await store.close()
    with ExitStack() as processes:
        yield Crew(server, folder, processes)


@pytest.mark.timeout(180)  # processes share their machine with others
async def test_every_committed_event_is_handled_once_and_in_order(server: Server, tmp_path: Path) -> None:
    async with crew(server, tmp_path) as people:
        for name in FOLLOWERS:
            people.follow(name)
        await people.known()
        writers = [people.write(number) for number in range(WRITERS)]
        for _ in range(2):
            await people.written(100)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await people.written(100)
            await asyncio.to_thread(people.follow, FOLLOWERS[0])
        while not await people.deleted():
            await people.written(20)
        await asyncio.to_thread(people.stop(writers))
        written, doubt = people.told("written"), people.told("doubt")
        seen = await people.until_seen(written)
    for boxes in seen.values():
        names = [name for each in boxes.values() for name in each]
        assert len(names) == len(set(names)), "once"
        assert set(names) - written <= doubt, "and nothing that was rolled back"
        for box, each in boxes.items():
            for number in range(WRITERS):
                turns = [int(name.split(".")[1]) for name in each if name.startswith(f"{number}.")]
                assert turns == sorted(turns), f"what one writer wrote for {box} comes in the order of its commits"
    first, second = seen.values()
    assert {box: names[: len(second[box])] for box, names in first.items()} == {
        box: names[: len(first[box])] for box, names in second.items()
    }, "both in the same order"
