"""Checks that the opened file is still the one at its path: writes into a deleted file would be lost.

Also checks that the process has not been forked since: SQLite keeps in memory which locks it holds, and a forked
process inherits that memory but not the locks.
"""

from __future__ import annotations

import os
from pathlib import Path
from weakref import WeakSet

from remit.errors import StoreError
from remit.stores.forks import Origin


class Presence:
    """Remembers which file was opened at a path."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.file = _file_at(path)
        self.origin = Origin()
        self.gone = False
        """The result of the last look."""
        _here.add(self)

    def leave(self) -> None:
        """Call it when the file is closed."""
        _here.discard(self)

    @staticmethod
    def refuse_inherited(path: Path) -> None:
        """Raises `StoreError` if the parent of this forked process had the file open at the fork."""
        file = _file_at(path)
        if file is not None and any(each.file == file and each.origin.is_elsewhere for each in _here):
            raise StoreError(
                "this process was forked off while the file was open in it", where=str(path),
                expected="a process that opens the file itself, before it forks or after, but not both",
                next="connect after the fork only, or leave the connection before",
            )  # fmt: skip

    def look(self) -> None:
        """Raises `StoreError` if the file was deleted, moved away or replaced."""
        self.gone = _file_at(self._path) != self.file
        self.require()

    def require(self) -> None:
        """Raises the same, by the result of the last look."""
        if self.gone:
            raise StoreError(
                "the file was deleted or replaced while it was open", where=str(self._path),
                expected="the file that was opened",
                next="end every process of the system, put the file or a backup of it back, and start again",
            )  # fmt: skip


_here: WeakSet[Presence] = WeakSet()
"""The files that are open in this process, or were open in its parent at the fork."""


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # runs before each commit; twice as fast as Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino
