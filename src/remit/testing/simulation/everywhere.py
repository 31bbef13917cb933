"""Enumerates a crash, an orderly stop and a cancellation at every point where a task waits."""

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
    """A run fails without a strike, so its points cannot be used."""


def quiet(seed: int, *, apart: bool = False) -> Scene:
    """A scene without faults, in which each access to a store is a round trip."""
    return Scene(seed, apart=apart, far=True, workload=Tour, faults=(), points=True)


def rough(seed: int, *, apart: bool = False) -> Scene:
    """A scene with all faults of the seed: some points are reached only after a failure."""
    return Scene(seed, apart=apart, far=True, points=True)


def strikes(
    scene: Scene, kinds: Sequence[Kind] = KINDS, known: set[Place] | None = None
) -> Iterator[tuple[str, Scene]]:
    """Yields the scene with one strike each, and a description. For each place where a task waits, there are strikes at
    its first and at its last occurrence. Places in `known` are skipped; new ones are added to it.

    Raises `Misled` if the scene fails without a strike.
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
