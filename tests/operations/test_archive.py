"""Old messages move from a log to an archive and back, and nothing is lost, whatever happens on the way."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from remit.log import Channel, Checkpoint, MessageRecord
from remit.operations import NotArchived, restore_log, verify_archive
from remit.operations import archive as archiving
from remit.stores.archive import (
    Archive,
    ArchiveBusy,
    ArchivedLog,
    ArchiveError,
    ArchiveGap,
    ArchiveUnusable,
    CorruptArchive,
    OtherArchive,
)
from remit.stores.archive import folder as folders
from remit.stores.memory.store import MemoryStore
from tests.operations.archived import DAY, PRIVATE, files, moved, refused, whole, write


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """Four partitions with 400 old messages and one that is young."""
    store = MemoryStore(partitions=4)
    await store.open()
    await write(store, 400, days=30)
    await write(store, 1, days=0)
    yield store
    await store.close()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small blocks and segments, and short transactions."""
    monkeypatch.setattr(archiving, "BLOCK_BYTES", 2_000)
    monkeypatch.setattr(archiving, "SEGMENT_BYTES", 20_000)
    monkeypatch.setattr(archiving, "MESSAGES", 7)


async def test_old_messages_move_and_are_read_as_they_were(store: MemoryStore, tmp_path: Path) -> None:
    before = await whole(store)
    done = await moved(store, tmp_path)
    assert (done.done, done.deleted, done.messages, done.begins_late) == (400, 400, 400, 0)
    assert done.segments > 1
    assert sum(len(records) for records in (await whole(store)).values()) == 1
    log = ArchivedLog(store, Archive(tmp_path, "shop"))
    assert await whole(log) == before
    assert await log.floors(PRIVATE) == {}, "nothing is gone"


async def test_the_archive_ends_where_the_log_begins(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path)
    archive = Archive(tmp_path, "shop")
    archive.look()
    assert archive.ends(PRIVATE) == await store.floors(PRIVATE)


async def test_what_is_not_handled_stays(store: MemoryStore, tmp_path: Path) -> None:
    await store.report("mail.note", PRIVATE, {0: 3, 1: 3, 2: 3, 3: 3}, time.time())
    assert (await moved(store, tmp_path)).done == 12


async def test_another_run_finds_nothing_to_do_and_a_later_one_goes_on(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path)
    assert (await moved(store, tmp_path)).done == 0
    await write(store, 50, days=20)
    before = await whole(ArchivedLog(store, Archive(tmp_path, "shop")))
    assert 0 < (await moved(store, tmp_path)).done < 50, "some stand behind a young one"
    assert await whole(ArchivedLog(store, Archive(tmp_path, "shop"))) == before


async def test_a_reader_that_is_on_its_way_finds_what_is_moved_meanwhile(store: MemoryStore, tmp_path: Path) -> None:
    before = await whole(store)
    log = ArchivedLog(store, Archive(tmp_path, "shop"))
    first = await log.read(PRIVATE, 0, 0, 7)
    await moved(store, tmp_path)
    assert first + await log.read(PRIVATE, 0, 7, 3) == before[0][:10]


class Moving(MemoryStore):
    """A log from which an archive takes some more messages before each call of a reader."""

    folder: Path
    takes: int = 0
    reads = True

    async def floors(self, channel: Channel) -> Any:
        await self._move()
        return await super().floors(channel)

    async def heads(self, channel: Channel) -> Any:
        await self._move()
        return await super().heads(channel)

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        await self._move()
        return await super().read(channel, part, after, limit)

    async def _move(self) -> None:
        if self.reads:
            self.reads = False
            self.takes += 1
            await self.report("mail.note", PRIVATE, dict.fromkeys(range(4), self.takes), time.time())
            await moved(self, self.folder)
            self.reads = True


async def test_a_reader_never_sees_a_gap_while_messages_are_moved(tmp_path: Path) -> None:
    store = Moving(partitions=4)
    store.folder, store.reads = tmp_path, False
    await store.open()
    await write(store, 400, days=30)
    await write(store, 1, days=0)
    before = await whole(store)
    store.reads = True
    assert await whole(ArchivedLog(store, Archive(tmp_path, "shop"))) == before
    assert store.takes > 40


async def test_messages_are_put_back_as_they_were(store: MemoryStore, tmp_path: Path) -> None:
    before = await whole(store)
    await moved(store, tmp_path)
    (done,) = await restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)
    assert (done.done, done.total) == (400, 400)
    assert await whole(store) == before
    assert await store.floors(PRIVATE) == {}
    (again,) = await restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)
    assert again.done == 0
    assert await whole(ArchivedLog(store, Archive(tmp_path, "shop"))) == before
    repeated = await moved(store, tmp_path)
    assert (repeated.done, repeated.deleted) == (0, 400), "the archive has them already"


async def test_an_archive_may_begin_after_messages_were_deleted(store: MemoryStore, tmp_path: Path) -> None:
    before = await whole(store)
    await store.trim(PRIVATE, 1, upto=5, before=time.time(), limit=5)
    done = await moved(store, tmp_path)
    assert done.begins_late == 1
    log = ArchivedLog(store, Archive(tmp_path, "shop"))
    assert {part: floor.pos for part, floor in (await log.floors(PRIVATE)).items()} == {1: 5}
    assert await whole(log) == before | {1: before[1][5:]}
    await restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)
    assert {part: (floor.pos, floor.id) for part, floor in (await store.floors(PRIVATE)).items()} == {
        1: (5, before[1][4].id)
    }


# ── killed on the way ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("point", ["write", "replace", "fsync", "check", "trim"])
async def test_a_killed_run_is_continued(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    before = await whole(store)
    runs = 0
    for after in range(1, 30, 4):
        with monkeypatch.context() as patched:
            _kill(patched, store, point, after)
            try:
                await moved(store, tmp_path)
            except Killed:
                runs += 1
        assert await whole(ArchivedLog(store, Archive(tmp_path, "shop"))) == before
    assert runs, "it was killed"
    await moved(store, tmp_path)
    assert await whole(ArchivedLog(store, Archive(tmp_path, "shop"))) == before
    assert sum(len(records) for records in (await whole(store)).values()) == 1
    await verify_archive(Archive(tmp_path, "shop"), store)


async def test_a_killed_restore_is_continued(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await whole(store)
    await moved(store, tmp_path)
    with monkeypatch.context() as patched:
        _kill(patched, store, "put_back", 9)
        with pytest.raises(Killed):
            await restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)
    assert await whole(ArchivedLog(store, Archive(tmp_path, "shop"))) == before
    await restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0)
    assert await whole(store) == before


def _kill(patched: pytest.MonkeyPatch, store: MemoryStore, point: str, after: int) -> None:
    """Ends the run the `after`-th time it comes to a point: during a write, or before the others."""
    left = [after]

    def count(done: Any) -> Any:
        def counted(*given: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] <= 0:
                if point == "write":
                    given[0].with_name("partial").write_bytes(given[1][: len(given[1]) // 2])
                raise Killed
            return done(*given, **named)

        return counted

    of: Any
    name = point
    match point:
        case "write":
            of, name = folders, "_write"
        case "replace":
            of = Path
        case "fsync":
            of = os
        case "check":
            of = Archive
        case _:
            of = store
    patched.setattr(of, name, count(getattr(of, name)))


# ── bad archives, disks and logs ──────────────────────────────────────────────────────────────────────────────────────


async def reads(store: MemoryStore, folder: Path) -> None:
    """What a rebuild does, and `remit log verify`."""
    await verify_archive(Archive(folder, "shop"), store)
    await whole(ArchivedLog(store, Archive(folder, "shop")))


async def test_every_flipped_bit_is_noticed(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path)
    path = files(tmp_path)[1]
    good = path.read_bytes()
    for place in (*range(12), *range(12, len(good), len(good) // 60)):
        bad = bytearray(good)
        bad[place] ^= 0x10
        path.write_bytes(bad)
        with pytest.raises(ArchiveError):
            await verify_archive(Archive(tmp_path, "shop"), store)
    path.write_bytes(good)
    await reads(store, tmp_path)


@pytest.mark.parametrize("size", [0, 10, 400, -1])
async def test_a_truncated_file_is_noticed(store: MemoryStore, tmp_path: Path, size: int) -> None:
    await moved(store, tmp_path)
    path = files(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:size])
    await refused(lambda: whole(ArchivedLog(store, Archive(tmp_path, "shop"))), CorruptArchive, "its")
    await refused(lambda: moved(store, tmp_path), CorruptArchive, "its")


async def test_a_file_with_more_at_its_end_is_noticed(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path)
    path = files(tmp_path)[0]
    path.write_bytes(path.read_bytes() + b"\0\0")
    await refused(lambda: verify_archive(Archive(tmp_path, "shop"), store), CorruptArchive, "its end")


@pytest.mark.parametrize("number", [0, 1])
async def test_a_missing_segment_is_noticed(store: MemoryStore, tmp_path: Path, number: int) -> None:
    await moved(store, tmp_path)
    files(tmp_path)[number].unlink()
    await refused(lambda: reads(store, tmp_path), CorruptArchive, "the file is missing")


async def test_a_missing_last_segment_is_noticed_by_the_log(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path)
    files(tmp_path)[-1].unlink()
    await refused(lambda: whole(ArchivedLog(store, Archive(tmp_path, "shop"))), ArchiveGap, "the archive ends with")
    await refused(lambda: moved(store, tmp_path), ArchiveGap, "the archive ends with")
    await refused(
        lambda: restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0), ArchiveGap, "the archive ends"
    )


async def test_exchanged_segments_are_noticed(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path)
    first, second, *_ = files(tmp_path)
    first.rename(tmp_path / "x")
    second.rename(first)
    (tmp_path / "x").rename(second)
    await refused(lambda: reads(store, tmp_path), CorruptArchive, "under another name")


async def test_a_segment_of_another_run_is_noticed(store: MemoryStore, tmp_path: Path) -> None:
    other = MemoryStore(partitions=4)
    await write(other, 400, days=31)
    await write(other, 1, days=0)
    for each, at in ((store, "a"), (other, "b")):
        await moved(each, tmp_path / at)
    files(tmp_path / "a")[1].write_bytes(files(tmp_path / "b")[1].read_bytes())
    await refused(lambda: reads(store, tmp_path / "a"), CorruptArchive, "does not follow")


async def test_the_archive_of_another_log_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    other = MemoryStore(partitions=4)
    await write(other, 400, days=31)
    await write(other, 1, days=0)
    await moved(store, tmp_path)
    await refused(lambda: reads(other, tmp_path), OtherArchive, "message")
    await refused(lambda: moved(other, tmp_path), OtherArchive, "message")
    assert sum(map(len, (await whole(other)).values())) == 401, "nothing was deleted"
    empty = MemoryStore(partitions=4)
    await refused(
        lambda: restore_log(empty, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0), OtherArchive, "ends before message"
    )


async def test_the_archive_of_another_context_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path)
    (tmp_path / "shop").rename(tmp_path / "mail")
    with pytest.raises(OtherArchive, match="the archive is of the context shop"):
        await verify_archive(Archive(tmp_path, "mail"), store)


async def test_a_full_disk_deletes_nothing_and_leaves_nothing(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = await whole(store)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        await refused(lambda: moved(store, tmp_path), ArchiveUnusable, "No space left")
    assert await whole(store) == before
    assert [path.name for path in (tmp_path / "shop" / "private").iterdir()] == []
    assert (await moved(store, tmp_path)).done == 400


async def test_a_file_in_the_place_of_the_folder_is_told(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("")
    await refused(lambda: moved(store, tmp_path), ArchiveUnusable, "it cannot be written")


async def test_what_cannot_be_read_back_is_not_deleted(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, write = await whole(store), folders._write

    def lossy(path: Path, content: bytes) -> None:
        middle = len(content) // 2
        write(path, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])

    with monkeypatch.context() as patched:
        patched.setattr(folders, "_write", lossy)
        with pytest.raises(CorruptArchive):
            await moved(store, tmp_path)
    assert await whole(store) == before
    assert files(tmp_path) == []
    assert (await moved(store, tmp_path)).done == 400


async def test_the_newest_file_may_be_removed_if_its_messages_are_in_the_log(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await whole(store)
    with monkeypatch.context() as patched:
        _kill(patched, store, "trim", 1)
        with pytest.raises(Killed):
            await moved(store, tmp_path)
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptArchive) as told:
        await moved(store, tmp_path)
    assert told.value.next.startswith("its messages are still in the log: remove this file")
    assert await whole(store) == before
    path.unlink()
    await moved(store, tmp_path)
    assert await whole(ArchivedLog(store, Archive(tmp_path, "shop"))) == before


async def test_only_the_user_may_read_the_files(store: MemoryStore, tmp_path: Path) -> None:
    await moved(store, tmp_path / "archive")
    shop = tmp_path / "archive" / "shop"
    modes = {oct(path.stat().st_mode & 0o777) for path in (shop, shop / "private")}
    assert modes == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in files(tmp_path / "archive")} == {"0o600"}


async def test_two_runs_at_once_are_refused(store: MemoryStore, tmp_path: Path) -> None:
    with (
        Archive(tmp_path, "shop").locked(),
        pytest.raises(ArchiveBusy, match="another process is writing to this archive, or puts it back"),
    ):
        await moved(store, tmp_path)
    assert (await moved(store, tmp_path)).done == 400


async def test_a_log_that_is_deleted_from_meanwhile_is_told(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryStore, "subscribers", _trimming(MemoryStore.subscribers))
    with pytest.raises(ArchiveGap, match="goes on with message"):
        await moved(store, tmp_path)


def _trimming(subscribers: Any) -> Any:
    async def after(store: MemoryStore) -> Any:
        for part in range(store.partitions):
            await store.trim(PRIVATE, part, upto=3, before=time.time() - DAY, limit=3)
        return await subscribers(store)

    return after


async def test_a_folder_without_an_archive_is_told(store: MemoryStore, tmp_path: Path) -> None:
    for call in (
        verify_archive(Archive(tmp_path, "shop")),
        restore_log(store, Archive(tmp_path, "shop"), [PRIVATE], pause=0.0),
    ):
        with pytest.raises(NotArchived, match="there is no archive of shop"):
            await call
    log = ArchivedLog(store, Archive(tmp_path, "shop"))
    await store.trim(PRIVATE, 1, upto=5, before=time.time(), limit=5)
    floor = (await store.floors(PRIVATE))[1]
    assert await log.floors(PRIVATE) == {1: Checkpoint(5, floor.id, floor.at)}, "its beginning is gone"
