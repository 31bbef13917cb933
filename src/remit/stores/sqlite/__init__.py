"""Stores in SQLite files: one per context, shared by the processes of one machine."""

from remit.stores.sqlite.lane import Lane, ThreadLane
from remit.stores.sqlite.store import SqliteStore

__all__ = ["Lane", "SqliteStore", "ThreadLane"]
