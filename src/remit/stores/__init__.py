"""Stores: the port, and one folder per technology."""

from remit.stores.cancelled import note_written, was_written
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
    partition_of,
    written_read_only,
)
from remit.stores.rows import Place, RowChange, RowTable, SelectedRow, Selection, row_table
from remit.stores.rows_in_memory import RowsInMemory
from remit.stores.size import LARGEST_UNIT, require_fit
from remit.stores.sql import SqlStore, Transaction
from remit.stores.technology import PublishedLogs, StoreAddress, StoreTechnology
from remit.stores.versions import LiveVersions, Versions, by_live_names, load_versions, meant, write_versions

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
    "LiveVersions",
    "NotesInRows",
    "Park",
    "ParkedKey",
    "Place",
    "PublishedLogs",
    "RowChange",
    "RowTable",
    "RowsInMemory",
    "SelectedRow",
    "Selection",
    "Settle",
    "SqlStore",
    "Store",
    "StoreAddress",
    "StoreTechnology",
    "StoredOutcome",
    "Transaction",
    "Unit",
    "Versions",
    "by_live_names",
    "load_versions",
    "meant",
    "note_written",
    "partition_of",
    "require_fit",
    "row_table",
    "was_written",
    "write_versions",
    "written_read_only",
]
