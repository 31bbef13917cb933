"""Deleting what is old in a file: tombstones too, through indexes, and without a write where nothing is old."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from remit.log import Channel, MessageRecord, SubscriptionId
from remit.stores import Discard, Park, Unit
from remit.stores.sqlite import statements
from remit.stores.sqlite.store import SqliteStore


async def test_tombstones_are_deleted_by_the_time_of_discarding(tmp_path: Path) -> None:
    mail = SqliteStore(tmp_path / "mail.db", "mail")
    await mail.open()
    place = SubscriptionId("mail.deliver", "desk", Channel.PUBLISHED)
    for pos in (1, 2, 3):
        record = MessageRecord(0, pos, f"m{pos}", f"m{pos - 1}", "ada", "desk.Posted", 1, 0.0, "{}", b"{}")
        await mail.commit(Unit(parks=[Park(place, "ada", record, 0.0, "broken", 0.0)]))
    for pos in (2, 3):
        await mail.commit(Unit(discard=Discard(place, "ada", 0, pos, "no need", float(pos))))
    assert await mail.prune(beats=0.0, outcomes=0.0, tombstones=3.0, limit=1000) == 1
    await mail.close()
    with sqlite3.connect(tmp_path / "mail.db") as database:
        assert database.execute("SELECT pos FROM letter ORDER BY pos").fetchall() == [(1,), (3,)]
    database.close()


async def test_where_nothing_is_old_nobody_is_waited_for(tmp_path: Path) -> None:
    mail = SqliteStore(tmp_path / "mail.db", "mail")
    await mail.open()
    await mail.beat("p1", 10.0, "{}")
    other = sqlite3.connect(tmp_path / "mail.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await mail.prune(beats=9.0, outcomes=9.0, tombstones=9.0, limit=1000) == 0
    other.close()
    await mail.close()


@pytest.mark.parametrize("sql", [statements.OLD, *statements.PRUNE])
async def test_what_is_young_is_not_looked_at(tmp_path: Path, sql: str) -> None:
    mail = SqliteStore(tmp_path / "mail.db", "mail")
    await mail.open()
    await mail.close()
    with sqlite3.connect(tmp_path / "mail.db") as database:
        plan = database.execute(f"EXPLAIN QUERY PLAN {sql}", (0,) * sql.count("?")).fetchall()
    database.close()
    scans = [
        step for *_, step in plan if step.startswith("SCAN") and "heartbeat" not in step and "CONSTANT" not in step
    ]
    assert scans == []
