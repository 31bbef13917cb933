"""The port of stores whose databases are the broker: what other contexts have published is read where they keep it."""

from __future__ import annotations

from typing import Protocol

from remit.log import Log

__all__ = ["PublishedLogs"]


class PublishedLogs(Protocol):
    """What other contexts have published in the database that a context enters. Nothing is opened before it is used."""

    def of(self, source: str, schema: str) -> Log:
        """The published channel of a context, in its schema."""
        ...

    async def close(self) -> None:
        """Disconnects. Idempotent."""
        ...
