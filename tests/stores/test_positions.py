"""Whatever is written together, and whatever fails beside it: each partition stays one unbroken chain."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from remit.errors import Conflict
from remit.log import Channel
from remit.stores import Change, Entry, Store, Unit, partition_of
from remit.stores.memory.store import MemoryStore
from remit.stores.sqlite.store import SqliteStore

PARTITIONS = 3

entries = st.tuples(st.sampled_from([0, 1]), st.text("abcde", min_size=1, max_size=2))
units = st.tuples(st.booleans(), st.lists(entries, max_size=4))
"""Whether it is refused, and what it appends."""
groups = st.lists(st.lists(units, min_size=1, max_size=6), max_size=5)
"""What is committed at the same time, one group after another."""

Groups = list[list[tuple[bool, list[tuple[Channel, str]]]]]


async def chains_hold(store: Store, other: Store, groups: Groups) -> None:
    await store.commit(Unit([Change("Taken", "", 0, b"{}")]))
    written: dict[tuple[int, int], list[str]] = {}
    for number, group in enumerate(groups):
        commits: list[Coroutine[Any, Any, None]] = []
        for index, (refused, appended) in enumerate(group):
            messages = [
                Entry(channel, key, f"{number}.{index}.{i}", "a.B", 1, 1.0, "{}", b"{}")
                for i, (channel, key) in enumerate(appended)
            ]
            commits.append((store, other)[number % 2].commit(Unit([Change("Taken", "", 0, b"")] * refused, messages)))
            if not refused:
                for message in messages:
                    place = (message.channel, partition_of(message.key, PARTITIONS))
                    written.setdefault(place, []).append(message.id)
        outcomes = await asyncio.gather(*commits, return_exceptions=True)
        assert [isinstance(outcome, Conflict) for outcome in outcomes] == [refused for refused, _ in group]
    for channel in Channel:
        heads = await store.heads(channel)
        for part in range(PARTITIONS):
            log = await other.read(channel, part, 0, 1000)
            ids = written.get((channel, part), [])
            assert [message.id for message in log] == ids
            assert [message.pos for message in log] == list(range(1, len(ids) + 1))
            assert [message.prev for message in log] == ["", *ids][: len(ids)]
            assert heads.get(part, (0, 0.0))[0] == len(ids)


@given(groups)
async def test_chains_hold_in_memory(groups: Groups) -> None:
    store = MemoryStore(PARTITIONS)
    await chains_hold(store, store, groups)


@given(groups)
async def test_chains_hold_in_a_file_that_two_write(groups: Groups) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stores = [SqliteStore(Path(folder) / "a.db", "a", partitions=PARTITIONS) for _ in range(2)]
        for store in stores:
            await store.open()
        await chains_hold(stores[0], stores[1], groups)
        for store in stores:
            await store.close()
