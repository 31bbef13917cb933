"""The cluster and the judges of delivery know no system: another one runs in place of the shop."""

from __future__ import annotations

import pytest

from remit.testing.simulation import Scene, run_scene
from remit.testing.simulation.__main__ import main
from tests.simulation.planted import (
    Plant,
    checkpoint_apart,
    events_apart,
    in_two_transactions,
    partition_by_message,
    skip_gaps,
)
from tests.simulation.rumours import Rumours

SEEDS = 40

PLANTED: dict[str, tuple[Plant, str]] = {
    "the checkpoint moves in a second transaction": (in_two_transactions(checkpoint_apart), "doubled"),
    "an event is written in a second transaction": (in_two_transactions(events_apart), "lost"),
    "the checkpoint skips gaps": (skip_gaps, "lost"),
    "messages of a key are spread over partitions": (partition_by_message, "reordered"),
}


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
def test_what_is_said_is_heard_once_and_in_order(apart: bool) -> None:
    reports = [run_scene(Scene(seed, apart=apart, workload=Rumours)) for seed in range(6)]
    assert {report.scene: report.verdicts for report in reports if report.verdicts} == {}
    assert sum(report.crashes for report in reports) > 6


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found_by_judges_that_know_logs_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, judge = PLANTED[name]
    plant(monkeypatch)
    for seed in range(SEEDS):
        if judge in {verdict.judge for verdict in run_scene(Scene(seed, workload=Rumours)).verdicts}:
            return
    pytest.fail(f"{SEEDS} seeds accuse nobody of {judge}")


def test_the_command_line_runs_it_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    words = Scene(3, workload=Rumours).command().split()
    assert words[-2:] == ["--workload", "tests.simulation.rumours:Rumours"]
    assert main(words[3:]) == 0
    assert "1 seeds, 0 failed" in capsys.readouterr().out
