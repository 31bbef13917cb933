"""What a store says about a file that it cannot use."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.errors import RemitError, StoreError, StoreUnavailable
from remit.log import Channel
from remit.stores import Change, Entry, Unit
from remit.stores.sqlite import schema
from remit.stores.sqlite.store import SqliteStore
from tests.stores.sqlite.files import made, older


async def refusal(path: Path, context: str = "billing", partitions: int = 16) -> RemitError:
    """Why the store cannot be opened."""
    with pytest.raises((StoreError, StoreUnavailable)) as caught:
        await SqliteStore(path, context, partitions=partitions).open()
    error = caught.value
    assert error.where == str(path)
    assert error.expected, str(error)
    assert error.next, str(error)
    return error


async def test_the_directory_is_made(tmp_path: Path) -> None:
    path = tmp_path / "data" / "shop" / "billing.db"
    await made(path)
    assert path.exists()
    assert not path.with_name("billing.db-wal").exists(), "closing brings everything into the one file"


def rights(folder: Path) -> dict[str, str]:
    """What everybody may do with what is in a folder, by name."""
    return {file.name: oct(file.stat().st_mode & 0o777) for file in folder.rglob("*")}


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0o000)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
async def test_what_is_made_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "shop" / "billing.db"
    store = SqliteStore(path, "billing")
    await store.open()
    await store.commit(Unit([Change("Account", "a0", 0, b"{}")]))
    modes = rights(tmp_path)
    await store.close()
    assert modes == {
        "data": "0o700", "shop": "0o700", "billing.db": "0o600", "billing.db-wal": "0o600", "billing.db-shm": "0o600"
    }  # fmt: skip


async def test_a_file_that_is_there_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    await made(path)
    path.chmod(0o660)  # a group of services shares it
    store = SqliteStore(path, "billing")
    await store.open()
    await store.commit(Unit([Change("Account", "b0", 0, b"{}")]))
    modes = rights(tmp_path)
    await store.close()
    assert set(modes.values()) == {"0o660"}


async def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    await made(path)
    store = SqliteStore(path, "billing")
    await store.open()
    await store.open()
    assert not store.changed_elsewhere()
    assert await store.load("Account", "a0") == (1, b'{"n":1}')
    await store.commit(Unit(entries=[Entry(Channel.PRIVATE, "k", "m1", "billing.Settled", 1, 1.0, "{}", b"{}")]))
    (part,) = await store.heads(Channel.PRIVATE)
    assert [(m.pos, m.prev) for m in await store.read(Channel.PRIVATE, part, 0, 10)] == [(1, ""), (2, "m0")]
    await store.close()


async def test_the_settings_keep_the_promise(tmp_path: Path) -> None:
    connection = schema.connect(tmp_path / "billing.db")
    schema.prepare(connection, tmp_path / "billing.db", "billing", 16)
    settings = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "busy_timeout", "user_version")
    }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "user_version": 7}
    connection.close()


async def test_a_file_of_another_context(tmp_path: Path) -> None:
    await made(tmp_path / "billing.db")
    error = await refusal(tmp_path / "billing.db", "enrollment")
    assert isinstance(error, StoreError)
    assert "'billing'" in error.what
    assert "'enrollment'" in error.expected


async def test_a_file_with_another_number_of_partitions(tmp_path: Path) -> None:
    await made(tmp_path / "billing.db")
    error = await refusal(tmp_path / "billing.db", partitions=8)
    assert isinstance(error, StoreError)
    assert "partitions=16" in error.next


async def test_a_file_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE customers (id)")
    database.close()
    error = await refusal(path)
    assert isinstance(error, StoreError)
    assert "another program" in error.what
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("customers",)]
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",), "it is left as it was"
    database.close()


async def test_an_older_schema_is_migrated_with_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    older(path)
    store = SqliteStore(path, "billing")
    await store.open()
    assert await store.load("Account", "a0") == (1, b'{"n":1}')
    await store.close()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (7,)
        assert database.execute(
            "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
        ).fetchone() == (6,)
    database.close()


async def test_an_older_release_that_has_it_open_goes_on_after_a_migration(tmp_path: Path) -> None:
    """Its statements name the columns that it knows, or all of the log's."""
    path = tmp_path / "billing.db"
    await made(path)
    old = SqliteStore(path, "billing")
    await old.open()
    with sqlite3.connect(path) as database:
        database.execute("DROP INDEX log_stream")
        database.execute("PRAGMA user_version = 6")
    new = SqliteStore(path, "billing")
    await new.open()
    for number, store in enumerate((old, new, old), 1):
        entry = Entry(Channel.PRIVATE, "k", f"later{number}", "billing.Settled", 1, 1.0, "{}", b"{}")
        await store.commit(Unit([Change("Account", "a0", number, b'{"n":2}')], [entry]))
        assert await old.load("Account", "a0") == await new.load("Account", "a0") == (number + 1, b'{"n":2}')
    placed = Entry(Channel.PRIVATE, "k", "e", "billing.Settled", 1, 1.0, '{"stream":"s","seq":1}', b"{}")
    await new.commit(Unit(entries=[placed]))
    assert [each.id for each in await new.stream("s", 0, 0, 9)] == ["e"]
    database.close()
    await new.close()
    await old.close()


async def test_a_newer_schema(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    await made(path)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    error = await refusal(path)
    assert isinstance(error, StoreError)
    assert "9999" in error.what
    assert "later" in error.next


@pytest.mark.parametrize("content", [b"no database at all " * 200, b"SQLite format 3\0" + b"\xff" * 4080])
async def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "billing.db").write_bytes(content)
    error = await refusal(tmp_path / "billing.db")
    assert isinstance(error, StoreError)
    assert "not an SQLite database" in error.what or "damaged" in error.what


async def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    await made(path, units=50)
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xa5" * (len(content) - 4096 * 2)
    path.write_bytes(content)

    async def read_all() -> None:
        store = SqliteStore(path, "billing")
        await store.open()
        try:
            for part in range(16):
                await store.read(Channel.PRIVATE, part, 0, 100)
        finally:
            await store.close()

    with pytest.raises(StoreError, match="damaged") as caught:
        await read_all()
    assert "backup" in caught.value.next


async def test_a_directory_in_place_of_the_file(tmp_path: Path) -> None:
    assert isinstance(await refusal(tmp_path), StoreError)


async def test_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert isinstance(await refusal(tmp_path / "data" / "billing.db"), StoreError)


async def test_a_file_locked_by_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_PATIENCE", 0.01)
    path = tmp_path / "billing.db"
    await made(path)
    store = SqliteStore(path, "billing")
    await store.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert isinstance(await refusal(path), StoreUnavailable)
    with pytest.raises(StoreUnavailable, match="locked") as caught:
        await store.commit(Unit([Change("Account", "b", 0, b"{}")]))
    assert caught.value.next
    assert await store.load("Account", "a0") is not None, "readers wait for nobody"
    with pytest.raises(StoreUnavailable):
        await store.beat("p", 1.0, "{}")

    other.execute("ROLLBACK")
    other.close()
    await store.commit(Unit([Change("Account", "b", 0, b"{}")]))
    await store.close()


async def test_a_store_that_is_not_open(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "billing.db", "billing")
    await store.close()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.load("Account", "a1")
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.commit(Unit())


async def test_closing_commits_what_was_given_before(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    store = SqliteStore(path, "billing")
    await store.open()
    commits = [
        asyncio.create_task(store.commit(Unit([Change("Account", str(number), 0, b"{}")]))) for number in range(300)
    ]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*commits) == [None] * 300
    await store.open()
    assert await store.load("Account", "299") == (1, b"{}")
    await store.close()
