"""Stores in PostgreSQL: a schema per context, shared by processes on any number of machines."""

from remit.stores.postgres.published import PublishedLogs
from remit.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore", "PublishedLogs"]
