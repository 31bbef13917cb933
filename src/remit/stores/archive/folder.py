"""The folder of an archive: a file for each segment, in a folder for each channel of a context.

A file is written beside its place, flushed to the disk, and renamed. So the segments in a folder are whole at any time.
What a killed process leaves is a file with another name, which the next one overwrites.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from remit.errors import reason
from remit.log import Channel, Checkpoint, Floors, Log, MessageRecord
from remit.stores.archive.segment import (
    START,
    ArchiveBusy,
    ArchiveGap,
    ArchiveUnusable,
    Block,
    CorruptArchive,
    Header,
    OtherArchive,
    Segment,
    damaged,
    end_of,
    file_of,
    records_in,
    segment_of,
)

_ENDING = ".jsonl.gz"
_CACHED = 32
"""Blocks that are kept in memory: one for each partition that is read, of both channels."""
_PIECE = 1 << 20


class _Place(NamedTuple):
    """Where a block is."""

    block: Block
    segment: int
    start: int


class Archive:
    """The archive of one context in a folder. Methods raise `CorruptArchive`, `OtherArchive`, and `ArchiveUnusable`
    if the folder cannot be read or written."""

    def __init__(self, folder: Path, context: str) -> None:
        self.folder, self.context = folder / context, context
        self._segments: dict[Channel, list[Segment]] = {each: [] for each in Channel}
        self._places: dict[tuple[Channel, int], list[_Place]] = {}
        self._read: OrderedDict[tuple[Channel, int, int], list[MessageRecord]] = OrderedDict()

    def look(self) -> None:
        """Reads the headers of new segments. Segments are numbered without gaps, and each names the one before."""
        with _telling(self.folder, "read"):
            for channel in Channel:
                numbers = sorted(self._numbers(channel))
                for number in numbers[len(self._segments[channel]) :]:
                    self._add(channel, number)

    def segments(self, channel: Channel) -> Sequence[Segment]:
        """The segments of a channel, in order."""
        return self._segments[channel]

    def ends(self, channel: Channel) -> Floors:
        """The last archived message of each partition that has any."""
        return {part: places[-1].block.end for (of, part), places in self._places.items() if of == channel}

    def begins(self, channel: Channel) -> Floors:
        """The message before the first archived one, for each partition that the archive does not have from its
        beginning. Its time is not known: that of the end of the first block is given."""
        first = {part: places[0].block for (of, part), places in self._places.items() if of == channel}
        return {part: Checkpoint(each.first - 1, each.prev, each.at) for part, each in first.items() if each.first > 1}

    def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        """At most `limit` archived messages of a partition after a position, in order, as the log held them: positions,
        identities, predecessors, headers and bodies. Fewer at the end of a block; none only at the end."""
        places = self._places.get((channel, part), [])
        low, high = 0, len(places)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if places[middle].block.last <= after else (low, middle)
        if low == len(places):
            return []
        first = max(after + 1 - places[low].block.first, 0)
        return self._block(channel, places[low])[first : first + limit]

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def append(self, channel: Channel, blocks: Sequence[tuple[Block, bytes]], at: float) -> Segment:
        """Writes a segment, in `locked`, and reads it back from its place. It is durable afterwards. A file that is not
        what was written is removed again."""
        known = self._segments[channel]
        number, previous = len(known) + 1, known[-1].sha256 if known else ""
        header = Header(
            context=self.context, channel=channel.called, number=number, previous=previous, written=at,
            blocks=[block for block, _ in blocks],
        )  # fmt: skip
        path = self.path(channel, number)
        with _telling(path, "written"):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _write(path, file_of(header, [packed for _, packed in blocks]))
            try:
                self._add(channel, number)
                self.check(channel, number)
            except CorruptArchive:
                path.unlink()
                raise
        return self._segments[channel][-1]

    def check(self, channel: Channel, number: int) -> int:
        """Reads a whole segment, and compares it with its checksums. Returns how many messages it has."""
        path, segment = self.path(channel, number), self._segments[channel][number - 1]
        end = end_of(segment.header, segment.starts)
        with _telling(path, "read"), path.open("rb") as file:
            digest, left = sha256(), end
            while piece := file.read(min(left, _PIECE)):
                digest.update(piece)
                left -= len(piece)
            if left or digest.hexdigest() != segment.sha256:
                raise damaged("its content is not what its checksum says", str(path))
            for start, block in zip(segment.starts, segment.header.blocks, strict=True):
                file.seek(start)
                records_in(block, file.read(block.size), str(path))
        return sum(block.count for block in segment.header.blocks)

    @contextmanager
    def locked(self) -> Generator[None]:
        """While this process writes. Raises `ArchiveBusy` if another one does. The end of a process unlocks it."""
        import fcntl  # not on every system

        with _telling(self.folder, "written"):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ArchiveBusy(
                    "another process is writing to this archive, or puts it back", where=str(self.folder),
                    expected="one at a time", next="wait until it has ended",
                ) from error  # fmt: skip
            yield
        finally:
            os.close(lock)

    def path(self, channel: Channel, number: int) -> Path:
        """The file of a segment."""
        return self.folder / channel.called / f"{number:06}{_ENDING}"

    def _numbers(self, channel: Channel) -> Iterator[int]:
        with suppress(FileNotFoundError):
            for path in (self.folder / channel.called).iterdir():
                stem = path.name.removesuffix(_ENDING)
                if stem != path.name and stem.isdecimal():
                    yield int(stem)

    def _add(self, channel: Channel, number: int) -> None:
        path, known = self.path(channel, number), self._segments[channel]
        if number != len(known) + 1:
            missing = self.path(channel, len(known) + 1)
            raise damaged(f"the file is missing: after it there is {path.name}", str(missing))
        with path.open("rb") as file:
            start = file.read(START)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - START))
            segment = segment_of(start, size, file.read(START), str(path))
        self._compare(channel, number, segment.header, path)
        if segment.header.previous != (known[-1].sha256 if known else ""):
            raise damaged("it does not follow on the segment before it: one of the two is another file", str(path))
        self._join(channel, segment, path)
        known.append(segment)

    def _compare(self, channel: Channel, number: int, header: Header, path: Path) -> None:
        if header.context != self.context:
            raise OtherArchive(
                f"the archive is of the context {header.context}", where=str(path), expected=self.context,
                next="name the folder of this context's archive",
            )  # fmt: skip
        if (header.channel, header.number) != (channel.called, number):
            raise damaged(
                f"it is segment {header.number} of the {header.channel} channel, under another name", str(path)
            )

    def _join(self, channel: Channel, segment: Segment, path: Path) -> None:
        """Notes where the blocks of a segment are. Each goes on where the one before it in its partition has ended."""
        added: list[tuple[tuple[Channel, int], _Place]] = []
        ends = {part: (end.pos, end.id) for part, end in self.ends(channel).items()}
        for start, block in zip(segment.starts, segment.header.blocks, strict=True):
            if ends.get(block.part, (block.first - 1, block.prev)) != (block.first - 1, block.prev):
                raise damaged(f"partition {block.part} does not go on where it has ended before", str(path))
            ends[block.part] = (block.last, block.id)
            added.append(((channel, block.part), _Place(block, segment.header.number, start)))
        for key, place in added:
            self._places.setdefault(key, []).append(place)

    def _block(self, channel: Channel, place: _Place) -> list[MessageRecord]:
        key = (channel, place.block.part, place.block.first)
        if key not in self._read:
            path = self.path(channel, place.segment)
            with _telling(path, "read"), path.open("rb") as file:
                file.seek(place.start)
                self._read[key] = records_in(place.block, file.read(place.block.size), str(path))
            if len(self._read) > _CACHED:
                self._read.popitem(last=False)
        self._read.move_to_end(key)
        return self._read[key]


async def require_joined(archive: Archive, log: Log, channel: Channel, floors: Floors | None = None) -> None:
    """Checks that the log goes on where its archive ends, or has the same messages there.

    `floors` are those of the log before the archive was looked at; what is moved since is not judged. Raises
    `ArchiveGap` if messages are missing in between, `OtherArchive` if the archive is of another log, and the errors of
    both.
    """
    floors = await log.floors(channel) if floors is None else floors
    for part, end in archive.ends(channel).items():
        floor, where = floors.get(part, Checkpoint(0, "", 0.0)), f"{archive.folder}, {channel.called} partition {part}"
        if end.pos < floor.pos:
            raise ArchiveGap(
                f"the archive ends with message {end.pos}, and the log begins with message {floor.pos + 1}",
                where=where, expected="a log that goes on where its archive ends",
                next="put back the missing files; if there are none, begin a new archive in another folder",
            )  # fmt: skip
        there = floor.id if end.pos == floor.pos else await _identity(log, channel, part, end.pos)
        if there not in (end.id, None):
            raise OtherArchive(
                f"the log has {there!r} as message {end.pos}" if there else f"the log ends before message {end.pos}",
                where=where, expected=f"the message {end.id!r}, with which the archive ends",
                next="a log that was restored from a backup is another one: begin a new archive in another folder",
            )  # fmt: skip


async def _identity(log: Log, channel: Channel, part: int, pos: int) -> str | None:
    """The identity of the message at a position; empty if there is none. None if it was just deleted."""
    found = await log.read(channel, part, pos - 1, 1)
    if found and found[0].pos == pos:
        return found[0].id
    floor = (await log.floors(channel)).get(part, Checkpoint(0, "", 0.0))
    return floor.id if floor.pos == pos else None if floor.pos > pos else ""


def _write(path: Path, content: bytes) -> None:
    part = path.with_name("partial")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        _flush(folder)


def _flush(folder: Path) -> None:
    """Makes the names in a folder durable."""
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)


@contextmanager
def _telling(path: Path, done: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveUnusable(
            f"it cannot be {done}: {error.strerror or reason(error)}", where=str(path),
            expected="a folder that this user can read and write, with free space",
            next="nothing was deleted from the log; make room or give another folder, and run it again",
        ) from error  # fmt: skip
