"""The same cohort gets the same answers wherever the parts of the platform run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from learning import checker
from learning.driver import Directory, Told, come_to_rest, play
from learning.process import EXAMPLES, TOPOLOGIES, Supervised, at_free_ports
from tests.placements.answers import CROWD, CROWDED, Answers, ask_everything, enroll_a_crowd
from tests.placements.deployment import running

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

STUDENTS = 12
SEED = 5
PLACES = ["apart-http", "edges-nats", "four-http", "pairs-nats", "replicas-http", "replicas-nats"]


def played(name: str, folder: Path) -> tuple[Answers, list[Told]]:
    """What the cohort is told and what it can ask afterwards. The stores are counted from outside, too."""
    with running(name, folder) as services:
        told = play(services.urls, students=STUDENTS, seed=SEED)
        crowd = enroll_a_crowd(services.urls)
        come_to_rest(services.urls)
        answers = ask_everything(services.urls, told)
        assert set(services.stop().values()) == {0}
        assert checker.check(checker.read(services.data), [*told, *crowd]) == []
        return answers, [replace(student, retries=0, failures=0) for student in told]


@pytest.fixture(scope="module")
def monolith(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, list[Told]]:
    """What they get from everything in one process."""
    return played("monolith", tmp_path_factory.mktemp("monolith"))


@pytest.mark.parametrize("name", PLACES)
def test_services_give_the_answers_of_the_monolith(
    name: str, monolith: tuple[Answers, list[Told]], tmp_path: Path
) -> None:
    """All topologies: scripts/soak placements."""
    answers, told = played(name, tmp_path)
    assert answers.differences(monolith[0]) == []
    assert told == monolith[1]


def test_everything_is_asked(monolith: tuple[Answers, list[Told]]) -> None:
    answers, told = monolith
    assert len(answers.by_query) > 4 * STUDENTS + sum(len(student.enrolled) for student in told)
    completed = sum(len(student.completed) for student in told)
    assert answers.numbers == set(range(1, completed + 1))
    assert completed > STUDENTS
    _, students = answers.by_query[f"/courses/{CROWDED}/students?status="]
    assert len({line["student"] for line in students}) == len(students) > CROWD, "one page is not enough"
    for outcome in ("refused", "withdrawn", "enrolled"):
        assert any(getattr(student, outcome) for student in told)


def test_one_command_starts_all_services_and_starts_again_what_dies(tmp_path: Path) -> None:
    supervised = Supervised(at_free_ports(TOPOLOGIES / "pairs-http.toml", tmp_path))
    try:
        supervised.start()
        before = supervised.pids()
        assert set(before) == {"office", "school"}
        directory = Directory(supervised.urls)
        os.kill(before["school"], signal.SIGKILL)
        told = play(directory, students=5, seed=SEED)
        come_to_rest(directory)
        after = supervised.pids()
        assert (after["office"], after["school"] != before["school"]) == (before["office"], True)
        assert supervised.stop() == 0
        assert checker.check(checker.read(tmp_path / "data"), told) == []
    finally:
        supervised.kill()


def test_all_services_end_with_whoever_started_them(tmp_path: Path) -> None:
    file = at_free_ports(TOPOLOGIES / "pairs-http.toml", tmp_path)
    program = (
        "import sys, time; from pathlib import Path; from learning.process import Supervised\n"
        f"supervised = Supervised(Path({str(file)!r})); supervised.start(); print(supervised.pid, flush=True)\n"
        "print(*supervised.pids().values(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=EXAMPLES) as starter:
        assert starter.stdout is not None
        processes = [int(pid) for _ in range(2) for pid in starter.stdout.readline().split()]
        assert len(processes) == 3
        starter.kill()
    end = time.monotonic() + 20
    while any(map(runs, processes)):
        assert time.monotonic() < end, "some go on"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
