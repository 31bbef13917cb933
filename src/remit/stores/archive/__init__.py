"""Archives of logs: old messages as compressed files with checksums, and the log with its archive in front of it."""

from remit.stores.archive.folder import Archive, require_joined
from remit.stores.archive.log import ArchivedLog
from remit.stores.archive.segment import (
    ArchiveBusy,
    ArchiveError,
    ArchiveGap,
    ArchiveUnusable,
    Block,
    CorruptArchive,
    OtherArchive,
    Segment,
)

__all__ = [
    "Archive",
    "ArchiveBusy",
    "ArchiveError",
    "ArchiveGap",
    "ArchiveUnusable",
    "ArchivedLog",
    "Block",
    "CorruptArchive",
    "OtherArchive",
    "Segment",
    "require_joined",
]
