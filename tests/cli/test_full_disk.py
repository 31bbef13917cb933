"""A disk that is full, for a process that runs and for every command: it is said, nothing is lost, and it passes.

The limit is one on the size of files (RLIMIT_FSIZE), which needs no rights and can be lifted while a process runs.
"""

from __future__ import annotations

import resource
import signal
import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

from tests.cli.program import DEADLINE, SYSTEM, Office, Running, is_clear
from tests.servers.warm import Limit

LARGEST = 8192
"""Bytes: smaller than what SQLite needs to begin with."""


def limit(process: int, largest: int) -> None:
    """From now on no file of the process may grow beyond this; -1 for as large as they like."""
    _, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (largest, most))


fill_disk = Limit(resource.RLIMIT_FSIZE, LARGEST)


def post(running: Running, text: str) -> tuple[int, Any]:
    return running.post("/letters", {"letter": text, "box": "ada", "text": text})


def written(office: Office, context: str) -> int:
    """Size of the file that a context appends to."""
    return (office.data / f"{context}.db-wal").stat().st_size


def states(running: Running, status: int) -> list[str]:
    """The states of the subscriptions, once the process tells them with this status. It is ready all the while."""
    latest = time.monotonic() + DEADLINE
    while (answer := running.get("/health/status"))[0] != status:
        assert time.monotonic() < latest, answer
        time.sleep(0.02)  # whoever asks all the time keeps the process from anything else
    assert running.get("/health/ready")[0] == 200
    return [row["state"] for row in answer[1]["subscriptions"]]


def test_a_command_is_turned_away_and_accepted_as_soon_as_there_is_space(office: Office) -> None:
    with office.running() as running:
        assert post(running, "first") == (201, "first")
        limit(running.process.pid, written(office, "desk") + 60_000)
        accepted = ["first"]
        while (answer := post(running, f"next {len(accepted)}"))[0] == 201:
            accepted.append(answer[1])
        assert (answer[0], answer[1]["code"]) == (503, "store.unavailable")
        assert answer[1]["next"].startswith("Try again")
        limit(running.process.pid, -1)
        assert post(running, "last")[0] == 201, "without a restart"
        office.wait_for(lambda row: row["position"] == len(accepted) + 1)
        assert running.get("/boxes/ada") == (200, [*accepted, "last"])
        code, _, logged = running.end(signal.SIGTERM)
    assert code == 0
    assert "store.unavailable" in logged


def test_a_consequence_waits_until_there_is_space(office: Office) -> None:
    with office.running() as running:
        post(running, "first")
        office.wait_for(lambda row: row["position"] == 1)
        with closing(sqlite3.connect(office.data / "desk.db")) as desk:  # so that the desk has space, and mail has none
            desk.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        limit(running.process.pid, written(office, "mail"))
        assert post(running, "second")[0] == 201
        assert states(running, 503) == ["paused"]
        assert office.status()[1]["lag"] == 1
        limit(running.process.pid, -1)
        assert states(running, 200) == ["running"]
        office.wait_for(lambda row: row["lag"] == 0)
        assert running.get("/boxes/ada") == (200, ["first", "second"])


COMMANDS = {
    "run": ["run", SYSTEM, "--port", "0"],
    "send": ["send", SYSTEM, "Post", '{"letter": "l", "box": "ada", "text": "two"}'],
    "ask": ["ask", SYSTEM, "Contents", '{"box": "ada"}', "--fresh"],
    "parked retry": ["parked", "retry", "mail.deliver", "--all"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_command_line_says_so(office: Office, command: list[str]) -> None:
    office.post("ada", "one")
    ran = office.remit(*command, before=fill_disk)
    assert ran.returncode == 2
    assert is_clear(ran.stderr, f"store.unavailable  {office.data}"), ran.stderr
    assert "check free space" in ran.stderr
    office.post("ada", "after")
    asked = office.remit("ask", SYSTEM, "Contents", '{"box": "ada"}', "--fresh")
    assert asked.stdout == '["one","after"]\n', asked.stderr


@pytest.mark.parametrize("command", ["run", "send"])
def test_a_first_start_says_so_and_succeeds_once_there_is_space(office: Office, command: str) -> None:
    ran = office.remit(*COMMANDS[command], before=fill_disk)
    assert ran.returncode == 2
    assert is_clear(ran.stderr, f"store.unavailable  {office.data}"), ran.stderr
    office.post("ada", "one")
    assert office.remit("ask", SYSTEM, "Contents", '{"box": "ada"}', "--fresh").stdout == '["one"]\n'


@pytest.mark.parametrize("command", [["status", SYSTEM], ["parked", "list"]], ids=["status", "parked list"])
def test_looking_needs_no_space(office: Office, command: list[str]) -> None:
    office.post("ada", "one")
    ran = office.remit(*command, before=fill_disk)
    assert (ran.returncode, ran.stderr) == (1 if command[0] == "status" else 0, "")
