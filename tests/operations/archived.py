"""Logs of which old messages are archived."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remit import operations
from remit.log import Channel, MessageRecord
from remit.operations import archive_log
from remit.stores import Entry, Unit
from remit.stores.archive import Archive, ArchiveError
from remit.stores.memory.store import MemoryStore

WEEK = timedelta(days=7)
PRIVATE = Channel.PRIVATE
DAY = 86_400.0
Whole = dict[int, list[MessageRecord]]


async def write(store: MemoryStore, count: int, *, days: float) -> None:
    at = time.time() - days * DAY
    for number in range(count):
        text = f'{{"number":{number},"said":"Grüße,\\n{number}"}}'.encode()
        id = f"{days}-{number}"
        entry = Entry(PRIVATE, f"k{number % 9}", id, "shop.Sold", 1, at, f'{{"cause":"{id}"}}', text)
        await store.commit(Unit(entries=[entry]))


async def whole(log: Any) -> Whole:
    found: Whole = {part: [] for part in range(4)}
    for part, records in found.items():
        after = 0
        while page := await log.read(PRIVATE, part, after, 7):
            records += page
            after = page[-1].pos
    return found


async def moved(store: MemoryStore, folder: Path) -> operations.Archived:
    (done,) = await archive_log(store, Archive(folder, "shop"), [PRIVATE], WEEK, pause=0.0)
    return done


async def refused(call: Callable[[], Awaitable[object]], kind: type[ArchiveError], what: str) -> None:
    with pytest.raises(kind, match=what) as told:
        await call()
    assert told.value.next
    assert told.value.where


def files(folder: Path) -> list[Path]:
    return sorted((folder / "shop" / "private").glob("*.gz"))
