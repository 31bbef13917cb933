"""A file that is deleted or replaced under a running store is noticed, and no longer written."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from remit.errors import StoreError
from remit.log import Channel
from remit.stores import Change, Unit
from remit.stores.sqlite.store import SqliteStore

ACCOUNT = Unit([Change("Account", "a1", 0, b"{}")])


def delete(path: Path) -> None:
    path.unlink()


def replace_by_a_copy(path: Path) -> None:
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    copy.replace(path)


async def commit(store: SqliteStore) -> None:
    await store.commit(ACCOUNT)


async def beat(store: SqliteStore) -> None:
    await store.beat("p1", 1.0, "{}")


@pytest.mark.parametrize("harm", [delete, replace_by_a_copy])
@pytest.mark.parametrize("write", [commit, beat])
async def test_nothing_is_written_into_a_file_that_is_gone(
    tmp_path: Path, harm: Callable[[Path], None], write: Callable[[SqliteStore], Awaitable[None]]
) -> None:
    path = tmp_path / "billing.db"
    store = SqliteStore(path, "billing")
    await store.open()
    harm(path)
    with pytest.raises(StoreError, match="deleted or replaced") as caught:
        await write(store)
    assert caught.value.where == str(path)
    assert "backup" in caught.value.next
    with pytest.raises(StoreError, match="deleted or replaced"):
        await store.load("Account", "a1")
    await store.close()


async def test_it_is_noticed_without_a_commit(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "billing.db", "billing")
    await store.open()
    assert not store.changed_elsewhere()
    replace_by_a_copy(tmp_path / "billing.db")
    for _ in range(2):
        with pytest.raises(StoreError, match="deleted or replaced"):
            store.changed_elsewhere()
    with pytest.raises(StoreError, match="deleted or replaced"):
        await store.heads(Channel.PRIVATE)
    await store.close()


async def test_a_file_that_is_put_back_is_used_again(tmp_path: Path) -> None:
    path, away = tmp_path / "billing.db", tmp_path / "away.db"
    store = SqliteStore(path, "billing")
    await store.open()
    path.rename(away)
    with pytest.raises(StoreError):
        store.changed_elsewhere()
    away.rename(path)
    store.changed_elsewhere()
    await store.commit(ACCOUNT)
    await store.close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT id FROM state").fetchall() == [("a1",)]
    database.close()
