"""Something happens at every point where a task waits, one run for each: what the runs say.

Simulated, with everything in one process and with contexts in processes of their own; and on real stores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from remit.testing.simulation.everywhere import quiet, strikes
from remit.testing.simulation.run import run_scene
from remit.testing.simulation.scene import Scene
from tests.points.walks import go_through

__all__ = ["Walked", "scenes_of", "walk", "walk_on_stores"]


@dataclass
class Walked:
    """What came of all runs."""

    simulated: int = 0
    on_sqlite: int = 0
    on_postgresql: int = 0
    findings: list[str] = field(default_factory=list[str])


def scenes_of(seed: int, every: int) -> list[tuple[str, Scene]]:
    """With everything in one process, and with contexts in processes of their own: one of so many."""
    return [*strikes(quiet(seed)), *strikes(quiet(seed, apart=True))][::every]


def walk(scenes: Sequence[tuple[str, Scene]], progress: Callable[[int], None]) -> Walked:
    """Runs them on all processors."""
    walked = Walked()
    with ProcessPoolExecutor() as pool:
        for (where, _), said in zip(scenes, pool.map(_run, [scene for _, scene in scenes], chunksize=8), strict=True):
            walked.simulated += 1
            walked.findings += (f"{where}: {what}" for what in said)
            progress(walked.simulated)
    return walked


def walk_on_stores(walked: Walked, folder: Path, server: str, every: int) -> None:
    """Goes on with real stores, in processes that die."""
    sqlite = go_through(f"sqlite:{folder}/{{context}}.db", step=every)
    postgresql = go_through(f"{server}{'&' if '?' in server else '?'}schema=points_{{context}}", step=every)
    walked.on_sqlite, walked.on_postgresql = sqlite.walks, postgresql.walks
    walked.findings += [*sqlite.findings, *postgresql.findings]


def _run(scene: Scene) -> list[str]:
    return [f"{judge}: {what}" for judge, what in run_scene(scene).verdicts]
