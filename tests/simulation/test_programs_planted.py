"""Generated programs find bugs that are planted: here the programs that have found them, and some more if need be.

`scripts/soak programs --planted` looks for each of them in 500 programs from each of five generator seeds.
"""

from __future__ import annotations

from itertools import chain

import pytest

from remit.testing.simulation.programs import generate, run_program, scene_of
from tests.simulation.planted_programs import OF_PROGRAMS, PlantedInPrograms
from tests.soak.programs import program_seed

MORE = 150
"""Programs that are tried when those that have found it find it no more: whatever changes a moment changes all runs."""


@pytest.mark.parametrize("planted", [each for each in OF_PROGRAMS if each.seen], ids=lambda planted: planted.name)
def test_a_planted_bug_is_found(planted: PlantedInPrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.plant(monkeypatch)
    for number in chain(planted.seen, range(MORE)):
        seed = program_seed(1, number)
        if run_program(generate(seed), scene_of(seed)).report.verdicts:
            return
    pytest.fail(f"programs {list(planted.seen)} and {MORE} others of generator seed 1 find nothing")


def test_the_programs_that_have_found_bugs_are_well_without_them() -> None:
    numbers = sorted({number for planted in OF_PROGRAMS for number in planted.seen[:1]})[:4]
    found = {
        number: run_program(generate(seed), scene_of(seed)) for number in numbers if (seed := program_seed(1, number))
    }
    assert {number: each.report.verdicts for number, each in found.items() if each.report.verdicts} == {}
