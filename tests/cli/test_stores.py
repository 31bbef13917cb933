"""Stores that cannot be used: every command says which, why, and what to do."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.program import DEADLINE, SYSTEM, Office, is_clear, without_rights

COMMANDS = {
    "run": ["run", SYSTEM],
    "status": ["status", SYSTEM],
    "send": ["send", SYSTEM, "Post", '{"letter": "l", "box": "ada", "text": "t"}'],
    "ask": ["ask", SYSTEM, "Contents", '{"box": "ada"}'],
    "parked list": ["parked", "list"],
    "parked show": ["parked", "show", "ada"],
    "parked retry": ["parked", "retry", "mail.deliver", "--all"],
}
LOOKING = {"status", "parked list", "parked show"}
every_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
"""Those that open stores that are there."""


@every_command
def test_a_newer_schema(office: Office, command: list[str]) -> None:
    office.post("ada", "one")
    newer = sqlite3.connect(office.data / "mail.db")
    newer.execute("PRAGMA user_version = 999")
    newer.close()
    ran = office.remit(*command)
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "store.unusable"), ran.stderr
    assert "999" in ran.stderr
    assert "mail.db" in ran.stderr


@every_command
def test_a_corrupt_file(office: Office, command: list[str]) -> None:
    office.post("ada", "one")
    (office.data / "mail.db").write_bytes(b"this was a store once" * 500)
    ran = office.remit(*command)
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "store.unusable"), ran.stderr
    assert "mail.db" in ran.stderr


def in_a_folder_that_may_not_be_written(office: Office, command: list[str]) -> subprocess.CompletedProcess[str]:
    office.post("ada", "one")
    for file in office.data.iterdir():
        file.chmod(0o444)
    office.data.chmod(0o555)
    try:
        return office.remit(*command, before=without_rights)
    finally:
        office.data.chmod(0o755)


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - LOOKING))
def test_a_folder_that_may_not_be_written(office: Office, command: str) -> None:
    ran = in_a_folder_that_may_not_be_written(office, COMMANDS[command])
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "store.unusable"), ran.stderr
    assert "can write" in ran.stderr


def test_looking_needs_no_right_to_write(office: Office) -> None:
    ran = in_a_folder_that_may_not_be_written(office, COMMANDS["status"])
    assert (ran.returncode, "silent" in ran.stdout) == (1, True), ran.stderr
    ran = in_a_folder_that_may_not_be_written(office, COMMANDS["parked list"])
    assert (ran.returncode, ran.stdout) == (0, "nothing is parked\n"), ran.stderr


@pytest.mark.parametrize("command", sorted(LOOKING))
def test_looking_neither_migrates_nor_makes(office: Office, command: str) -> None:
    office.post("ada", "one")
    with sqlite3.connect(office.data / "mail.db") as older:
        older.execute("PRAGMA user_version = 1")
    older.close()
    before = {file: file.read_bytes() for file in office.data.iterdir()}
    ran = office.remit(*COMMANDS[command])
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "store.unusable"), ran.stderr
    assert "schema version 1" in ran.stderr
    assert {file: file.read_bytes() for file in office.data.iterdir()} == before


@pytest.mark.parametrize("command", ["run", "send"])
def test_a_folder_that_cannot_be_made(office: Office, tmp_path: Path, command: str) -> None:
    tmp_path.chmod(0o555)
    try:
        ran = office.remit(*COMMANDS[command], before=without_rights)
    finally:
        tmp_path.chmod(0o755)
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "store.unusable"), ran.stderr
    assert str(office.data) in ran.stderr


@pytest.mark.parametrize("command", ["status", "parked list", "parked retry", "ask"])
def test_looking_makes_no_store(office: Office, command: str) -> None:
    ran = office.remit(*COMMANDS[command])
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "store.missing"), ran.stderr
    assert not office.data.exists()


def test_a_file_that_is_deleted_under_a_service_makes_it_unready(office: Office) -> None:
    with office.running() as running:
        assert running.get("/health/ready")[0] == 200
        (office.data / "mail.db").unlink()
        latest = time.monotonic() + DEADLINE
        while (answer := running.get("/health/ready"))[0] == 200:
            assert time.monotonic() < latest, answer
        assert answer[0] == 503
        assert answer[1]["unusable"] == ["mail"]
        _, _, logged = running.end(signal.SIGTERM)
        assert "stalled store of mail: store.unusable" in logged
        assert "deleted or replaced" in logged
