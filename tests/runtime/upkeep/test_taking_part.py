"""Several processes run the same system over the same stores: each mail is sent once, whichever of them sends it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import asyncpg
import pytest

from remit.hosting.technologies import open_store
from remit.runtime.upkeep.leases import LEASE_SECONDS
from remit.topology.stores import store_at
from tests.servers.ports import HOST, free_port
from tests.servers.warm import WARM

PROGRAMS = Path(__file__).parent / "programs"
SECONDS = 30.0
"""Until what a test waits for must have happened."""


class Line(NamedTuple):
    at: float
    process: int
    what: str
    order: str


class Street:
    """Processes over one store, and the diary they write."""

    def __init__(self, folder: Path, store: str) -> None:
        self.store = store
        self._diary = folder / "diary"
        self._diary.touch()
        self._environment = os.environ | {"STORE": store, "DIARY": str(self._diary), "PYTHONPATH": str(PROGRAMS)}
        self._processes: list[subprocess.Popen[bytes]] = []

    def run(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts the program, and does not wait for it."""
        return self._popen(sys.executable, str(PROGRAMS / "post.py"), *arguments, **WARM)

    def start(self, role: str = "serve") -> subprocess.Popen[bytes]:
        """Starts a process of the shop, and waits until it runs."""
        process = self.run(role)
        self.until(lambda: process.pid in self.who("started"), "it has started")
        return process

    def uvicorn(self, port: int, workers: int) -> subprocess.Popen[bytes]:
        process = self._popen(
            *(sys.executable, "-m", "uvicorn", "post:app", "--host", HOST, "--port", str(port)),
            *("--workers", str(workers), "--lifespan", "on", "--ws", "none", "--log-level", "warning"),
        )
        self.until(lambda: len(self.who("started")) == workers, "all workers have started")
        return process

    def _popen(self, *command: str, **also: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, env=self._environment | also)
        self._processes.append(process)
        return process

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def lines(self, *what: str) -> list[Line]:
        written, _, _ = self._diary.read_text().rpartition("\n")  # who reads while a line is written sees half of it
        found = [line.split() for line in written.splitlines()]
        return [Line(float(at), int(pid), kind, order) for at, pid, kind, order in found if kind in what]

    def who(self, what: str) -> set[int]:
        return {line.process for line in self.lines(what)}

    def mails(self) -> Counter[str]:
        """How often each mail was sent."""
        return Counter(line.order for line in self.lines("mailed"))

    def doubled(self) -> list[Line]:
        """All that is written of the mails that were sent more than once, and of those who sent them."""
        twice = {order for order, times in self.mails().items() if times > 1}
        moves = ("started", "ending", "ended") if twice else ()
        return [line for line in self.lines("begun", "mailed", *moves) if line.order in twice or line.what in moves]

    def everything_is_mailed(self) -> bool:
        return {line.order for line in self.lines("placed")} <= self.mails().keys()

    def until(self, condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
        latest = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < latest, f"within {seconds:.0f} s: {what}"
            time.sleep(0.02)

    def until_it_mails(self, process: subprocess.Popen[bytes]) -> None:
        self.until(lambda: process.pid in self.who("mailed"), "it sends mails")

    def owners(self) -> set[str]:
        """Who holds the leases of the post."""

        async def look() -> set[str]:
            store = open_store(store_at(self.store, "post"), "post")
            await store.open(read_only=True)
            try:
                return {owner for owner, until in (await store.leases()).values() if until}
            finally:
                await store.close()

        return asyncio.run(look())


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) in (0, -signal.SIGTERM)


async def _execute(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def street(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Street]:
    if request.param == "sqlite":
        street = Street(tmp_path, f"sqlite:{tmp_path}/{{context}}.db")
        yield street
        street.close()
        return
    server, database = request.getfixturevalue("server"), f"street_{uuid.uuid4().hex[:12]}"
    await _execute(server, f"CREATE DATABASE {database}")
    street = Street(tmp_path, f"{server.rpartition('/')[0]}/{database}")
    yield street
    street.close()
    await _execute(server, f"DROP DATABASE {database} WITH (FORCE)")


def test_workers_of_a_web_server_send_each_mail_once(street: Street) -> None:
    port = free_port()
    server = street.uvicorn(port, workers=4)

    def place(number: int) -> None:
        body = json.dumps({"order": f"o{number}"}).encode()
        request = Request(f"http://{HOST}:{port}/orders", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=SECONDS) as answer:
            assert answer.status == 201

    with ThreadPoolExecutor(8) as clients:
        list(clients.map(place, range(100)))
    street.until(lambda: len(street.mails()) == 100, "each mail is sent")
    end(server)
    assert not (doubled := street.doubled()), "\n".join(map(str, doubled))


def test_each_mail_is_sent_once_while_new_processes_take_the_place_of_old_ones(street: Street) -> None:
    running = street.start("sell")
    for _ in range(4):
        street.until_it_mails(running)
        coming = street.start("sell")
        end(running)
        running = coming
    running.send_signal(signal.SIGTERM)
    street.until(lambda: running.pid in street.who("ending"), "the last one ends")
    running.wait(SECONDS)
    last = street.start()
    street.until(street.everything_is_mailed, "everything is mailed")
    end(last)
    assert not (doubled := street.doubled()), "\n".join(map(str, doubled))


def test_others_go_on_soon_when_the_process_that_sends_the_mails_is_killed(street: Street) -> None:
    owner, other = street.start("sell"), street.start("sell")
    street.until(lambda: owner.pid in street.who("mailed"), "mails are sent")
    owner.kill()
    killed = time.monotonic()
    street.until(lambda: other.pid in street.who("mailed"), "the other goes on", LEASE_SECONDS / 2)
    other.send_signal(signal.SIGTERM)
    street.until(lambda: other.pid in street.who("ended"), "it ends")
    last = street.start()
    street.until(street.everything_is_mailed, "everything is mailed")
    end(last)
    doubled = {order for order, times in street.mails().items() if times > 1}
    in_flight = {line.order for line in street.lines("begun") if line.process == owner.pid and line.at > killed - 1.0}
    assert doubled <= in_flight
    assert max(street.mails().values()) <= 2


def test_what_was_killed_does_not_hold_up_what_is_started_in_its_place(street: Street) -> None:
    owner = street.start()
    street.until(lambda: bool(street.owners()), "it has the leases")
    owner.kill()
    owner.wait()
    again = street.start()
    street.run("script", "o1").wait()
    street.until(street.everything_is_mailed, "the mail is sent", LEASE_SECONDS / 2)
    assert street.who("mailed") == {again.pid}


def test_a_script_beside_a_service_takes_nothing_away(street: Street) -> None:
    service = street.start()
    before = street.owners()
    for number in range(3):
        street.run("script", f"o{number}").wait()
        street.until(street.everything_is_mailed, "the mail is sent")
        assert street.owners() == before
    end(service)
    assert street.who("mailed") == {service.pid}
    assert set(street.mails().values()) == {1}
