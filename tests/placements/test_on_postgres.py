"""The same cohort gets the same answers wherever the parts of the platform run, with their stores in PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from learning import checker
from learning.driver import Client, Directory, Told, come_to_rest, play
from learning.process import EXAMPLES, REMIT, TOPOLOGIES
from tests.placements.answers import Answers, ask_everything, enroll_a_crowd
from tests.placements.databases import PASSWORD, Databases, Layout, running_on

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

STUDENTS = 8
SEED = 21


def played(databases: Databases, name: str, folder: Path) -> tuple[Answers, list[Told]]:
    """What the cohort is told and what it can ask afterwards. The stores are counted from outside, too."""
    with running_on(databases, TOPOLOGIES / f"{name}.toml", folder) as services:
        told = play(services.urls, students=STUDENTS, seed=SEED)
        crowd = enroll_a_crowd(services.urls)
        come_to_rest(services.urls)
        answers = ask_everything(services.urls, told)
        assert set(services.stop().values()) == {0}
        assert checker.check(databases.read(), [*told, *crowd]) == []
        return answers, [replace(student, retries=0, failures=0) for student in told]


@pytest.fixture(scope="module")
def monolith(server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, list[Told]]:
    """What they get from everything in one process."""
    return played(Databases(server), "monolith", tmp_path_factory.mktemp("monolith"))


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("replicas-nats", "postgres"),
        ("four-http", "postgres-databases"),
        ("postgresql/four", "postgres-roles"),
    ],
)
def test_services_give_the_answers_of_the_monolith(
    name: str, layout: Layout, monolith: tuple[Answers, list[Told]], server: str, tmp_path: Path
) -> None:
    """All topologies in a layout: scripts/soak placements --store postgres-roles."""
    answers, told = played(Databases(server, layout), name, tmp_path)
    assert answers.differences(monolith[0]) == []
    assert told == monolith[1]
    assert sum(len(student.completed) for student in told) > STUDENTS / 2


def test_every_command_works_over_stores_in_postgres_and_none_shows_a_password(server: str, tmp_path: Path) -> None:
    databases = Databases(server)
    said: list[str] = []

    def remit(*arguments: str, code: int | None = 0) -> str:
        ran = subprocess.run(
            [REMIT, *arguments], cwd=EXAMPLES, env=os.environ | services.environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        said.extend((ran.stdout, ran.stderr))
        assert code in (None, ran.returncode), ran.stdout + ran.stderr
        return ran.stdout

    with running_on(databases, TOPOLOGIES / "pairs-http.toml", tmp_path) as services:
        file = str(services.file)
        fields = '{"enrollment": "e-1", "student": "ada", "course": "event-storming"}'
        assert remit("send", file, "Enroll", fields) == '"e-1"\n'
        assert "e-1" in remit("ask", file, "Enrollments", '{"student": "ada"}', "--fresh")
        rows = json.loads(remit("status", file, "--json", code=None))["subscriptions"]  # it may have just begun
        assert [row["lag"] for row in rows] == [0] * len(rows)
        assert remit("parked", "list", "--store", file) == "nothing is parked\n"
        for option in ([], ["--json"], ["--mermaid"]):
            assert "postgresql" in remit("plan", file, *option)
        services.stop()
        remit("status", file, code=1)  # nobody runs what it shows
        services.environment["STORES"] = databases.place.replace(databases.name, "no_such_database")
        remit("status", file, code=2)
        logs = [service.log() for service in services.services.values()]
    assert PASSWORD not in "".join([*said, *logs])
    assert "no such database" in "".join(said)


def test_what_was_published_is_read_also_while_its_service_is_down(server: str, tmp_path: Path) -> None:
    """PostgreSQL as the broker: who follows needs the database, and nobody who runs."""
    with running_on(Databases(server, "postgres-roles"), TOPOLOGIES / "postgresql/four.toml", tmp_path) as services:
        assert services["learning"].stop() == 0
        fields = '{"enrollment": "e-1", "student": "ada", "course": "event-storming"}'
        assert services.remit("send", "Enroll", fields).stdout == '"e-1"\n'
        for name in ("enrollment", "billing", "certification"):
            assert services[name].stop() == 0
        services["learning"].start()
        client = Client(Directory([services["learning"].url]))
        end = time.monotonic() + 20
        while not client.call("GET", "/students/ada/transcript")[1]:
            assert time.monotonic() < end, services["learning"].log()
            time.sleep(0.05)  # asked again: nothing tells another process that an answer has changed
        client.close()
        assert services["learning"].stop() == 0
