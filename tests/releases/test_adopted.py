"""Data of a release that stored course records as state goes on as streams of events."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from learning import checker
from learning.driver import Client, Directory, Told, come_to_rest, play, students_of
from learning.process import EXAMPLES, TOPOLOGIES
from tests.placements.deployment import deployed
from tests.releases.editions import earlier_release

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

STORMING = "event-storming"
NO_ROWS_YET = """
    DROP TABLE "row_StudentInCourse_1";
    DELETE FROM checkpoint WHERE subscription = 'learning.StudentInCourse';
"""
"""The earlier release did not have this read model."""


def enroll(client: Client, student: str) -> None:
    body = {"enrollment": student, "course": STORMING}
    assert client.call("POST", f"/students/{student}/enrollments", body)[0] == 201
    client.until(lambda: client.call("GET", f"/enrollments/{student}/progress"), lambda answer: answer[0] == 200)


def score(client: Client, student: str, module: str, score: int) -> tuple[int, Any]:
    return client.call("POST", f"/enrollments/{student}/modules/{module}", {"score": score})


def test_course_records_that_were_stored_as_state_go_on_as_streams(tmp_path: Path) -> None:
    with deployed(TOPOLOGIES / "monolith.toml", tmp_path / "run") as (services, _):
        (service,) = services.services.values()
        service.code = earlier_release(tmp_path / "earlier")
        services.start()
        told = play(services.urls, students=4, seed=3)
        client = Client(Directory(services.urls))
        for student in ("ada", "bob", "cleo"):
            enroll(client, student)
        assert score(client, "ada", "big-picture", 30)[0] == 200
        assert client.call("DELETE", "/enrollments/bob")[0] == 200
        come_to_rest(services.urls)
        client.close()
        assert set(services.stop().values()) == {0}
        before = checker.read(services.data)["learning"]
        assert not before.streams
        with closing(sqlite3.connect(services.data / "learning.db")) as store:
            store.executescript(NO_ROWS_YET)

        service.code = EXAMPLES
        services.start()
        told += play(services.urls, students=4, seed=4)
        client = Client(Directory(services.urls))
        assert client.call("GET", "/enrollments/ada/progress")[1]["scores"] == {"big-picture": 30}
        assert score(client, "ada", "big-picture", 90)[0] == 200
        assert score(client, "ada", "design-level", 80)[1]["completed_at"] is not None
        assert score(client, "bob", "big-picture", 90)[0] == 409
        assert client.call("DELETE", "/enrollments/cleo")[0] == 200
        come_to_rest(services.urls)
        listed = {line["student"]: line["status"] for line in students_of(client, STORMING)}
        assert (listed["ada"], listed["cleo"]) == ("completed", "withdrawn")
        client.close()
        assert set(services.stop().values()) == {0}
    stores = checker.read(services.data)
    written = [message.type for message in stores["learning"].log[checker.PRIVATE] if message.key == "ada"]
    assert [type.rpartition(".")[2] for type in written] == [
        "Opened", "ModuleCompleted", "adopted", "ModuleCompleted", "ModuleCompleted", "Completed",
    ]  # fmt: skip
    assert {"ada", "cleo"} <= stores["learning"].streams["CourseRecord"]
    assert "bob" not in stores["learning"].streams["CourseRecord"]
    told += [
        Told("ada", ["ada"], completed=["ada"]),
        *(Told(each, [each], withdrawn=[each]) for each in ("bob", "cleo")),
    ]
    found = checker.check(stores, told)
    unknown = [finding for finding in found if finding.startswith("students of courses: ('bob'")]
    assert len(unknown) == 2, (
        "that a student had withdrawn is no event of the earlier release: the row does not know it"
    )
    assert [finding for finding in found if not finding.startswith("students of courses")] == []
