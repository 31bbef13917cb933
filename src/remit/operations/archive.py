"""Archives of logs: moves old messages to files, checks the files, and puts messages back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from datetime import timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from remit.contexts import Context
from remit.errors import RemitError
from remit.log import Channel, ChannelName, Checkpoint, MessageRecord, place_of
from remit.runtime.ports import SystemClock
from remit.runtime.store_time import StoreTime
from remit.runtime.upkeep.pruning import MESSAGES, handled, held_among, held_in, retention_of
from remit.stores import Store
from remit.stores.archive import (
    Archive,
    ArchivedLog,
    ArchiveGap,
    ArchiveUnusable,
    Block,
    CorruptArchive,
    require_joined,
)
from remit.stores.archive.segment import MOST_BLOCKS, block_of, line_of

BLOCK_BYTES = 1 << 20
"""Of lines in a block."""
SEGMENT_BYTES = 64 << 20
"""Of lines in a segment. A killed process loses the work on one."""


class NotArchived(RemitError):
    """No channel of the context is archived, or there is no archive in the folder."""

    code = "archive.refused"


class Archived(msgspec.Struct):
    """What an archive has of a channel, and what was done about it."""

    context: str
    channel: ChannelName
    segments: int = 0
    messages: int = 0
    bytes: int = 0
    """Of the files."""
    raw: int = 0
    """Of their lines."""
    done: int = 0
    """Messages that were archived, checked or put back."""
    deleted: int = 0
    """Messages that were deleted from the log, because they are archived."""
    total: int = 0
    """At most so many are to be deleted from the log, checked or put back."""
    begins_late: int = 0
    """Partitions whose first messages had been deleted before there was an archive."""
    waits_for: str = ""
    """What keeps a message in the log that is old and handled; empty if there is none."""


Step = Callable[[Archived], None]


def archived_channels(context: Context[Any]) -> list[Channel]:
    """The channels of a context that are archived. Raises `NotArchived` if there are none."""
    if context.keep is None:
        raise NotArchived(
            f"{context.name} keeps all messages in its log (keep=None)", where=context.name,
            expected="a time after which messages are archived", next="declare it, as in keep=timedelta(days=90)",
        )  # fmt: skip
    found = [channel for channel in Channel if retention_of(context, channel) == "archived"]
    if not found:
        kept = [each.called for each in Channel if retention_of(context, each) == "kept"]
        raise NotArchived(
            f"no channel of {context.name} is archived"
            + (f"; the {kept[0]} one has the streams of event-sourced aggregates, and stays" if kept else ""),
            where=context.name, expected="a context that declares archive=True",
            next="declare it; services that run then no longer delete its old messages",
        )  # fmt: skip
    return found


def archived_logs(stores: Mapping[str, Store], folder: Path) -> dict[str, ArchivedLog]:
    """As `with_archives`. Raises `NotArchived` if the folder has no archive of any of these logs."""
    if not any((folder / name).is_dir() for name in stores):
        raise _none(" or ".join(stores), folder)
    return with_archives(stores, folder)


def with_archives(stores: Mapping[str, Store], folder: Path) -> dict[str, ArchivedLog]:
    """The logs of these stores, by context, with their archives in front of them. A log without an archive stays as it
    is."""
    return {name: ArchivedLog(store, Archive(folder, name)) for name, store in stores.items()}


async def archive_log(
    store: Store,
    archive: Archive,
    channels: Collection[Channel],
    keep: timedelta,
    *,
    pause: float = 0.5,
    step: Step = lambda _: None,
) -> list[Archived]:
    """Moves messages that are older than `keep`, and handled by all subscriptions, from the log to files.

    `pause` is the share of the time in which it rests while it deletes from the log, from 0.0 to below 1.0.

    A message is deleted from the log after its file was flushed to the disk and read back. Safe beside services; run
    again, it goes on where it was killed. Raises `ArchiveError` and the errors of the store.
    """
    with archive.locked():
        await asyncio.to_thread(archive.look)
        now = await StoreTime(SystemClock()).for_deleting(archive.context, store)
        done: list[Archived] = []
        for channel in channels:
            moved = _Moving(store, archive, channel, now, now - keep.total_seconds(), pause, step)
            await moved.move()
            done.append(moved.done)
    return done


async def verify_archive(
    archive: Archive, store: Store | None = None, *, step: Step = lambda _: None
) -> list[Archived]:
    """Reads the whole archive, and compares it with its checksums; then that the log goes on where it ends.

    Raises `NotArchived` if there is none, `ArchiveError` and the errors of the store.
    """
    await _there(archive)
    found: list[Archived] = []
    for channel in Channel:
        done = _state(archive, channel)
        done.total = done.messages
        for segment in archive.segments(channel):
            done.done += await asyncio.to_thread(archive.check, channel, segment.header.number)
            step(done)
        if store is not None:
            await require_joined(archive, store, channel)
        found.append(done)
    return found


async def restore_log(
    store: Store, archive: Archive, channels: Collection[Channel], *, pause: float = 0.5, step: Step = lambda _: None
) -> list[Archived]:
    """Puts archived messages back into the log, from the newest one to the oldest. The archive stays as it is.

    `pause` is the share of the time in which it rests, from 0.0 to below 1.0.

    Safe beside services; run again, it goes on where it was killed. Raises `NotArchived` if there is no archive,
    `ArchiveBusy` while another process archives or restores, other `ArchiveError`s and the errors of the store.
    """
    await _there(archive)
    found: list[Archived] = []
    with ExitStack() as stack:
        with suppress(ArchiveUnusable):  # a folder that this user can only read
            stack.enter_context(archive.locked())
        await asyncio.to_thread(archive.look)
        for channel in channels:
            back = _PuttingBack(store, archive, channel, pause, step)
            await back.put_back()
            found.append(back.done)
    return found


class _PuttingBack:
    """Puts the archived messages of one channel back."""

    def __init__(self, store: Store, archive: Archive, channel: Channel, pause: float, step: Step) -> None:
        self._store, self._archive, self._channel = store, archive, channel
        self._pause, self._step = pause, step
        self._begins = archive.begins(channel)
        self.done = _state(archive, channel)

    async def put_back(self) -> None:
        await require_joined(self._archive, self._store, self._channel)
        floors = await self._store.floors(self._channel)
        parts = {part: floor for part, floor in floors.items() if part in self._archive.ends(self._channel)}
        self.done.total = sum(max(0, floor.pos - self._first(part)) for part, floor in parts.items())
        self._step(self.done)
        for part, floor in parts.items():
            at: Checkpoint | None = floor
            while at is not None and at.pos > self._first(part):
                began = _time()
                at = await self._some(part, at)
                await _rest(began, self._pause)

    def _first(self, part: int) -> int:
        """The position before the first archived message."""
        return self._begins[part].pos if part in self._begins else 0

    async def _some(self, part: int, floor: Checkpoint) -> Checkpoint | None:
        """Puts some messages back, the last of which is the floor. Returns the next floor."""
        store, archive, channel = self._store, self._archive, self._channel
        begin = max(floor.pos - MESSAGES, self._first(part))
        before, records = await asyncio.to_thread(_between, archive, channel, part, begin, floor.pos)
        below = Checkpoint(before.pos, before.id, before.at) if before else self._begins.get(part)
        if not await store.put_back(channel, records, below):  # another process does the same, or archives
            stands = (await store.floors(channel)).get(part)
            if stands == floor:
                raise _broken(archive, channel, records[-1], floor.pos)
            await asyncio.to_thread(archive.look)  # after the floors: the archive reaches at least to them
            self.done.total += max(0, (stands.pos if stands else 0) - floor.pos)
            return stands
        self.done.done += len(records)
        self._step(self.done)
        return below


def _time() -> float:
    return asyncio.get_running_loop().time()


async def _rest(began: float, share: float) -> None:
    """Rests for a share of the time since `began`, so that others have the store to themselves."""
    if share:
        await asyncio.sleep((_time() - began) * share / (1.0 - share))


def _between(
    archive: Archive, channel: Channel, part: int, begin: int, end: int
) -> tuple[MessageRecord | None, list[MessageRecord]]:
    """The message at the position `begin`, if the archive has it, and those after it up to `end`. Raises `ArchiveGap`
    if one of these is missing."""
    found: list[MessageRecord] = []
    pos = max(begin - 1, 0)
    while pos < end:
        page = [each for each in archive.read(channel, part, pos, end - pos) if each.pos <= end]
        if not page:
            raise _missing(archive, channel, part, pos + 1)
        found += page
        pos = found[-1].pos
    return (found[0], found[1:]) if found[0].pos == begin else (None, found)


async def _there(archive: Archive) -> None:
    await asyncio.to_thread(archive.look)
    if not any(archive.segments(channel) for channel in Channel):
        raise _none(archive.context, archive.folder)


def _none(context: str, folder: Path) -> NotArchived:
    return NotArchived(
        f"there is no archive of {context}", where=str(folder),
        expected="the folder that remit log archive --to has named", next="look at the name of the folder",
    )  # fmt: skip


def _state(archive: Archive, channel: Channel) -> Archived:
    done = Archived(archive.context, channel.called, begins_late=len(archive.begins(channel)))
    for segment in archive.segments(channel):
        _count(done, segment.header.blocks)
    return done


def _count(done: Archived, blocks: Collection[Block]) -> None:
    done.segments += 1
    done.messages += sum(each.count for each in blocks)
    done.bytes += sum(each.size for each in blocks)
    done.raw += sum(each.raw for each in blocks)


class _Moving:
    """Moves the old messages of one channel. `before` is the time before which messages are old, in seconds since the
    epoch, as `now`."""

    def __init__(
        self, store: Store, archive: Archive, channel: Channel, now: float, before: float, pause: float, step: Step
    ) -> None:
        self._store, self._archive, self._channel = store, archive, channel
        self._now, self._before, self._pause, self._step = now, before, pause, step
        self.done = Archived(archive.context, channel.called)

    async def move(self) -> None:
        store, archive, channel = self._store, self._archive, self._channel
        await require_joined(archive, store, channel)
        self.done, floors = _state(archive, channel), await store.floors(channel)
        await self._check_again(floors)
        upto = dict(await handled(store, channel, self._now))
        ends = {part: floor.pos for part, floor in floors.items()}
        self.done.total = sum(max(0, pos - ends.get(part, 0)) for part, pos in upto.items())
        await self._trim(upto, look=True)  # what a process has archived that was killed before, or what was put back
        ends |= {part: end.pos for part, end in archive.ends(channel).items()}
        self._step(self.done)
        while blocks := await self._gathered(ends, upto):
            await asyncio.to_thread(archive.append, channel, blocks, self._now)
            _count(self.done, [block for block, _ in blocks])
            self.done.done += sum(block.count for block, _ in blocks)
            self.done.begins_late = len(archive.begins(channel))
            self._step(self.done)
            await self._trim(upto)

    async def _check_again(self, floors: Mapping[int, Checkpoint]) -> None:
        """Reads the segments back whose messages are still in the log: they are about to be deleted there."""
        for segment in self._archive.segments(self._channel):
            blocks = segment.header.blocks
            are_there = [each.last > (floors[each.part].pos if each.part in floors else 0) for each in blocks]
            if not any(are_there):
                continue
            try:
                await asyncio.to_thread(self._archive.check, self._channel, segment.header.number)
            except CorruptArchive as error:
                if all(are_there) and segment is self._archive.segments(self._channel)[-1]:
                    error.next = "its messages are still in the log: remove this file, and run it again"
                raise

    async def _gathered(self, ends: dict[int, int], upto: dict[int, int]) -> list[tuple[Block, bytes]]:
        """The blocks of the next segment; moves `ends` to their ends, and `upto` before what stays."""
        blocks: list[tuple[Block, bytes]] = []
        size = 0
        for part in sorted(upto):
            while size < SEGMENT_BYTES and len(blocks) < MOST_BLOCKS:
                records, lines = await self._old(part, ends.get(part, 0), upto)
                if not records:
                    break
                blocks.append(await asyncio.to_thread(block_of, part, records, lines))
                ends[part] = records[-1].pos
                size += blocks[-1][0].raw
        return blocks

    async def _old(self, part: int, after: int, upto: dict[int, int]) -> tuple[list[MessageRecord], list[bytes]]:
        """The old messages of a partition after a position, as many as make a block, and their lines."""
        records: list[MessageRecord] = []
        lines: list[bytes] = []
        size = 0
        while size < BLOCK_BYTES and after < upto[part]:
            page = await self._store.read(self._channel, part, after, min(MESSAGES, upto[part] - after))
            old = list(takewhile(lambda each: each.at < self._before, page))
            if self._hold(upto, await held_among(self._store, old)):
                old = [each for each in old if each.pos <= upto[part]]
            for record in old:
                if record.pos != after + 1 or (records and record.prev != records[-1].id):
                    raise _broken(self._archive, self._channel, record, after)
                after = record.pos
                records.append(record)
                lines.append(line_of(record))
                size += len(lines[-1])
            if not old or len(old) < len(page):
                break
        return records, lines

    def _hold(self, upto: dict[int, int], held: MessageRecord | None) -> bool:
        """Whether an event stays in the log because an aggregate is made of it. Nothing is moved from there on."""
        place = None if held is None else place_of(held)
        if held is None or place is None:
            return False
        upto[held.part] = min(upto[held.part], held.pos - 1)
        self.done.waits_for = self.done.waits_for or (
            f"event {place.seq} of the stream {place.stream!r} stays, and what is behind it in its partition: the "
            "aggregate is made of it until a command changes it or removes it"
        )
        return True

    async def _trim(self, upto: dict[int, int], *, look: bool = False) -> None:
        """Deletes from the log what is in the archive. With `look`, it may have events of which aggregates are made."""
        store, channel = self._store, self._channel
        for part, end in self._archive.ends(channel).items():
            while part in upto:
                began = _time()
                if look:
                    self._hold(upto, await held_in(store, channel, part, self._before))
                most = min(end.pos, upto[part])
                gone = await store.trim(channel, part, upto=most, before=self._before, limit=MESSAGES)
                if not gone:
                    break
                self.done.deleted += gone
                self._step(self.done)
                await _rest(began, self._pause)


def _missing(archive: Archive, channel: Channel, part: int, pos: int) -> ArchiveGap:
    return ArchiveGap(
        f"message {pos} is neither in the log nor in the archive",
        where=f"{archive.folder}, {channel.called} partition {part}",
        expected="a log that goes on where its archive ends",
        next="put back the missing files; if there are none, what the log has is all there is",
    )  # fmt: skip


def _broken(archive: Archive, channel: Channel, record: MessageRecord, after: int) -> ArchiveGap:
    return ArchiveGap(
        f"the log of {archive.context} goes on with message {record.pos} after message {after}, which does not fit",
        where=f"{channel.called} partition {record.part}", expected="messages without a gap",
        next="if another process deletes from this log, stop it; otherwise restore the store from a backup",
    )  # fmt: skip
