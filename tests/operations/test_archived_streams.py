"""Events of which an aggregate is still made stay in the log, also where it is kept as state now."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from remit.log import write_place
from remit.operations import restore_log
from remit.runtime.upkeep.pruning import trim
from remit.runtime.work.heads import headed
from remit.stores import Change, Entry, Unit
from remit.stores.archive import Archive
from remit.stores.memory.store import MemoryStore
from tests.operations.archived import DAY, PRIVATE, moved, whole

KIND, ID = "shop.Lane", "a/b"
NEW = "young"
WEEK = timedelta(days=7)


async def streamed(body: bytes, *, life: int = 0) -> MemoryStore:
    """A plain message, two events of a life of a stream, and another plain one, all old; a new one; and the row."""
    store = MemoryStore(partitions=1)
    at = time.time() - 30 * DAY
    places = ["", write_place(f"{KIND}/{ID}", life, 1), write_place(f"{KIND}/{ID}", life, 2), ""]
    entries = [
        Entry(PRIVATE, "k", f"m{number}", "shop.Booked", 1, at, f'{{"cause":"c"{place}}}', b"{}")
        for number, place in enumerate(places, 1)
    ]
    entries.append(Entry(PRIVATE, "k", NEW, "shop.Booked", 1, time.time(), '{"cause":"c"}', b"{}"))
    await store.commit(Unit(entries=entries, changes=[Change(KIND, ID, 0, body)]))
    return store


async def left(store: MemoryStore) -> list[str]:
    return [record.id for record in (await whole(store))[0]]


async def test_the_events_of_a_stream_that_a_row_still_heads_stay_and_the_archive_says_so(tmp_path: Path) -> None:
    store = await streamed(headed("old", 2, 0, b'{"id":"a/b"}'))
    done = await moved(store, tmp_path)
    assert (done.done, done.deleted) == (1, 1)
    assert await left(store) == ["m2", "m3", "m4", NEW]
    assert "event 1 of the stream 'shop.Lane/a/b'" in done.waits_for
    assert (await moved(store, tmp_path)).done == 0, "another run does not take them either"


async def test_an_aggregate_that_was_written_as_state_since_needs_no_events(tmp_path: Path) -> None:
    store = await streamed(b'{"id":"a/b"}')
    done = await moved(store, tmp_path)
    assert (done.done, done.waits_for) == (4, "")


async def test_events_of_an_earlier_life_are_archived(tmp_path: Path) -> None:
    store = await streamed(headed("old", 2, 7, b'{"id":"a/b"}'))
    assert (await moved(store, tmp_path)).done == 4


async def test_events_that_were_put_back_are_not_deleted_again(tmp_path: Path) -> None:
    store = await streamed(b'{"id":"a/b"}')
    await moved(store, tmp_path)
    await store.commit(Unit(changes=[Change(KIND, ID, 1, headed("old", 2, 0, b'{"id":"a/b"}'))]))
    await restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)
    await moved(store, tmp_path)
    assert await left(store) == ["m2", "m3", "m4", NEW]


async def test_deletion_by_age_leaves_the_events_too() -> None:
    store = await streamed(headed("old", 2, 0, b'{"id":"a/b"}'))
    await trim(store, time.time(), WEEK)
    assert await left(store) == ["m2", "m3", "m4", NEW]
    store = await streamed(b'{"id":"a/b"}')
    await trim(store, time.time(), WEEK)
    assert await left(store) == [NEW]
