"""Messages are put back beside an archive that grows, and from none that is forged."""

from __future__ import annotations

import errno
import gzip
import os
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from remit.log import Channel, Checkpoint, MessageRecord
from remit.operations import archive as archiving
from remit.operations import restore_log, verify_archive
from remit.stores.archive import Archive, ArchiveBusy, ArchiveGap, CorruptArchive
from remit.stores.archive import segment as segments
from remit.stores.memory.store import MemoryStore
from tests.operations.archived import PRIVATE, files, moved, refused, whole, write


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small blocks and segments, and short transactions."""
    monkeypatch.setattr(archiving, "BLOCK_BYTES", 2_000)
    monkeypatch.setattr(archiving, "SEGMENT_BYTES", 20_000)
    monkeypatch.setattr(archiving, "MESSAGES", 7)


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """400 old messages and one that is young."""
    store = MemoryStore(partitions=4)
    await store.open()
    await write(store, 400, days=30)
    await write(store, 1, days=0)
    yield store
    await store.close()


# ── restoring beside an archive that grows ────────────────────────────────────────────────────────────────────────────


class Interrupted(MemoryStore):
    """A log from which another process archives all that is old, once, right before the first message is put back."""

    folder: Path | None = None
    loses = False

    async def put_back(self, channel: Channel, records: Sequence[MessageRecord], floor: Checkpoint | None) -> bool:
        if self.folder is not None:
            folder, self.folder = self.folder, None
            await moved(self, folder)
            if self.loses:
                files(folder)[-1].unlink()
        return await super().put_back(channel, records, floor)


@pytest.fixture
async def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Interrupted:
    """One whose archive has grown since the restore has looked. The lock does not help: as between two machines."""
    store = Interrupted(partitions=4)
    await store.open()
    await write(store, 200, days=30)
    await write(store, 1, days=0)
    await store.report("mail.note", PRIVATE, dict.fromkeys(range(4), 10), time.time())
    assert (await moved(store, tmp_path)).done == 40
    await store.report("mail.note", PRIVATE, dict.fromkeys(range(4), 201), time.time())
    monkeypatch.setattr(Archive, "locked", nullcontext)
    store.folder = tmp_path
    return store


async def test_what_is_archived_during_a_restore_is_put_back_too(interrupted: Interrupted, tmp_path: Path) -> None:
    (done,) = await restore_log(interrupted, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)
    assert (done.done, done.total) == (200, 200)
    assert await interrupted.floors(PRIVATE) == {}
    assert sum(map(len, (await whole(interrupted)).values())) == 201


async def test_a_restore_that_misses_messages_says_so(interrupted: Interrupted, tmp_path: Path) -> None:
    interrupted.loses = True
    with pytest.raises(ArchiveGap, match="is neither in the log nor in the archive") as told:
        await restore_log(interrupted, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)
    assert told.value.next


async def test_a_restore_beside_an_archive_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path)
    with Archive(tmp_path, "shop").locked(), pytest.raises(ArchiveBusy):
        await restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)


async def test_an_archive_that_can_only_be_read_is_put_back(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await moved(store, tmp_path)

    def only_read(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", only_read)
    (done,) = await restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)
    assert done.done == 400


# ── forged archives ───────────────────────────────────────────────────────────────────────────────────────────────────


def forge(
    path: Path, block: dict[str, Any], change: Callable[[bytes], bytes] = bytes, *, raw: int | None = None
) -> None:
    """Writes a segment anew, with all of its checksums, after its first block was changed."""
    data = path.read_bytes()
    segment = segments.segment_of(data[: segments.START], len(data), data[-segments.START :], "")
    header = msgspec.json.decode(msgspec.json.encode(segment.header))
    packed = [data[at : at + each.size] for at, each in zip(segment.starts, segment.header.blocks, strict=True)]
    text = change(gzip.decompress(packed[0]))
    packed[0] = gzip.compress(text)
    sums = {"size": len(packed[0]), "raw": raw or len(text), "sha256": sha256(text).hexdigest()}
    header["blocks"][0] |= sums | block
    content = b"".join([gzip.compress(msgspec.json.encode(header)), *packed])
    path.write_bytes(content + gzip.compress(msgspec.json.encode({"sha256": sha256(content).hexdigest()})))


FORGED: dict[str, tuple[dict[str, Any], Callable[[bytes], bytes]]] = {
    "a version beyond 63 bits": (
        {},
        lambda text: text.replace(b'"shop.Sold",1,', b'"shop.Sold",9223372036854775808,', 1),
    ),
    "a negative version": ({}, lambda text: text.replace(b'"shop.Sold",1,', b'"shop.Sold",-1,', 1)),
    "a NUL in a key": ({}, lambda text: text.replace(b'"k0"', b'"k\\u0000"', 1)),
    "a partition beyond 63 bits": ({"part": 1 << 70}, bytes),
    "a partition beyond 15 bits": ({"part": 1 << 15}, bytes),
    "no UTF-8": ({}, lambda text: text.replace(b'"k0"', b'"\xff"', 1)),
    "a negative partition": ({"part": -1}, bytes),
    "a negative size": ({"size": -5}, bytes),
    "no bytes": ({"raw": 0}, bytes),
}


@pytest.mark.parametrize("what", FORGED)
async def test_a_forged_segment_is_told(store: MemoryStore, tmp_path: Path, what: str) -> None:
    await moved(store, tmp_path)
    forge(files(tmp_path)[-1], *FORGED[what])
    await refused(lambda: verify_archive(Archive(tmp_path, "shop")), CorruptArchive, "cannot be read|NUL in a text")
    with pytest.raises(CorruptArchive):
        await restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)


async def test_no_more_is_unpacked_than_the_header_says(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path)
    forge(files(tmp_path)[-1], {}, lambda text: text + b" " * 60_000_000, raw=2_000)
    tracemalloc.start()
    try:
        await refused(lambda: verify_archive(Archive(tmp_path, "shop")), CorruptArchive, "more than 2000 bytes")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


async def test_no_more_of_a_header_is_unpacked_than_one_can_have(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path)
    files(tmp_path)[-1].write_bytes(gzip.compress(b" " * 60_000_000))
    tracemalloc.start()
    try:
        await refused(lambda: verify_archive(Archive(tmp_path, "shop")), CorruptArchive, "header is cut off")
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
