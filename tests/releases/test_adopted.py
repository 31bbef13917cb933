"""Data of a release that stored course records as state, and amounts as cents, is served by the present one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from decimal import Decimal
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
PRICE = {"amount": "200.00", "currency": "EUR"}
NO_ROWS_YET = """
    DROP TABLE "row_StudentInCourse_1";
    DELETE FROM checkpoint WHERE subscription = 'learning.StudentInCourse';
"""
"""The earlier release did not have this read model."""


def write_in_cents(data: Path) -> None:
    """Writes the amounts of billing as an earlier release did: as whole cents, in version 1 of all that holds them."""

    def cents(found: Any) -> Any:
        held: Any = found
        if isinstance(found, list):
            return [cents(each) for each in held]
        if not isinstance(found, dict):
            return held
        others = {name: cents(held[name]) for name in held if name not in ("amount", "remit.version")}
        return others | ({"amount_cents": int(Decimal(held["amount"]["amount"]) * 100)} if "amount" in held else {})

    with closing(sqlite3.connect(data / "billing.db")) as store, store:
        for table in ("log", "state"):
            column = {"log": "payload", "state": "body"}[table]
            for row, text in store.execute(f"SELECT rowid, {column} FROM {table}").fetchall():
                written = json.dumps(cents(json.loads(text)))
                store.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (written, row))
        store.execute("UPDATE log SET version = 1")


def enroll(client: Client, student: str) -> None:
    body = {"enrollment": student, "course": STORMING}
    assert client.call("POST", f"/students/{student}/enrollments", body)[0] == 201
    client.until(lambda: client.call("GET", f"/enrollments/{student}/progress"), lambda answer: answer[0] == 200)


def score(client: Client, student: str, module: str, score: int) -> tuple[int, Any]:
    return client.call("POST", f"/enrollments/{student}/modules/{module}", {"score": score})


def test_what_an_earlier_release_has_stored_goes_on(tmp_path: Path) -> None:
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
        write_in_cents(services.data)

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
        invoices = [client.call("GET", f"/students/{student}/invoices")[1][0] for student in ("ada", "bob")]
        assert [(line["amount"], line["refunded"]) for line in invoices] == [(PRICE, False), (PRICE, True)]
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
