"""An event that cannot be handled stops the events of its student, nobody else's, until somebody has done something."""

from pathlib import Path
from typing import Any

import pytest

from learning import checker
from learning.driver import Client, Directory
from learning.process import Platform

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

SUBSCRIPTION = "learning.follow_enrollment"


def enroll(client: Client, student: str, course: str) -> None:
    body = {"enrollment": f"{student}.{course}", "course": course}
    assert client.call("POST", f"/students/{student}/enrollments", body)[0] == 201


def transcript(client: Client, student: str) -> tuple[int, Any]:
    """A fresh answer cannot be had while something on its way is parked: 503 then."""
    return client.once("GET", f"/students/{student}/transcript?fresh=true")


def test_a_poisoned_event_parks_its_student_only_and_drains_in_order_after_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tmp_path / "written"
    monkeypatch.setenv("CURRICULUM", str(written))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=":")
    platform = Platform(tmp_path / "data", "alchemy:platform")
    try:
        platform.start()
        client = Client(Directory([platform.url]))
        enroll(client, "ada", "alchemy")
        enroll(client, "ada", "event-storming")
        enroll(client, "bob", "event-storming")

        assert transcript(client, "ada")[1]["code"] == "state.stale"
        assert client.call("GET", "/enrollments/bob.event-storming/progress")[0] == 200
        assert client.call("GET", "/enrollments/ada.event-storming/progress")[0] == 404
        status = platform.remit("status", platform.system)
        assert status.returncode == 1
        assert "parked" in status.stdout
        shown = platform.remit("parked", "show", "ada").stdout
        assert "alchemy" in shown
        assert shown.count("enrollment.StudentEnrolled") == 2

        assert platform.stop() == 0
        written.touch()
        platform.start()
        retried = platform.remit("parked", "retry", SUBSCRIPTION, "--key", "ada")
        assert (retried.returncode, retried.stderr) == (0, "")
        _, lines = client.until(lambda: transcript(client, "ada"), lambda answer: answer[0] == 200)
        assert [line["course"] for line in lines] == ["alchemy", "event-storming"]
        assert platform.remit("status", platform.system).returncode == 0
        client.close()
        assert platform.stop() == 0
    finally:
        platform.kill()
    stores = checker.read(tmp_path / "data")
    assert checker.check(stores) == []
