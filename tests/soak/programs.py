"""Generated programs by the thousand, on every core; and how soon they find bugs that are planted."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from remit.testing.simulation.programs import generate, run_program, scene_of, shrink_program

__all__ = ["BATCH", "GENERATOR_SEEDS", "Batch", "Sought", "program_seed", "run_programs", "seek_planted"]

BATCH = 25
"""Programs that a process runs before it says what came of them."""
GENERATOR_SEEDS = (1, 2, 3, 4, 5)
"""Planted bugs have to be found from each of these."""
MOST_MEMORY = 4 << 30
"""Bytes that a process may take which looks for a planted bug."""
MOST = 1_000_000
"""Programs of a generator seed."""


def program_seed(seed: int, number: int) -> int:
    """The seed of a program, of so many that one generator seed has."""
    return seed * MOST + number


@dataclass
class Batch:
    """What came of some programs."""

    first: int
    programs: int = 0
    seconds: float = 0.0
    """Of processor time."""
    steps: int = 0
    crashes: int = 0
    answers: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    failed: dict[int, str] = field(default_factory=dict[int, str])
    """Seeds of programs, and the first thing that is wrong with each."""

    def line(self) -> str:
        """For a log."""
        return (
            f"{self.first} +{self.programs}: {self.seconds:.1f} s, {self.steps} steps, {self.crashes} crashes, "
            f"{self.answers} answers, {self.faults.total()} faults, {len(self.failed)} failed"
        )


def run_programs(count: int, seed: int, log: Path, progress: Callable[[int], None]) -> Generator[Batch]:
    """Runs programs in all processes that the machine has room for, and keeps a line of each batch in `log`."""
    firsts = [(program_seed(seed, number), min(BATCH, count - number)) for number in range(0, count, BATCH)]
    done = 0
    with multiprocessing.get_context("spawn").Pool() as pool, log.open("a") as lines:
        for batch in pool.imap_unordered(_run_batch, firsts):
            lines.write(batch.line() + "\n")
            lines.writelines(f"  {number}: {what}\n" for number, what in batch.failed.items())
            lines.flush()
            done += batch.programs
            progress(done)
            yield batch


def _run_batch(span: tuple[int, int]) -> Batch:
    first, count = span
    batch, begun = Batch(first), time.process_time()
    for seed in range(first, first + count):
        batch.programs += 1
        try:
            report = run_program(generate(seed), scene_of(seed)).report
        except Exception as error:  # noqa: BLE001  a program that cannot be run, or judged, is a finding
            batch.failed[seed] = f"error: {type(error).__name__}: {error}"
            continue
        batch.steps += report.steps
        batch.crashes += report.crashes
        batch.answers += report.orders
        batch.faults += report.faults()
        if report.verdicts:
            batch.failed[seed] = f"{report.verdicts[0].judge}: {report.verdicts[0].what}"
    batch.seconds = time.process_time() - begun
    return batch


def smallest(seed: int, tries: int = 400) -> str:
    """The smallest program that fails as the one of this seed, as code."""
    return shrink_program(run_program(generate(seed), scene_of(seed)), tries=tries).text


@dataclass(frozen=True)
class Sought:
    """How many programs it took to find a planted bug, from one generator seed; 0 where none of them has."""

    name: str
    seed: int
    programs: int
    what: str


def seek_planted(
    limit: int, seeds: Iterable[int], names: Sequence[str], progress: Callable[[int], None]
) -> Generator[Sought]:
    """Plants one bug after the other and runs programs until one fails, at most so many."""
    tasks = [(name, seed, limit) for name in names for seed in seeds]
    with multiprocessing.get_context("spawn").Pool(initializer=_limit_memory) as pool:
        for done, sought in enumerate(pool.imap_unordered(_seek, tasks), 1):
            progress(done)
            yield sought


def _limit_memory() -> None:
    """A system with a planted bug may take memory without an end."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _seek(task: tuple[str, int, int]) -> Sought:
    # Not at the top: who runs programs needs no bugs.
    from tests.simulation.planted_programs import OF_PROGRAMS

    name, seed, limit = task
    (planted,) = (each for each in OF_PROGRAMS if each.name == name)
    with pytest.MonkeyPatch.context() as patch:
        planted.plant(patch)
        for number in range(limit):
            each = program_seed(seed, number)
            try:
                verdicts = run_program(generate(each), scene_of(each)).report.verdicts
            except Exception as error:  # noqa: BLE001  a program that cannot be run has shown the bug
                return Sought(name, seed, number + 1, f"error: {type(error).__name__}: {error}")
            if verdicts:
                return Sought(name, seed, number + 1, f"{verdicts[0].judge}: {verdicts[0].what}")
    return Sought(name, seed, 0, "")
