"""Whether the file that was opened is still the one at its path: into one that was deleted nobody should write.

And whether the process that opened it is this one: SQLite remembers in memory which locks it holds, and a process that
was forked off has that memory and not the locks.
"""

from __future__ import annotations

import os
from pathlib import Path
from weakref import WeakSet

from remit.errors import StoreError
from remit.stores.forks import Origin


class Presence:
    """Remembers which file stands at the path now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.file = _file_at(path)
        self.origin = Origin()
        self.gone = False
        """What the last look found."""
        _here.add(self)

    def leave(self) -> None:
        """The file is closed."""
        _here.discard(self)

    @staticmethod
    def refuse_inherited(path: Path) -> None:
        """Raises `StoreError` when the process that this one was forked off from had the file open at that moment."""
        file = _file_at(path)
        if file is not None and any(each.file == file and each.origin.is_elsewhere for each in _here):
            raise StoreError(
                "this process was forked off while the file was open in it", where=str(path),
                expected="a process that opens the file itself, before it forks or after, but not both",
                next="connect after the fork only, or leave the connection before",
            )  # fmt: skip

    def look(self) -> None:
        """Raises `StoreError` when the file was deleted, moved away or replaced."""
        self.gone = _file_at(self._path) != self.file
        self.require()

    def require(self) -> None:
        """The same as at the last look."""
        if self.gone:
            raise StoreError(
                "the file was deleted or replaced while it was open", where=str(self._path),
                expected="the file that was opened",
                next="end every process of the system, put the file or a backup of it back, and start again",
            )  # fmt: skip


_here: WeakSet[Presence] = WeakSet()
"""The files that are open in this process, or were in the one that it was forked off from."""


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  before each commit, and twice as fast as the other way
    except OSError:
        return None
    return found.st_dev, found.st_ino
