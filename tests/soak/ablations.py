"""Each layer is taken away in turn while disturbed services are killed: with it nothing is found, without it much."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

from tests.ablations.cases import CASES
from tests.ablations.running import Ablation, Run, run

__all__ = ["CASES", "Ablated", "take_away_each"]

TRIES = 3
"""Cohorts after which a missing layer has to be found: one that waits for a killed service may end too soon."""


@dataclass
class Ablated:
    """One layer: the run with it and the run without it, and what is wrong with either."""

    layer: str
    whole: Run
    missing: Run
    found: int
    """How many of the findings without it are those that it keeps away."""
    findings: list[str] = field(default_factory=list[str])


def take_away_each(
    students: int, kills: int, seed: int, folder: Path, progress: Callable[[int], None]
) -> Generator[Ablated]:
    """Takes one layer after the other away. `progress` is told how many are done. Stores with findings stay."""
    for number, case in enumerate(CASES):
        place = folder / str(number)
        ablated = _take_away(case, place, students, kills, seed)
        if not ablated.findings:
            shutil.rmtree(place)
        progress(number + 1)
        yield ablated


def _take_away(case: Ablation, place: Path, students: int, kills: int, seed: int) -> Ablated:
    whole = run(case, place / "with", whole=True, students=students, kills=kills, seed=seed)
    missing, found = Run(), 0
    for turn in range(TRIES):
        if not found:
            elsewhere = place / f"without {turn}"
            missing = run(case, elsewhere, whole=False, students=students, kills=kills, seed=seed + turn)
            found = len(missing.matching(case.finds))
    ablated = Ablated(case.layer, whole, missing, found)
    ablated.findings = [f"with it: {finding}" for finding in filter(None, [whole.gave_up, *whole.findings])]
    for how, each in (("with", whole), ("without", missing)):
        calm = [name for name, count in each.disturbances.items() if not count]
        ablated.findings += [f"{how} it: {name} was not disturbed" for name in calm]
    if not ablated.found:
        ablated.findings.append(f"without it, in {TRIES} tries nothing is found like: {case.finds}")
    return ablated
