"""What happens inside one worker process: doing the work for a while and counting honestly."""

import asyncio
import importlib
import importlib.util
import json
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Work:
    """What a variant is given: how much to do and an empty folder to do it in.

    `rows` is how many a log has grown to, where growth is measured.
    """

    folder: Path
    quick: bool
    rows: int = 1_000_000

    def pick(self, full: T, quick: T) -> T:
        return quick if self.quick else full

    def progress(self, done: float) -> None:
        """Tell the parent which share of this run is done, 0 to 1."""
        parent.tell({"progress": done})


@dataclass(frozen=True)
class Sample:
    """One run of one variant. `value` is in the unit of the measurement, `details` explain it."""

    value: float
    details: dict[str, float] = field(default_factory=dict)


class _Parent:
    """The pipe to the process that started this worker; without one (a variant run by hand) nothing is told."""

    def __init__(self) -> None:
        self._pipe: TextIO | None = None

    def take_stdout(self) -> None:
        """Keep standard output for the parent: what the work prints goes to standard error instead."""
        self._pipe, sys.stdout = sys.stdout, sys.stderr

    def tell(self, message: dict[str, Any]) -> None:
        if self._pipe is not None:
            self._pipe.write(json.dumps(message) + "\n")
            self._pipe.flush()


parent = _Parent()


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop, ours and peers alike; on asyncio's own loop where uvloop is not installed."""
    run: Callable[[Coroutine[Any, Any, T]], T] = asyncio.run
    if importlib.util.find_spec("uvloop") is not None:
        run = importlib.import_module("uvloop").run
    return run(main)


def peak_mib() -> float:
    """Most memory this process has held, in MiB."""
    return _status_mib("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_mib() -> float:
    """Memory this process holds now, in MiB."""
    return _status_mib("VmRSS") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _status_mib(line: str) -> float | None:
    # Not getrusage: its peak survives exec, so that a small worker would show the size of the process that started it.
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return next(int(entry.split()[1]) / 1024 for entry in status.splitlines() if entry.startswith(f"{line}:"))


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the sorted values lie; 0 when there are none."""
    return values[min(int(len(values) * share), len(values) - 1)] if values else 0.0


class Stopwatch:
    """Wall clock and CPU time (all threads of this process) since it was made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._wall

    @property
    def cpu_seconds(self) -> float:
        return time.process_time() - self._cpu

    def details(self, operations: int, latencies: list[float] | None = None) -> dict[str, float]:
        """CPU per operation, peak memory and, with latencies in seconds, their percentiles."""
        found = {"cpu_us_per_op": self.cpu_seconds / operations * 1e6, "peak_mib": peak_mib()}
        if latencies:
            ordered = sorted(latencies)
            found |= {"p50_us": percentile(ordered, 0.5) * 1e6, "p99_us": percentile(ordered, 0.99) * 1e6}
        return found
