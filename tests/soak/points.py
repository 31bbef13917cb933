"""Something happens at every point where a task waits, one run for each: what the runs say.

Simulated, with everything in one process and with contexts in processes of their own; and on real stores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from remit.testing.simulation.cluster.points import Place
from remit.testing.simulation.everywhere import quiet, rough, strikes
from remit.testing.simulation.run import run_scene
from remit.testing.simulation.scene import Scene
from tests.points.walks import go_through

__all__ = ["Walked", "scenes_of", "walk", "walk_on_stores"]

ROUGH = 8
"""Seeds with mishaps; later ones come to hardly any place that is new."""


@dataclass
class Walked:
    """What came of all runs."""

    simulated: int = 0
    on_sqlite: int = 0
    on_postgresql: int = 0
    findings: list[str] = field(default_factory=list[str])


def scenes_of(seed: int, every: int) -> list[tuple[str, Scene]]:
    """One of so many: of quiet runs, and then what is new in runs with mishaps.

    Everything is in one process, or contexts are in processes of their own.
    """
    known: set[Place] = set()
    scenes = [quiet(seed), quiet(seed, apart=True)]
    scenes += [rough(each, apart=apart) for each in range(seed, seed + ROUGH) for apart in (False, True)]
    return [each for scene in scenes for each in strikes(scene, known=known)][::every]


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
