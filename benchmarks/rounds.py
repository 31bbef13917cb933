"""Running the variants of an area: each in its own process, all once per round, so that noise falls on everybody."""

import asyncio
import json
import math
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.areas import Area, Variant
from benchmarks.sampling import Sample, Work

_SILENCE_S = 180.0  # a worker that says nothing for so long is stuck


@dataclass
class Results:
    """Samples by variant name and round. A variant that failed has a reason and no samples."""

    samples: dict[str, dict[int, Sample]] = field(default_factory=lambda: defaultdict(dict))
    failures: dict[str, str] = field(default_factory=dict)

    def values(self, variant: str) -> list[float]:
        return [sample.value for sample in self.samples[variant].values()]

    def median(self, variant: str) -> float | None:
        values = self.values(variant)
        return statistics.median(values) if values else None

    def detail(self, variant: str, name: str) -> float | None:
        found = [s.details[name] for s in self.samples[variant].values() if name in s.details]
        return statistics.median(found) if found else None

    def pairs(self, ours: str, other: str) -> list[tuple[float, float]]:
        """Values of the two in the rounds where both ran."""
        mine, theirs = self.samples[ours], self.samples[other]
        return [(mine[number].value, theirs[number].value) for number in mine if number in theirs]


@dataclass(frozen=True)
class Plan:
    """How an area is run. `only` keeps the variants whose name contains one of these words, `peers` the peers.

    No round begins that would end after `minutes`, judged by those before it; the first one always does.
    """

    rounds: int
    quick: bool
    data: Path | None
    only: tuple[str, ...] = ()
    peers: bool = True
    rows: int = Work.rows
    minutes: float = math.inf

    def runs(self, area: Area) -> list[tuple[int, Variant]]:
        left_out = set() if self.peers else {name for measured in area.measurements for name in measured.peers}
        wanted = [variant for variant in area.variants if variant.name not in left_out]
        chosen = [v for v in wanted if not self.only or any(word in v.name for word in self.only)]
        return [(number, v) for number in range(self.rounds) for v in chosen if number < (v.rounds or self.rounds)]

    def has_time_for(self, number: int, seconds: float) -> bool:
        """Whether a round, counted from 0, may begin after so many seconds."""
        return number == 0 or seconds / number * (number + 1) <= self.minutes * 60


def run_area(area: Area, plan: Plan, progress: Callable[[str, float], None]) -> Results:
    """Run all rounds; `progress` is called with what is running and the share of the whole that is done."""
    results, runs = Results(), plan.runs(area)
    begun, current = time.monotonic(), -1
    for index, (number, variant) in enumerate(runs):
        if number != current and not plan.has_time_for(number, time.monotonic() - begun):
            break
        current = number
        if variant.name in results.failures:
            continue
        label = f"{area.name}: round {number + 1}/{plan.rounds}, {variant.name}"
        report = partial(_report, progress, label, index, len(runs))
        report(0.0)
        try:
            results.samples[variant.name][number] = asyncio.run(_run_worker(variant, plan, report))
        except WorkerFailed as failed:
            results.failures[variant.name] = str(failed)
    progress(f"{area.name}: done", 1.0)
    return results


def _report(progress: Callable[[str, float], None], label: str, index: int, runs: int, done: float) -> None:
    progress(label, (index + done) / runs)


class WorkerFailed(Exception):
    """The worker ended without a sample; says what it wrote last."""


async def _run_worker(variant: Variant, plan: Plan, progress: Callable[[float], None]) -> Sample:
    with (
        tempfile.TemporaryDirectory(prefix="remit-bench-", dir=plan.data) as folder,
        tempfile.TemporaryFile() as errors,
    ):
        command = [sys.executable, "-m", "benchmarks.worker", variant.run, folder, f"--rows={plan.rows}"]
        command += ["--quick"] if plan.quick else []
        worker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=errors)
        try:
            sample = await _read_sample(worker, progress)
        except TimeoutError:
            raise WorkerFailed(f"said nothing for {_SILENCE_S:.0f} s") from None
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
        if sample is None:
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip().splitlines()
            raise WorkerFailed(last[-1] if last else f"ended with exit code {worker.returncode} and no sample")
        return sample


async def _read_sample(worker: asyncio.subprocess.Process, progress: Callable[[float], None]) -> Sample | None:
    assert worker.stdout is not None
    sample: Sample | None = None
    while line := await asyncio.wait_for(worker.stdout.readline(), _SILENCE_S):
        told = json.loads(line)
        if "progress" in told:
            progress(told["progress"])
        else:
            sample = Sample(**told["sample"])
    await asyncio.wait_for(worker.wait(), _SILENCE_S)
    return sample
