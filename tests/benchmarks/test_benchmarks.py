"""The measurements can be run, and what they say follows from what was measured. No duration is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import rounds
from benchmarks.areas import Area, AtMost, Measurement, Times, Variant
from benchmarks.report import Row
from benchmarks.rounds import Plan, Results
from benchmarks.sampling import Sample

ROOT = Path(__file__).parents[2]

COSTS = Measurement(
    "costs", "µs/call", "ours", peers=("peer",), limits=("limit",),
    targets=(AtMost(6.0), Times("peer", 10)), less_is_better=True,
)  # fmt: skip


def measured(**values: list[float]) -> Row:
    results = Results()
    for name, found in values.items():
        results.samples[name] = {number: Sample(value) for number, value in enumerate(found)}
    return Row(COSTS, results)


def quick_rows(areas: list[str], folder: Path, *options: str) -> list[dict[str, Any]]:
    """What the command writes about areas, without peers."""
    written = folder / "rows.json"
    command = [*areas, "--quick", "--without-peers", "--json", str(written), *options]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *command],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no peer was measured" in done.stdout
    rows: list[dict[str, Any]] = json.loads(written.read_text())
    return rows


def test_the_command_runs_without_peers_and_writes_its_rows(tmp_path: Path) -> None:
    rows = quick_rows(["dispatch", "sqlite"], tmp_path, "--data", str(tmp_path))
    assert [row["area"] for row in rows] == ["dispatch"] + ["sqlite"] * 5
    for row in rows:
        assert {"name", "ours", "peers", "limit", "ratio", "target", "met"} <= set(row)
        assert row["ours"] > 0
        assert all(value > 0 for value in row["limit"].values())
        assert all(row["ratio"][limit] > 0 for limit in row["limit"])
        assert set(row["peers"].values()) <= {None}
        assert row["target"]


@pytest.mark.timeout(300)  # processes share their machine with others
def test_services_are_measured_as_real_processes_with_a_real_broker(tmp_path: Path) -> None:
    # Not in that folder: PostgreSQL's own user may not look into it. What others do by hand, and
    # services at rest, are measured by .ci/run.
    rows = quick_rows(["relay"], tmp_path, "--only", "remit")
    assert [row["area"] for row in rows] == ["relay"] * 5
    assert all(row["ours"] > 0 and not row["failures"] for row in rows)


def test_a_ratio_is_the_median_of_its_rounds_and_says_how_many_times_as_good_ours_is() -> None:
    row = measured(ours=[2.0, 4.0, 5.0], peer=[40.0, 40.0, 40.0], limit=[1.0, 1.0, 1.0])
    assert (row.ours, row.ratio("peer"), row.ratio("limit")) == (4.0, 10.0, 0.25)


def test_a_measurement_is_met_when_all_of_its_targets_are() -> None:
    assert measured(ours=[4.0], peer=[40.0]).met is True
    assert measured(ours=[4.0], peer=[39.0]).met is False
    assert measured(ours=[7.0], peer=[70.0]).met is False


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert measured(ours=[4.0]).met is None
    assert measured(peer=[40.0]).met is None
    assert measured(ours=[7.0]).met is False


def test_no_round_begins_that_would_end_too_late() -> None:
    plan = Plan(5, quick=True, data=None, minutes=1)
    assert [plan.has_time_for(number, 20.0 * number) for number in range(4)] == [True, True, True, False]
    area = Area("trial", "Trial", (Variant("whole", "benchmarks.dispatch.limit:run_sync"),), (COSTS,), ())
    results = rounds.run_area(area, Plan(5, quick=True, data=None, minutes=0), lambda what, done: None)
    assert len(results.values("whole")) == 1


def test_a_variant_that_cannot_run_says_why_and_does_not_end_the_others() -> None:
    variants = (Variant("broken", "benchmarks.nowhere:run"), Variant("whole", "benchmarks.dispatch.limit:run_sync"))
    area = Area("trial", "Trial", variants, (COSTS,), ())
    results = rounds.run_area(area, Plan(1, quick=True, data=None), lambda what, done: None)
    assert "No module named 'benchmarks.nowhere'" in results.failures["broken"]
    assert results.values("whole")
