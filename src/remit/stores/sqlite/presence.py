"""Whether the file that was opened is still the one at its path: into one that was deleted nobody should write."""

from __future__ import annotations

import os
from pathlib import Path

from remit.errors import StoreError

__all__ = ["Presence"]


class Presence:
    """Remembers which file stands at the path now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _file_at(path)
        self.gone = False
        """What the last look found."""

    def look(self) -> None:
        """Raises `StoreError` when the file was deleted, moved away or replaced."""
        self.gone = _file_at(self._path) != self._file
        self.require()

    def require(self) -> None:
        """The same as at the last look."""
        if self.gone:
            raise StoreError(
                "the file was deleted or replaced while it was open",
                where=str(self._path),
                expected="the file that was opened",
                next="end every process of the system, put the file or a backup of it back, and start again",
            )


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  before each commit, and twice as fast as the other way
    except OSError:
        return None
    return found.st_dev, found.st_ino
