"""`scripts/soak` as people call it: what it prints, and its exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ablations.cases import CASES
from tests.ablations.running import Run
from tests.soak import ablations

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

ROOT = Path(__file__).parents[2]


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What scripts/soak runs, in the environment that runs this test."""
    path = os.pathsep.join([str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "tests.soak", *arguments]
    environment = os.environ | {"PYTHONPATH": path, "COLUMNS": "120"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("test", ["", "crash", "placements", "ablations", "size", "simulation", "programs"])
def test_every_long_test_explains_itself(test: str) -> None:
    shown = soak(*test.split(), "--help")
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"usage: {f'scripts/soak {test}'.strip()} ")


def test_a_cohort_that_comes_through_is_counted() -> None:
    ran = soak("crash", "--students", "40", "--kills", "2", "--seed", "3")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2  of 2 kills of the running platform" in ran.stdout
    assert "0  findings" in ran.stdout
    assert "everything holds" in ran.stdout


def test_housekeeping_on_a_filled_server_deletes_and_keeps_nobody_waiting() -> None:
    """In so few rows there is no throughput to be judged."""
    ran = soak("size", "--rows", "64000", "--windows", "1", "--json")
    outcome = json.loads(ran.stdout)
    assert outcome["deleted"] >= 2000
    assert outcome["waited"] == 0
    assert ran.returncode == (1 if outcome["findings"] else 0)


def test_a_finding_ends_with_exit_code_1_and_keeps_the_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topology = tmp_path / "unknown.toml"
    topology.write_text('unknown = 1\n[services.all]\ncontexts = "all"\n')
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ran = soak("crash", "--students", "1", "--kills", "4", "--topology", str(topology), "--json")
    assert ran.returncode == 1
    outcome = json.loads(ran.stdout)
    assert outcome["sizes"] == {"students": 1, "kills": 4, "seed": 1, "store": "sqlite", "topology": str(topology)}
    (finding,) = outcome["findings"]
    assert "there is no setting 'unknown' here" in finding
    assert Path(ran.stderr.split()[-1]).parent.exists(), ran.stderr


def test_the_cohort_goes_on_until_the_last_kill() -> None:
    ran = soak("crash", "--students", "1", "--kills", "8", "--json")
    outcome = json.loads(ran.stdout)
    assert (ran.returncode, outcome["findings"]) == (0, []), ran.stderr
    assert outcome["kills"] == 8
    assert outcome["students"] > 8


def test_ctrl_c_ends_it_and_everything_it_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, "-m", "tests.soak", "crash", "--kills", "500"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")])
    }
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        for rehearses in (True, False):  # it has begun, and is over: the next start is one that is to be killed
            while bool(list(tmp_path.glob("tmp*"))) is not rehearses and run.poll() is None:
                time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=20)  # its platforms write there too: it ends when all of them have ended
    assert run.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_the_simulation_runs_with_every_kind_of_mishap() -> None:
    ran = soak("simulation", "--seeds", "1", "--seed", "4")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("1 seeds, 0 failed") == 5


def test_generated_programs_are_run_and_logged(tmp_path: Path) -> None:
    log = tmp_path / "programs.log"
    ran = soak("programs", "--count", "3", "--seed", "2", "--log", str(log))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3  programs" in ran.stdout
    assert "everything holds, with generator seed 2" in ran.stdout
    assert [line.split(":")[0] for line in log.read_text().splitlines()] == ["2000000 +3"]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({True: [], False: []}, "without it, in 3 tries nothing is found like: "),
        ({True: ["something"], False: ["something else"]}, "with it: something"),
    ],
)
def test_a_layer_whose_absence_nobody_notices_is_a_finding(
    found: dict[bool, list[str]], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, whole: bool, **__: object) -> Run:
        return Run(findings=found[whole], disturbances={"school": 1})

    monkeypatch.setattr(ablations, "run", run)
    monkeypatch.setattr(ablations, "CASES", [CASES[0]._replace(finds="something else")])
    (ablated,) = ablations.take_away_each(1, 1, 1, tmp_path, lambda _: None)
    assert any(finding.startswith(told) for finding in ablated.findings)


def test_nothing_chosen_is_explained() -> None:
    ran = soak()
    assert (ran.returncode, ran.stderr) == (2, "")
    assert ran.stdout.startswith("usage: scripts/soak ")
