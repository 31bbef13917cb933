"""Shrinks a failing run: fewer clients, orders and faults, while the same judge still finds a fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from remit.testing.simulation.run import Report, run_scene
from remit.testing.simulation.scene import Scene

__all__ = ["shrink"]


def shrink(report: Report, *, tries: int = 200) -> Report:
    """The smallest failing run found within `tries` runs; the run itself if no smaller one fails in the same way."""
    search = _Search(report, tries)
    for smaller in _fewer_people(report.scene):
        if search.fails(smaller):
            break
    search.fails(replace(search.best.scene, faults=search.best.fired))
    size = len(search.best.fired)
    while size:
        for faults in _without_some(search, size):
            search.fails(replace(search.best.scene, faults=faults))
        size //= 2
    return search.best


class _Search:
    """The best run so far, and how many more may be tried."""

    def __init__(self, report: Report, tries: int) -> None:
        self.best = report
        self._judges = {verdict.judge for verdict in report.verdicts}
        self._tries = tries

    def fails(self, scene: Scene) -> bool:
        """Whether this scene fails in the same way; then it becomes the best."""
        if not self._tries:
            return False
        self._tries -= 1
        report = run_scene(scene)
        failed = any(verdict.judge in self._judges for verdict in report.verdicts)
        if failed:
            self.best = report
        return failed


def _fewer_people(scene: Scene) -> Iterator[Scene]:
    for clients in (1, 2, 3):
        for orders in (1, 2, 3):
            yield replace(scene, clients=clients, orders=orders)


def _without_some(search: _Search, size: int) -> Iterator[tuple[str, ...]]:
    """The faults of the best run without `size` of them, from the last to the first."""
    at = len(search.best.fired)
    while at > 0:
        at = min(at, len(search.best.fired))
        faults = search.best.fired
        yield faults[: max(0, at - size)] + faults[at:]
        at -= size
