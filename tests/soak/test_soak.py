"""`scripts/soak` as people call it: what it prints, and its exit codes.

Most of it runs in this process, whose services need not start from nothing.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from remit.testing.simulation.judges import Verdict
from tests.ablations.cases import CASES
from tests.ablations.running import Run
from tests.programs.play import Played
from tests.soak import ablations, real, size
from tests.soak.__main__ import MISHAPS, main

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

ROOT = Path(__file__).parents[2]


class Ran(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Soak = Callable[..., Ran]


@pytest.fixture
def soak(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Soak:
    """What scripts/soak runs."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: str) -> Ran:
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capfd.readouterr()
        return Ran(code, said.out, said.err)

    return run


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path, "COLUMNS": "120"}


@pytest.mark.parametrize(
    "test", ["", "crash", "placements", "ablations", "size", "simulation", "points", "programs", "values"]
)
def test_every_long_test_explains_itself(soak: Soak, test: str) -> None:
    shown = soak(*test.split(), "--help")
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"usage: {f'scripts/soak {test}'.strip()} ")


def test_programs_run_as_processes_and_leave_a_line(soak: Soak, tmp_path: Path) -> None:
    log = tmp_path / "programs.log"
    ran = soak("programs", "--real", "sqlite", "--only", "4", "--count", "2", "--log", str(log))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2  programs" in ran.stdout
    assert "everything holds, with real processes on sqlite" in ran.stdout
    assert log.read_text().startswith("sqlite 4 +2: ")


def test_a_program_that_fails_is_told_with_all_that_runs_it_again(
    soak: Soak, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def failing(*_: object, **__: object) -> Played:
        verdicts = [Verdict("lost", "something is gone")]
        return Played("nats", 41, "the program", "the topology", tmp_path, verdicts)

    monkeypatch.setattr(real, "play", failing)
    ran = soak("programs", "--real", "nats", "--count", "1", "--log", str(tmp_path / "programs.log"))
    assert ran.returncode == 1
    for said in ("lost: something is gone", "--real nats --only 41", "the program", "the topology", str(tmp_path)):
        assert said in ran.stdout


def test_a_cohort_that_comes_through_is_counted(soak: Soak) -> None:
    ran = soak("crash", "--students", "40", "--kills", "2", "--seed", "3")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2  of 2 kills of the running platform" in ran.stdout
    assert "0  findings" in ran.stdout
    assert "everything holds" in ran.stdout


def test_housekeeping_on_a_filled_server_deletes_and_keeps_nobody_waiting(
    soak: Soak, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In so few rows there is no throughput to be judged, however long one measures."""
    monkeypatch.setattr(size, "WINDOW", 1.5)
    monkeypatch.setattr(size, "TURNS", 1)
    ran = soak("size", "--rows", "64000", "--windows", "1", "--json")
    outcome = json.loads(ran.stdout)
    assert outcome["deleted"] >= 2000
    assert outcome["waited"] == 0
    assert ran.returncode == (1 if outcome["findings"] else 0)


def test_a_finding_ends_with_exit_code_1_and_keeps_the_stores(
    soak: Soak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    topology = tmp_path / "unknown.toml"
    topology.write_text('unknown = 1\n[services.all]\ncontexts = "all"\n')
    ran = soak("crash", "--students", "1", "--kills", "4", "--topology", str(topology), "--json")
    assert ran.returncode == 1
    outcome = json.loads(ran.stdout)
    assert outcome["sizes"] == {"students": 1, "kills": 4, "seed": 1, "store": "sqlite", "topology": str(topology)}
    (finding,) = outcome["findings"]
    assert "there is no setting 'unknown' here" in finding
    assert Path(ran.stderr.split()[-1]).parent.exists(), ran.stderr


def test_the_cohort_goes_on_until_the_last_kill(soak: Soak) -> None:
    ran = soak("crash", "--students", "1", "--kills", "4", "--json")
    outcome = json.loads(ran.stdout)
    assert (ran.returncode, outcome["findings"]) == (0, []), ran.stderr
    assert outcome["kills"] == 4
    assert outcome["students"] > 4


def test_ctrl_c_ends_it_and_everything_it_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, "-m", "tests.soak", "crash", "--kills", "500"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as run:
        for rehearses in (True, False):  # it has begun, and is over: the next start is one that is to be killed
            while bool(list(tmp_path.glob("tmp*"))) is not rehearses and run.poll() is None:
                time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=20)  # its platforms write there too: it ends when all of them have ended
    assert run.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_the_simulation_runs_with_every_kind_of_mishap(soak: Soak) -> None:
    ran = soak("simulation", "--seeds", "1", "--seed", "4")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("1 seeds, 0 failed") == len(MISHAPS)


def test_generated_programs_are_run_and_logged(soak: Soak, tmp_path: Path) -> None:
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
    """By a process, as scripts/soak starts it."""
    command = [sys.executable, "-m", "tests.soak"]
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (2, "")
    assert ran.stdout.startswith("usage: scripts/soak ")
