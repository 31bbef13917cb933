"""The store port: one append-only log per context, and the rows that commit with it.

A store belongs to a context. A unit of work is only a list of rows until `commit`, which writes all of them or none.
Adapters take time as an argument and never read a clock.
"""

from remit.stores.port.checkpoints import Checkpoints
from remit.stores.port.committing import Committing, note_written, was_written
from remit.stores.port.notes import BEGUN, EVENT_KEYS, TIME, missed_by
from remit.stores.port.parked import Letter, Parked, ParkedKeys
from remit.stores.port.rows import Advance, Change, Claim, Discard, Entry, Park, Settle, Unit, partition_of
from remit.stores.port.states import Claims, Outcome, States
from remit.stores.port.store import Capabilities, SqlStore, Store, Transaction, has_sql, written_read_only
from remit.stores.port.upkeep import Members, Retention

__all__ = [
    "BEGUN",
    "EVENT_KEYS",
    "TIME",
    "Advance",
    "Capabilities",
    "Change",
    "Checkpoints",
    "Claim",
    "Claims",
    "Committing",
    "Discard",
    "Entry",
    "Letter",
    "Members",
    "Outcome",
    "Park",
    "Parked",
    "ParkedKeys",
    "Retention",
    "Settle",
    "SqlStore",
    "States",
    "Store",
    "Transaction",
    "Unit",
    "has_sql",
    "missed_by",
    "note_written",
    "partition_of",
    "was_written",
    "written_read_only",
]
