"""Something happens at every point where a task waits, one run for each: what the runs say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from remit.testing.simulation.everywhere import quiet, strikes
from remit.testing.simulation.run import run_scene
from remit.testing.simulation.scene import Scene

__all__ = ["Walked", "scenes_of", "walk"]


@dataclass
class Walked:
    """What came of all runs."""

    runs: int = 0
    findings: list[str] = field(default_factory=list[str])


def scenes_of(seed: int) -> list[tuple[str, Scene]]:
    """With everything in one process, and with contexts in processes of their own."""
    return [*strikes(quiet(seed)), *strikes(quiet(seed, apart=True))]


def walk(scenes: Sequence[tuple[str, Scene]], progress: Callable[[int], None]) -> Walked:
    """Runs them on all processors."""
    walked = Walked()
    with ProcessPoolExecutor() as pool:
        for (where, _), said in zip(scenes, pool.map(_run, [scene for _, scene in scenes], chunksize=8), strict=True):
            walked.runs += 1
            walked.findings += (f"{where}: {what}" for what in said)
            progress(walked.runs)
    return walked


def _run(scene: Scene) -> list[str]:
    return [f"{judge}: {what}" for judge, what in run_scene(scene).verdicts]
