"""Stores: the port, and one folder per technology."""

from remit.stores.notes import NotesInRows
from remit.stores.port import (
    Advance,
    Agreed,
    Change,
    Discard,
    Entry,
    Forget,
    KeyClaim,
    Letter,
    Park,
    ParkedKey,
    Settle,
    Store,
    StoredOutcome,
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
    "Discard",
    "Entry",
    "Forget",
    "KeyClaim",
    "Letter",
    "NotesInRows",
    "Park",
    "ParkedKey",
    "PublishedLogs",
    "Settle",
    "SqlStore",
    "Store",
    "StoreAddress",
    "StoreTechnology",
    "StoredOutcome",
    "Transaction",
    "Unit",
    "note_written",
    "partition_of",
    "require_fit",
    "was_written",
    "written_read_only",
]
