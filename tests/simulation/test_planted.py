"""The judges are judged: each planted bug is found within a few seeds."""

from __future__ import annotations

import pytest

from remit.testing.simulation import simulate
from tests.simulation.planted import PLANTED, Planted, beginning_with

SEEDS = 80


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_bug_is_found(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.plant(monkeypatch)
    accused: set[str] = set()
    for seed in beginning_with(planted.seed, range(SEEDS)):
        accused |= {verdict.judge for verdict in simulate(seed, pull=planted.pull, restore=planted.restore).verdicts}
        if accused & planted.judges:
            return
    pytest.fail(f"{SEEDS} seeds accuse {sorted(accused) or 'nothing'}; one of {sorted(planted.judges)} should be")


@pytest.mark.parametrize("planted", [p for p in PLANTED if not p.pull], ids=lambda planted: planted.name)
def test_pulling_repairs_what_a_broken_pipe_loses(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.plant(monkeypatch)
    assert [verdict for seed in range(2) for verdict in simulate(seed).verdicts] == []
