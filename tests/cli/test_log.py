"""Where logs begin and end, who follows them, and how a person lets a subscription go on that cannot by itself."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from remit.log import Channel
from remit.stores import Entry, Unit
from remit.stores.sqlite.store import SqliteStore
from tests.cli.program import SYSTEM, Office

NAME = "mail.deliver"


def seen(office: Office, *command: str) -> Any:
    """What a command of `remit log` prints as JSON."""
    done = office.remit("log", *command, SYSTEM, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def desk(office: Office, *texts: str, trim: bool = False) -> None:
    """Publishes letters for ada while nothing runs. With `trim`, first deletes everything, as if it had become old and
    nobody had been heard of who needs it."""

    async def write() -> None:
        store = SqliteStore(office.data / "desk.db", "desk")
        await store.open()
        for part in range(16) if trim else ():
            await store.trim(Channel.PUBLISHED, part, upto=1_000_000, before=time.time() + 1, limit=1_000_000)
        for text in texts:
            payload = json.dumps({"box": "ada", "text": text}).encode()
            entry = Entry(Channel.PUBLISHED, "ada", f"ada-{text}", "desk.LetterPosted", 1, time.time(), "{}", payload)
            await store.commit(Unit(entries=[entry]))
        await store.close()

    asyncio.run(write())


def published(office: Office) -> dict[str, Any]:
    rows: list[dict[str, Any]] = seen(office, "heads")
    return next(row for row in rows if (row["context"], row["channel"]) == ("desk", "published"))


def test_heads_say_what_was_written_deleted_and_kept(office: Office) -> None:
    office.post("ada", "one", "two")
    row = published(office)
    assert (row["written"], row["deleted"], row["kept"]) == (2, 0, 2)
    desk(office, "three", trim=True)
    row = published(office)
    assert (row["written"], row["deleted"], row["kept"]) == (3, 2, 1)
    assert [(part["floor"], part["head"]) for part in row["partitions"]] == [(2, 3)]
    shown = office.remit("log", "heads", SYSTEM).stdout.splitlines()
    assert shown[0].split() == ["CONTEXT", "CHANNEL", "WRITTEN", "DELETED", "KEPT", "LAST"]
    assert ["desk", "published", "3", "2", "1"] in [line.split()[:5] for line in shown]


def test_subscribers_are_shown_and_forgotten(office: Office) -> None:
    assert office.remit("log", "heads", SYSTEM).returncode == 2, "there is no store yet, and looking makes none"
    office.post("ada", "one")
    rows = seen(office, "subscribers")
    row = next(row for row in rows if row["subscription"] == NAME)
    assert (row["source"], row["channel"], row["keeps"]) == ("desk", "published", True)
    assert NAME in office.remit("log", "subscribers", SYSTEM).stdout
    forgotten = office.remit("log", "forget", NAME, "--source", "desk")
    assert (forgotten.returncode, forgotten.stdout) == (0, f"the log of desk is no longer kept for {NAME}\n")
    assert [row for row in seen(office, "subscribers") if row["subscription"] == NAME] == []
    again = office.remit("log", "forget", NAME, "--source", "desk")
    assert (again.returncode, "log.unknown" in again.stderr) == (2, True)


def test_what_can_go_on_by_itself_is_left_alone(office: Office) -> None:
    office.post("ada", "one")
    assert office.deliver("ada") == ["one"]
    refused = office.remit("log", "accept", NAME, "--source", "desk", "--from", "head")
    assert (refused.returncode, "log.intact" in refused.stderr) == (2, True)
    wrong = office.remit("log", "accept", NAME, "--source", "desk", "--from", "yesterday")
    assert (wrong.returncode, "cli.usage" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(("begin", "boxes"), [("floor", ["one", "four"]), ("head", ["one"])])
def test_a_lost_source_is_accepted_while_it_runs(office: Office, begin: str, boxes: list[str]) -> None:
    office.post("ada", "one")
    assert office.deliver("ada") == ["one"]
    desk(office, "two", "three")
    desk(office, "four", trim=True)
    with office.running() as running:
        code, row = office.wait_for(lambda row: row["state"] == "lost-source")
        assert code == 1
        assert row["note"].endswith("the source's log begins with message 4, the checkpoint stands at 1")
        accepted = office.remit("log", "accept", NAME, "--source", "desk", "--from", begin)
        assert accepted.returncode == 0, accepted.stderr
        office.wait_for(lambda row: (row["state"], row["lag"]) == ("running", 0))
        assert running.get("/boxes/ada") == (200, boxes)


def test_what_was_skipped_is_missed_until_that_is_accepted_too(office: Office) -> None:
    office.post("ada", "one")
    assert office.deliver("ada") == ["one"]
    here = ("log", "accept", NAME, "--source", "desk", "--from", "here")
    refused = office.remit(*here)
    assert (refused.returncode, "log.intact" in refused.stderr, "missed nothing" in refused.stderr) == (2, True, True)
    desk(office, "two", "three")
    desk(office, "four", trim=True)
    assert office.remit(*here[:-1], "head").returncode == 0
    accepted = office.remit(*here)
    assert accepted.returncode == 0
    assert accepted.stdout.endswith("up to 4 no longer count as missed\n"), accepted.stdout
    assert office.remit(*here).returncode == 2


def test_a_restored_source_is_accepted_from_the_time_of_its_backup(office: Office) -> None:
    """Two letters were delivered, the backup has one of them, and two others were written after it was restored."""
    office.post("ada", "one")
    assert office.deliver("ada") == ["one"]
    desk(office, "lost")
    assert office.deliver("ada") == ["one", "lost"]
    with sqlite3.connect(office.data / "desk.db") as backup:
        backup.execute("DELETE FROM log WHERE id = 'ada-lost'")
    backup.close()
    restored = datetime.now(UTC).isoformat()
    desk(office, "two", "three")
    with office.running() as running:
        office.wait_for(lambda row: row["state"] == "regressed")
        accepted = office.remit("log", "accept", NAME, "--source", "desk", "--from", restored)
        assert accepted.returncode == 0, accepted.stderr
        office.wait_for(lambda row: (row["state"], row["lag"]) == ("running", 0))
        assert running.get("/boxes/ada") == (200, ["one", "lost", "two", "three"])
