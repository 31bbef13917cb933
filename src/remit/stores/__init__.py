"""Where it stays: the store port, and one folder per technology."""

from remit.stores.notes import NotesInRows
from remit.stores.port import (
    Advance,
    Agreed,
    Change,
    Claim,
    Discard,
    Entry,
    Forget,
    Letter,
    Outcome,
    Park,
    Parked,
    Settle,
    Store,
    Unit,
    note_written,
    partition_of,
    was_written,
    written_read_only,
)
from remit.stores.size import LARGEST_UNIT, require_fit
from remit.stores.sql import SqlStore, Transaction
from remit.stores.technology import PublishedLogs, StoreAddress, StoreTechnology

__all__ = [
    "LARGEST_UNIT",
    "Advance",
    "Agreed",
    "Change",
    "Claim",
    "Discard",
    "Entry",
    "Forget",
    "Letter",
    "NotesInRows",
    "Outcome",
    "Park",
    "Parked",
    "PublishedLogs",
    "Settle",
    "SqlStore",
    "Store",
    "StoreAddress",
    "StoreTechnology",
    "Transaction",
    "Unit",
    "note_written",
    "partition_of",
    "require_fit",
    "was_written",
    "written_read_only",
]
