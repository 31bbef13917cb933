"""Generated programs whose read models promise how old they may be."""

from __future__ import annotations

import pytest

from remit.testing.simulation.programs import Found, generate, run_program, scene_of, written
from tests.simulation.planted_ages import keep_canaries_beside_the_model, lose_what_models_write
from tests.soak.programs import program_seed

AGED = (239, 357, 381)
"""Programs of generator seed 1 with such models: one that is refused, one with two sources, one with a parked key."""
LOST = 80
"""One that shows what comes of lost writes."""
IN_THE_END = "is said to be fresh in the end"


def run(number: int) -> Found:
    seed = program_seed(1, number)
    return run_program(generate(seed), scene_of(seed))


@pytest.mark.parametrize("number", AGED)
def test_nothing_is_wrong_with_them(number: int) -> None:
    found = run(number)
    assert found.report.verdicts == []
    text = written(found.program, found.scene)
    assert "freshness=Freshness(" in text
    assert "aged=True" in text


def test_some_models_have_several_sources_are_refused_fail_and_do_not_get_on() -> None:
    programs = [generate(program_seed(1, number)) for number in range(1000)]
    models = [each for program in programs for each in program.kept if each.promises]
    assert {"refuse" in each.promises for each in models} == {bool(each.fails) for each in models} == {True, False}
    assert max(len(each.folds) for each in models) > 1
    halted = [name for program in programs for name, *_ in program.halts]
    assert {" " in name for name in halted} == {True, False}
    assert len(halted) > 20


def test_a_model_whose_writes_are_lost_is_wedged(monkeypatch: pytest.MonkeyPatch) -> None:
    lose_what_models_write(monkeypatch)
    found = [each.what for each in run(LOST).report.verdicts]
    assert any("is wedged in" in each for each in found)
    assert not any(IN_THE_END in each for each in found)


def test_a_canary_that_is_not_part_of_the_model_leaves_it_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_canaries_beside_the_model(monkeypatch)
    found = [each.what for each in run(LOST).report.verdicts]
    assert any(IN_THE_END in each for each in found)
