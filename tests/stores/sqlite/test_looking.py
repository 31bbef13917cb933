"""Looking at a file changes nothing, needs no right to write, and sees what a running process commits."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from remit.errors import StoreError
from remit.log import Channel
from remit.stores import Entry, Unit
from remit.stores.sqlite.store import SqliteStore
from tests.cli.program import without_rights
from tests.stores.sqlite.files import made, older

PROGRAMS = Path(__file__).parent / "programs"


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with what is in it and when it was written."""
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


async def looking(path: Path) -> SqliteStore:
    store = SqliteStore(path, "billing")
    await store.open(read_only=True)
    return store


async def count(store: SqliteStore) -> int:
    return sum(head for head, _ in (await store.heads(Channel.PRIVATE)).values())


def writing(path: Path) -> subprocess.Popen[str]:
    """A process that commits, and says so, until it is killed."""
    command = [sys.executable, str(PROGRAMS / "write.py"), str(path), "one"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def seen_without_rights(path: Path) -> int:
    """How many messages a process sees that may only read, in a folder where it may only read."""
    files = [path.parent, *path.parent.iterdir()]
    modes = [file.stat().st_mode for file in files]
    for file in files:
        file.chmod(0o555 if file.is_dir() else 0o444)
    command = [sys.executable, str(PROGRAMS / "look.py"), str(path)]
    looked = subprocess.run(command, preexec_fn=without_rights, capture_output=True, text=True, check=False)
    for file, mode in zip(files, modes, strict=True):
        file.chmod(mode)
    assert looked.returncode == 0, looked.stderr
    return int(looked.stdout)


async def test_nothing_is_written_and_no_file_is_made(tmp_path: Path) -> None:
    await made(tmp_path / "billing.db", units=3)
    before = content(tmp_path)
    store = await looking(tmp_path / "billing.db")
    assert await count(store) == 3
    assert await store.load("Account", "a2") == (1, b'{"n":1}')
    assert list(await store.parked()) == []
    await store.close()
    assert content(tmp_path) == before
    assert list(before) == ["billing.db"]


async def test_no_right_to_write_is_needed(tmp_path: Path) -> None:
    await made(tmp_path / "billing.db", units=3)
    assert seen_without_rights(tmp_path / "billing.db") == 3


async def test_what_another_process_has_committed_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    writer = writing(path)
    assert writer.stdout is not None
    told = [writer.stdout.readline() for _ in range(20)]
    store = await looking(path)
    for _ in range(20):
        told.append(writer.stdout.readline())
        assert await count(store) >= len(told)
    assert seen_without_rights(path) >= len(told)
    writer.kill()
    rest, _ = writer.communicate()
    told += rest.split()
    before = {name: data for name, (data, _) in content(tmp_path).items() if not name.endswith("-shm")}
    assert await count(store) >= len(told), "a write-ahead log is left, and read"
    after = {name: data for name, (data, _) in content(tmp_path).items() if not name.endswith("-shm")}
    assert (after == before, list(before)) == (True, ["billing.db", "billing.db-wal"])
    assert seen_without_rights(path) >= len(told)
    await store.close()


async def test_a_process_that_starts_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    await made(path, units=3)
    store = await looking(path)
    assert await count(store) == 3
    service = SqliteStore(path, "billing")
    await service.open()
    for number in range(3, 500):
        await service.commit(
            Unit(entries=[Entry(Channel.PRIVATE, "k", f"m{number}", "billing.X", 1, 1.0, "{}", b"x" * 3000)])
        )
        assert await count(store) == number + 1
    await service.close()
    assert await count(store) == 500
    await store.close()


async def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        await looking(tmp_path / "data" / "billing.db")
    assert content(tmp_path) == {}


async def test_an_older_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    older(tmp_path / "billing.db")
    before = content(tmp_path)
    with pytest.raises(StoreError, match="schema version 1; this release reads version ") as caught:
        await looking(tmp_path / "billing.db")
    assert "which migrates it" in caught.value.next
    assert content(tmp_path) == before


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    await made(tmp_path / "billing.db")
    with sqlite3.connect(tmp_path / "billing.db") as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    with pytest.raises(StoreError, match="9999"):
        await looking(tmp_path / "billing.db")


async def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    await made(tmp_path / "billing.db")
    with pytest.raises(StoreError, match="made for context 'billing'"):
        await SqliteStore(tmp_path / "billing.db", "mail").open(read_only=True)
    with sqlite3.connect(tmp_path / "other.db") as database:
        database.execute("CREATE TABLE customers (id)")
    database.close()
    with pytest.raises(StoreError, match="another program"):
        await looking(tmp_path / "other.db")
    (tmp_path / "none.db").write_bytes(b"no database at all " * 200)
    with pytest.raises(StoreError, match="not an SQLite database"):
        await looking(tmp_path / "none.db")


async def test_any_number_of_partitions_can_be_looked_at(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "billing.db", "billing", partitions=64)
    await store.open()
    for number in range(64):
        await store.commit(
            Unit(entries=[Entry(Channel.PRIVATE, f"k{number}", f"m{number}", "billing.X", 1, 1.0, "{}", b"{}")])
        )
    await store.close()
    store = await looking(tmp_path / "billing.db")
    assert store.partitions == 64
    assert await count(store) == 64
