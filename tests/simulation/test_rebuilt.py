"""Generated programs whose read models are rebuilt while they run, and whose callers look for what they wrote."""

from __future__ import annotations

import pytest

from remit.testing.simulation.programs import generate, run_program, scene_of, written
from tests.soak.programs import program_seed

REBUILT = (168, 322)
"""Programs of generator seed 1 with rebuilds, the second one with questions after a command."""
FROM_STATES = (337, 1484)
"""Those whose read models are rebuilt from the states of aggregates, with several chunks."""
ADOPTING = (19, 202)
"""Those where a second release turns states into streams, and goes back; the second one with trimmed logs."""


@pytest.mark.parametrize("number", [*REBUILT, *FROM_STATES, *ADOPTING])
def test_nothing_is_wrong_with_them(number: int) -> None:
    seed = program_seed(1, number)
    found = run_program(generate(seed), scene_of(seed))
    assert found.report.verdicts == []
    assert ("rebuilds=[" in written(found.program, found.scene)) == (number in (*REBUILT, *FROM_STATES))
    assert (".from_state(" in written(found.program, found.scene)) == (number in FROM_STATES)


def test_some_programs_rebuild_remove_rows_and_adopt_states() -> None:
    programs = [generate(seed) for seed in range(400)]
    assert sum(bool(each.rebuilds) for each in programs) > 10
    assert sum(each.after for each in programs) > 3
    assert sum(any(kept.removes for kept in each.kept) for each in programs) > 3
    assert sum(any(kept.adopted for kept in each.kept) for each in programs) > 3
