"""A backup of one store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["Backup"]


class Backup:
    """A consistent copy of a store, made by SQLite's backup while others write."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._copy = store.with_suffix(".backup")
        with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(self._copy)) as target:
            source.backup(target)

    def restore(self) -> None:
        """Replaces the store, which no process may have open, by the copy."""
        for file in self._store.parent.glob(f"{self._store.name}-*"):
            file.unlink()
        self._copy.replace(self._store)
