"""A crash, an orderly end and a cancellation at every point where a task waits: enumerated, and not left to chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from remit.testing.simulation.cluster.points import Kind, Strike
from remit.testing.simulation.run import run_scene
from remit.testing.simulation.scene import Scene
from remit.testing.simulation.workloads.tour import Tour

__all__ = ["KINDS", "Misled", "quiet", "strikes"]

KINDS: Sequence[Kind] = ("crash", "stop", "cancel")


class Misled(Exception):
    """A quiet run is not quiet: what its points would tell is not to be believed."""


def quiet(seed: int, *, apart: bool = False) -> Scene:
    """A scene without faults, in which each question to a store is a round trip."""
    return Scene(seed, apart=apart, far=True, workload=Tour, faults=(), points=True)


def strikes(scene: Scene, kinds: Sequence[Kind] = KINDS) -> Iterator[tuple[str, Scene]]:
    """The same scene with one thing happening at one point, and where that is: for each place at which a task waits,
    the first time and the last time that one comes there. Raises `Misled` when the scene by itself fails."""
    report = run_scene(scene)
    if report.verdicts:
        raise Misled(f"without anything happening: {report.verdicts}")
    points = report.points
    first = {place: point for point, place in reversed(list(enumerate(points.places)))}
    last = {place: point for point, place in enumerate(points.places)}
    for point in sorted({*first.values(), *last.values()}):
        where = " > ".join(points.places[point])
        for kind in kinds:
            if kind != "cancel" or points.cancellable[point]:
                yield f"{kind} at {where}", replace(scene, strike=Strike(point, kind))
