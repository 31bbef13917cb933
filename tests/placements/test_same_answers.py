"""The same cohort gets the same answers wherever the parts of the platform run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from learning import checker
from learning.driver import Told, come_to_rest, play
from learning.process import TOPOLOGIES, Supervised, at_free_ports
from tests.placements.answers import Answers, ask_everything
from tests.placements.deployment import NAMES, running

STUDENTS = 25
SEED = 12


def played(name: str, folder: Path) -> tuple[Answers, list[Told]]:
    """What the cohort is told and what it can ask afterwards. The stores are counted from outside, too."""
    with running(name, folder) as services:
        told = play(services.urls, students=STUDENTS, seed=SEED)
        come_to_rest(services.urls)
        answers = ask_everything(services.urls, told)
        assert set(services.stop().values()) == {0}
        assert checker.check(checker.read(services.data), told) == []
        return answers, [replace(student, retries=0, failures=0) for student in told]


@pytest.fixture(scope="module")
def monolith(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, list[Told]]:
    """What they get from everything in one process."""
    return played("monolith", tmp_path_factory.mktemp("monolith"))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "monolith"])
def test_services_give_the_answers_of_the_monolith(
    name: str, monolith: tuple[Answers, list[Told]], tmp_path: Path
) -> None:
    answers, told = played(name, tmp_path)
    assert answers.differences(monolith[0]) == []
    assert told == monolith[1]


def test_everything_is_asked(monolith: tuple[Answers, list[Told]]) -> None:
    answers, told = monolith
    assert len(answers.by_query) > 4 * STUDENTS + sum(len(student.enrolled) for student in told)
    completed = sum(len(student.completed) for student in told)
    assert answers.numbers == set(range(1, completed + 1))
    assert completed > STUDENTS
    for outcome in ("refused", "withdrawn", "enrolled"):
        assert any(getattr(student, outcome) for student in told)


def test_one_command_starts_all_services(tmp_path: Path) -> None:
    supervised = Supervised(at_free_ports(TOPOLOGIES / "pairs-http.toml", tmp_path))
    try:
        supervised.start()
        assert set(supervised.pids()) == {"office", "school"}
        told = play(supervised.urls, students=5, seed=SEED)
        come_to_rest(supervised.urls)
        assert supervised.stop() == 0
        assert checker.check(checker.read(tmp_path / "data"), told) == []
    finally:
        supervised.kill()
