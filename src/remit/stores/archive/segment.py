"""One file of an archive: a segment of one channel, which is a gzip file of lines of JSON.

It has several members, as gzip calls them, so that each can be read without the others: a header, one block for each
stretch of a partition, and the checksum. `zcat` shows all of them. The header names the checksum of the segment before,
so a segment that is missing, exchanged or of another archive is noticed.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, NamedTuple

import msgspec

from remit.errors import StoreError
from remit.log import ChannelName, Checkpoint, MessageRecord

FORMAT = 1
_KIND = "remit archive"
_LEVEL = 6
"""Of gzip. Level 1 is three times as fast, and its files are 1.12 times as large; 9 gains 2 %, at half the speed."""
_GZIP = zlib.MAX_WBITS | 16
"""Tells zlib to read the format of gzip."""
MOST_BLOCKS = 256
"""In a segment, so that its header is short."""
START = 1 << 17
"""Bytes at the start of a file in which its header is, and at its end in which its checksum is."""


_MOST_HEADER = 8 << 20
"""Bytes of a header when it is unpacked. A larger one is forged."""
_MOST_SUM = 1 << 10

_Part = Annotated[int, msgspec.Meta(ge=0, le=(1 << 15) - 1)]
_Version = Annotated[int, msgspec.Meta(ge=0, le=(1 << 31) - 1)]
"""What every store holds."""
_Large = Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]


class ArchiveError(StoreError):
    """An archive cannot be used as it is."""

    code = "archive"


class CorruptArchive(ArchiveError):
    """A file of an archive is damaged, incomplete or missing."""

    code = "archive.corrupt"


class OtherArchive(ArchiveError):
    """The archive is of another context, or of another log of this context."""

    code = "archive.other"


class ArchiveGap(ArchiveError):
    """Between the archive and the log, messages are missing."""

    code = "archive.gap"


class ArchiveUnusable(ArchiveError):
    """The folder of an archive cannot be read or written."""

    code = "archive.unusable"


class ArchiveBusy(ArchiveError):
    """Another process is writing to the archive."""

    code = "archive.busy"


class Block(msgspec.Struct, frozen=True):
    """Messages of one partition without a gap, in a member of their own."""

    part: _Part
    first: _Large
    last: _Large
    prev: str
    """The identity of the message before the first one; empty if the partition begins with it."""
    id: str
    """The identity of the last message."""
    at: float
    """When the last message was written (seconds since the epoch)."""
    size: _Large
    """Bytes in the file."""
    raw: _Large
    """Bytes of its lines."""
    sha256: str
    """Of its lines."""

    @property
    def end(self) -> Checkpoint:
        """Its last message."""
        return Checkpoint(self.last, self.id, self.at)

    @property
    def count(self) -> int:
        """How many messages it has."""
        return self.last - self.first + 1


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first member of a segment."""

    kind: str = _KIND
    format: int = FORMAT
    context: str
    channel: ChannelName
    number: int
    """From 1 on, without gaps."""
    previous: str
    """The checksum of the segment before; empty in the first one."""
    written: float
    """When it was made (seconds since the epoch)."""
    blocks: list[Block]


class Segment(NamedTuple):
    """A segment of which the header was read."""

    header: Header
    starts: Sequence[int]
    """Where each block begins in the file."""
    sha256: str
    """The checksum of everything before the last member."""


class _Sum(msgspec.Struct):
    sha256: str


_headers, _sums = msgspec.json.Decoder(Header), msgspec.json.Decoder(_Sum)
_lines = msgspec.json.Encoder()
_Row = tuple[int, str, str, str, str, _Version, float, str, str]
_rows = msgspec.json.Decoder(list[_Row])


def line_of(record: MessageRecord) -> bytes:
    """A message as a line, without its end. The partition is that of the block."""
    _, pos, id, prev, key, type, version, at, headers, payload = record
    return _lines.encode((pos, id, prev, key, type, version, at, headers, str(payload, "utf-8")))


def block_of(part: int, records: Sequence[MessageRecord], lines: Sequence[bytes]) -> tuple[Block, bytes]:
    """A block of these messages, at least one, and its bytes in a file."""
    text = b"\n".join(lines) + b"\n"
    packed = _packed(text)
    first, last = records[0], records[-1]
    size, raw, digest = len(packed), len(text), sha256(text).hexdigest()
    return Block(part, first.pos, last.pos, first.prev, last.id, last.at, size, raw, digest), packed


def records_in(block: Block, packed: bytes, where: str) -> list[MessageRecord]:
    """The messages of a block. Raises `CorruptArchive`."""
    try:
        text = _unpacked(packed, block.raw)
        found = _rows.decode(b"[" + text[:-1].replace(b"\n", b",") + b"]")
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise damaged(f"the block of messages {block.first} to {block.last} cannot be read: {error}", where) from error
    if sha256(text).hexdigest() != block.sha256:
        raise damaged(f"the block of messages {block.first} to {block.last} is not what its checksum says", where)
    if b"\\u0000" in text and any("\0" in each for row in found for each in row if isinstance(each, str)):
        raise damaged(f"the block of messages {block.first} to {block.last} has a NUL in a text", where)
    before, records = block.prev, list[MessageRecord]()
    for number, row in enumerate(found, block.first):
        if (row[0], row[2]) != (number, before):
            raise damaged(f"message {row[0]} stands in the place of message {number}", where)
        records.append(MessageRecord(block.part, *row[:-1], row[-1].encode()))
        before = row[1]
    if not records or (records[-1].pos, records[-1].id) != (block.last, block.id):
        raise damaged(f"the block of messages {block.first} to {block.last} ends elsewhere", where)
    return records


def file_of(header: Header, packed: Sequence[bytes]) -> bytes:
    """The bytes of a segment with these blocks."""
    content = b"".join([_packed(_lines.encode(header) + b"\n"), *packed])
    return content + _packed(_lines.encode(_Sum(sha256(content).hexdigest())) + b"\n")


def segment_of(start: bytes, size: int, end: bytes, where: str) -> Segment:
    """A segment, from the first bytes of its file, the size of the file, and its last bytes. Does not look at blocks.

    Raises `CorruptArchive`, and `OtherArchive` for a format of a newer release.
    """
    header, length = _first(start, where)
    starts = [length]
    for block in header.blocks:
        starts.append(starts[-1] + block.size)
    rest = size - starts.pop()
    if not 0 < rest <= len(end):
        raise damaged(f"its size is {size} bytes, which its header does not say", where)
    try:
        digest = _sums.decode(_unpacked(end[-rest:], _MOST_SUM)).sha256
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise damaged(f"its end cannot be read: {error}", where) from error
    return Segment(header, starts, digest)


def end_of(header: Header, starts: Sequence[int]) -> int:
    """Where the checksum begins in the file of a segment."""
    return starts[-1] + header.blocks[-1].size


def _first(start: bytes, where: str) -> tuple[Header, int]:
    reader = zlib.decompressobj(_GZIP)
    try:
        text = reader.decompress(start, _MOST_HEADER)
        if not reader.eof:
            raise damaged("its header is cut off", where)
        header = _headers.decode(text)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise damaged(f"its header cannot be read: {error}", where) from error
    if header.kind != _KIND or not header.blocks:
        raise damaged("its header is not that of a segment", where)
    if header.format > FORMAT:
        raise OtherArchive(
            f"the archive has format {header.format}", where=where, expected=f"at most {FORMAT}", next="upgrade remit"
        )
    return header, len(start) - len(reader.unused_data)


def _packed(text: bytes) -> bytes:
    return gzip.compress(text, _LEVEL, mtime=0)


def _unpacked(packed: bytes, most: int) -> bytes:
    """The content of one member. Raises `zlib.error`, also for more or less than a member, and for a content of more
    than `most` bytes, of which it unpacks no more."""
    reader = zlib.decompressobj(_GZIP)
    text = reader.decompress(packed, most + 1)
    if len(text) > most:
        raise zlib.error(f"it has more than {most} bytes")
    if not reader.eof or reader.unused_data:
        raise zlib.error("it is cut off" if not reader.eof else "something follows on it")
    return text


def damaged(what: str, where: str) -> CorruptArchive:
    """The error for a file that is not as it was written."""
    return CorruptArchive(
        what, where=where, expected="the file as remit log archive has written it",
        next="put back a copy of the file; remit log verify then checks the whole archive",
    )  # fmt: skip
