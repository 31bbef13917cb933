"""Several processes on one file, and processes that end badly."""

import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import remit
from remit.log import Channel
from remit.stores.sqlite.store import SqliteStore

PROGRAMS = Path(__file__).parent / "programs"


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAMS / program), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def output_of(program: str, *arguments: object) -> str:
    command = [sys.executable, str(PROGRAMS / program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


async def test_of_several_processes_one_moves_each_checkpoint(tmp_path: Path) -> None:
    path, last = tmp_path / "billing.db", 150
    racers = [start("race.py", path, name, last) for name in "abc"]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n", "three processes made the same new file"
    wins = [int(racer.communicate("go\n")[0]) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert sum(wins) == last

    store = SqliteStore(path, "billing")
    await store.open()
    (part,) = await store.heads(Channel.PRIVATE)
    log = await store.read(Channel.PRIVATE, part, 0, last + 1)
    await store.close()
    assert [message.pos for message in log] == list(range(1, last + 1))
    assert [message.id.split()[0] for message in log] == [str(number) for number in range(1, last + 1)]
    assert [message.prev for message in log] == ["", *[message.id for message in log[:-1]]]


async def test_a_killed_writer_loses_nothing_it_was_told(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    told: set[str] = set()
    for prefix, lines in (("first", 40), ("second", 137), ("third", 5)):
        writer = start("write.py", path, prefix)
        assert writer.stdout is not None
        told.update(writer.stdout.readline().strip() for _ in range(lines))
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        told.update(line for line in rest.splitlines() if line.startswith(prefix))
        assert writer.returncode == -signal.SIGKILL

    store = SqliteStore(path, "billing")
    await store.open()
    logs = {}
    for channel in Channel:
        log = [m for part in range(16) for m in await store.read(channel, part, 0, 1_000_000)]
        for before, message in itertools.pairwise(log):
            same_part = before.part == message.part
            assert (message.pos, message.prev) == ((before.pos + 1, before.id) if same_part else (1, ""))
        logs[channel] = {message.key for message in log}
    await store.close()

    with sqlite3.connect(path) as database:
        states = {name for (name,) in database.execute("SELECT id FROM state")}
        claims = {name for (name,) in database.execute("SELECT key FROM idempotency")}
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    assert logs[Channel.PRIVATE] == logs[Channel.PUBLISHED] == states == claims, (
        "each unit is there whole or not at all"
    )
    assert len(told) >= 40 + 137 + 5
    assert told - states == set(), "what was told as committed is there"


def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    said = output_of("fill.py", tmp_path / "billing.db")
    assert "store.unavailable" in said
    assert "SQLITE_IOERR_WRITE" in said
    assert "Next: check free space" in said
    (counts,) = [line.split() for line in said.splitlines() if line.startswith("written:")]
    assert int(counts[1]) > 10
    assert counts[1] == counts[-1], "what was committed before is there"
    assert "the refused one: None" in said
    assert "with space again: (1, b'{}')" in said


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users may look into, with a copy of the package: its migrations are read while it runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(Path(remit.__file__).parent, folder / "remit", ignore=shutil.ignore_patterns("__pycache__"))
        yield folder


def opened_without_rights(path: Path, public: Path) -> str:
    command = [sys.executable, str(PROGRAMS / "unprivileged.py"), str(path)]
    environment = os.environ | {"PYTHONPATH": str(public), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


async def test_a_file_that_cannot_be_written_is_refused(public: Path) -> None:
    folder = public / "data"
    folder.mkdir()
    path = folder / "billing.db"
    store = SqliteStore(path, "billing")
    await store.open()
    await store.close()
    path.chmod(0o444)
    folder.chmod(0o555)
    said = opened_without_rights(path, public)
    folder.chmod(0o755)
    assert said.startswith("StoreError store.unusable"), said
    assert "read-only" in said or "cannot be opened" in said
    assert "that this user can write" in said


def test_a_directory_that_cannot_be_written_is_refused(public: Path) -> None:
    folder = public / "data"
    folder.mkdir(mode=0o555)
    for path in (folder / "billing.db", folder / "deeper" / "billing.db"):
        said = opened_without_rights(path, public)
        assert said.startswith("StoreError store.unusable"), said
        assert str(path) in said


def test_every_column_of_text_can_be_read_from_outside(tmp_path: Path) -> None:
    writer = start("write.py", tmp_path / "billing.db", "one")
    assert writer.stdout is not None
    name = writer.stdout.readline().strip()
    writer.kill()
    writer.communicate()
    with sqlite3.connect(tmp_path / "billing.db") as database:
        (text,) = database.execute("SELECT payload -> 'text' FROM log WHERE key = ?", (name,)).fetchone()
        assert json.loads(text) == "x" * 500
    database.close()
