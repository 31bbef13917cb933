"""Each layer that guards the promises is taken away in turn, on real processes that are disturbed: then the outside
checker must find what it had kept away. With every layer it finds nothing, whatever the disturbance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ablations.cases import CASES, FENCE
from tests.ablations.running import Ablation, run

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.layer)
def test_with_every_layer_nothing_is_found(case: Ablation, tmp_path: Path) -> None:
    outcome = run(case, tmp_path, whole=True)
    assert (outcome.findings, outcome.gave_up) == ([], "")
    assert all(outcome.disturbances.values()), outcome


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.layer)
def test_without_one_layer_the_checker_finds_it(case: Ablation, tmp_path: Path) -> None:
    outcome = run(case, tmp_path, whole=False)
    assert outcome.matching(case.finds), outcome
    assert all(outcome.disturbances.values()), outcome


def test_what_a_broker_without_a_fence_takes_twice_is_handled_once(tmp_path: Path) -> None:
    outcome = run(FENCE, tmp_path, whole=False)
    assert (outcome.findings, outcome.gave_up) == ([], "")
    assert outcome.streamed > 1.5 * outcome.published
