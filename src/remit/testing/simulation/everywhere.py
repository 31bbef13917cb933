"""A crash, an orderly end and a cancellation at every point where a task waits: enumerated, and not left to chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from remit.testing.simulation.cluster.points import Kind, Place, Strike
from remit.testing.simulation.run import run_scene
from remit.testing.simulation.scene import Scene
from remit.testing.simulation.workloads.tour import Tour

__all__ = ["KINDS", "Misled", "quiet", "rough", "strikes"]

KINDS: Sequence[Kind] = ("crash", "stop", "cancel")


class Misled(Exception):
    """A run fails by itself: what its points would tell is not to be believed."""


def quiet(seed: int, *, apart: bool = False) -> Scene:
    """A scene without faults, in which each question to a store is a round trip."""
    return Scene(seed, apart=apart, far=True, workload=Tour, faults=(), points=True)


def rough(seed: int, *, apart: bool = False) -> Scene:
    """A scene with all the mishaps of the seed: tasks wait where they do only after something has failed."""
    return Scene(seed, apart=apart, far=True, points=True)


def strikes(
    scene: Scene, kinds: Sequence[Kind] = KINDS, known: set[Place] | None = None
) -> Iterator[tuple[str, Scene]]:
    """The same scene with one thing happening at one point, and where that is: for each place at which a task waits,
    the first time and the last time that one comes there. Places that are `known` are left out, and added to them.

    Raises `Misled` when the scene by itself fails.
    """
    known = set() if known is None else known
    report = run_scene(scene)
    if report.verdicts:
        raise Misled(f"without anything happening: {report.verdicts}")
    points = report.points
    last = {place: point for point, place in enumerate(points.places) if place not in known}
    first = {place: points.places.index(place) for place in last}
    known |= set(last)
    for point in sorted({*first.values(), *last.values()}):
        where = " > ".join(points.places[point])
        for kind in kinds:
            if kind != "cancel" or points.cancellable[point]:
                yield f"{kind} at {where}", replace(scene, strike=Strike(point, points.places[point], kind))
