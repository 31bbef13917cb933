"""When the handler in the other process was entered, by number of the message: a file that both processes map.

The clock is the machine's monotonic one, which is the same in every process.
"""

import mmap
import os
import time
from pathlib import Path

_VARIABLE = "REMIT_BENCH_MOMENTS"
_WIDTH = 8


class Moments:
    """Times by number, and before them how many there are. `started` is called by one process, the rest by another."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._all = memoryview(mmap.mmap(file.fileno(), 0)).cast("d")

    def started(self, number: int) -> None:
        if not self._all[1 + number]:  # a second start is a repetition of the first
            self._all[1 + number] = time.monotonic()
            self._all[0] += 1

    @property
    def count(self) -> int:
        return int(self._all[0])

    def of(self, number: int) -> float:
        return self._all[1 + number]


def prepare(folder: Path, count: int) -> Moments:
    """Room for the moments of so many messages; processes started from now on find it."""
    path = folder / "moments"
    path.write_bytes(bytes(_WIDTH * (1 + count)))
    os.environ[_VARIABLE] = str(path)
    return Moments(path)


def prepared() -> Moments:
    """What the process that started this one has prepared."""
    return Moments(Path(os.environ[_VARIABLE]))
