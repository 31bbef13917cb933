"""A run that fails is made smaller, and told with the command that runs it again."""

from __future__ import annotations

import shlex

import pytest

from remit.testing.simulation import Report, shrink, simulate
from remit.testing.simulation.__main__ import main
from tests.simulation.planted import checkpoint_apart, in_two_transactions


def first_failure(since: int = 0) -> Report:
    """The run of the first seed, from one on, that something is wrong with."""
    return next(report for seed in range(since, 40) if (report := simulate(seed)).verdicts)


def test_a_failing_run_is_made_smaller_until_few_faults_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    in_two_transactions(checkpoint_apart)(monkeypatch)
    found = first_failure(since=2)  # of those before, one has no smaller run with few faults, and one fails without any
    smaller = shrink(found, tries=100)
    assert {verdict.judge for verdict in smaller.verdicts} & {verdict.judge for verdict in found.verdicts}
    assert len(smaller.fired) <= 3 < len(found.fired)
    assert smaller.steps < found.steps
    assert smaller.orders < found.orders


def test_the_command_line_that_is_printed_runs_the_same_failure_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_two_transactions(checkpoint_apart)(monkeypatch)
    assert main(["--seeds", "1", "--seed", str(first_failure().scene.seed)]) == 1
    told = capsys.readouterr().out
    command, *verdicts = told[told.rindex("python -m remit.testing.simulation") :].splitlines()
    assert verdicts
    assert main([*shlex.split(command)[3:], "--no-shrink"]) == 1
    again = capsys.readouterr().out.splitlines()
    assert again[1 : 1 + len(verdicts)] == verdicts


def test_what_does_not_fail_smaller_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    in_two_transactions(checkpoint_apart)(monkeypatch)
    found = first_failure()
    assert shrink(found, tries=0) is found
