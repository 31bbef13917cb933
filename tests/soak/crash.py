"""A cohort of students plays while the platform is killed again and again; counted from outside afterwards."""

import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from learning import checker
from learning.driver import GaveUp, Surprised, Told, come_to_rest, play
from learning.process import Platform

__all__ = ["Outcome", "Sizes", "crash"]

AT_ONCE = 8
"""Students who play at the same time: enough for something to be on its way at nearly every moment."""
PATIENCE_SECONDS = 120.0
"""How long a student asks for one thing: on a busy machine what was killed takes seconds to come back, when the
next kill is due; and a call to a zombie is answered by nobody until its deadline."""
UPTIME_SECONDS = (0.0, 0.15)
"""How long the platform lives, once it is ready: a moment between these, drawn anew each time."""
STARTING = (0.8, 1.05)
"""When it is killed while it starts, in start-up times: the stores are opened and recovered at the end of one."""
DIES_STARTING = 0.25
"""Share of kills after which the next start is killed too."""


@dataclass(frozen=True)
class Sizes:
    """What to play: how many students at least, how many kills, and from which random numbers."""

    students: int
    kills: int
    seed: int = 1
    store: str = "sqlite"
    topology: str = ""
    """A topology file, whose services are killed; without one, everything runs in one process."""


@dataclass
class Outcome:
    """What has happened, and everything in it that does not hold."""

    kills: int = 0
    """Kills of a platform that was ready."""
    between: int = 0
    """Those of them that left something committed whose consequence was not."""
    starting: int = 0
    """Kills before the platform was ready, the first time and later."""
    wipes: int = 0
    """How often the broker has lost everything."""
    zombies: int = 0
    """Services that were paused, and came back when others had taken over their work."""
    students: int = 0
    retries: int = 0
    counts: dict[str, int] = field(default_factory=dict[str, int])
    findings: list[str] = field(default_factory=list[str])
    seconds: float = 0.0


def crash(sizes: Sizes, data: Path, progress: Callable[[Outcome], None] = lambda _: None) -> Outcome:
    """Plays the cohort on the folder `data` while the platform dies; then what must hold, in `Outcome.findings`."""
    return _Crash(sizes, data, progress).run()


class _Crash:
    def __init__(self, sizes: Sizes, data: Path, progress: Callable[[Outcome], None]) -> None:
        self._sizes = sizes
        self._data = data
        self._progress = progress
        self._platform = Platform(data)
        self._pool = ThreadPoolExecutor(1)
        self._moments = random.Random(sizes.seed)
        self._start_seconds = 0.0
        self._outcome = Outcome()

    def run(self) -> Outcome:
        begun = time.monotonic()
        outcome = self._outcome
        try:
            self._start_for_the_first_time()
            cohort = self._pool.submit(self._play)
            self._kill_during(cohort)
            told = cohort.result()
            come_to_rest(self._platform.url)
            if code := self._platform.stop():
                outcome.findings.append(f"exit code {code} after SIGTERM")
            stores = checker.read(self._data)
            outcome.retries = sum(student.retries for student in told)
            outcome.counts = checker.counts(stores)
            outcome.findings += checker.check(stores, told)
        except (RuntimeError, GaveUp, Surprised) as error:  # the platform, or a student, did not get through
            outcome.findings.append(f"{type(error).__name__}: {error}")
        finally:
            self._platform.kill()
            self._pool.shutdown(wait=False)  # without a platform, a cohort that still plays gives up by itself
        outcome.seconds = time.monotonic() - begun
        return outcome

    def _start_for_the_first_time(self) -> None:
        """After a rehearsal elsewhere, which says how long a start takes."""
        with tempfile.TemporaryDirectory() as elsewhere:
            rehearsal = Platform(Path(elsewhere))
            self._start(rehearsal)
            rehearsal.kill()
        self._die_starting()
        self._start(self._platform)

    def _play(self) -> list[Told]:
        return play(
            self._platform.url, students=self._sizes.students, seed=self._sizes.seed, at_once=AT_ONCE,
            through=self._count_students, longer=lambda: self._outcome.kills < self._sizes.kills,
            patience=PATIENCE_SECONDS,
        )  # fmt: skip

    def _kill_during(self, cohort: Future[list[Told]]) -> None:
        """The moments are random, and nothing waits for a good one."""
        outcome = self._outcome
        while outcome.kills < self._sizes.kills:
            time.sleep(self._moments.uniform(*UPTIME_SECONDS))
            if cohort.done():
                return
            self._platform.kill()
            outcome.kills += 1
            outcome.between += bool(checker.owed(checker.read(self._data, glance=True)))
            self._progress(outcome)
            if self._moments.random() < DIES_STARTING:
                self._die_starting()
            self._start(self._platform)

    def _start(self, platform: Platform) -> None:
        begun = time.monotonic()
        platform.start()
        self._start_seconds = time.monotonic() - begun

    def _die_starting(self) -> None:
        self._outcome.starting += self._platform.die_starting(self._start_seconds * self._moments.uniform(*STARTING))
        self._progress(self._outcome)

    def _count_students(self, through: int) -> None:
        self._outcome.students = through
        self._progress(self._outcome)
