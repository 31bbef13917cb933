"""However many keys are parked: what is asked all the time, and what is written about one, is found by an index."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from remit.log import Channel, MessageRecord, SubscriptionId
from remit.stores import Park, Unit
from remit.stores.sqlite import statements, writer
from remit.stores.sqlite.store import SqliteStore

ONE = "subscription=? AND source=? AND channel=? AND part=? AND key=?"
FOUND = {
    statements.AMONG: [f"({ONE})", "(subscription=? AND source=? AND channel=? AND part=?)"],
    statements.DUE: ["parked_due (subscription=? AND source=? AND channel=? AND retry_at<?)", "parked_tried ("],
    writer._IS_PARKED: [f"({ONE})"],
    writer._FAILED_AGAIN: [f"({ONE})"],
    writer._DUE_NOW: [f"({ONE})"],
    writer._UNPARK: [f"({ONE})"],
    statements._RETRY: [f"({ONE})"],
}


@pytest.mark.parametrize("sql", FOUND)
async def test_parked_keys_are_found_by_an_index(tmp_path: Path, sql: str) -> None:
    mail = SqliteStore(tmp_path / "mail.db", "mail")
    await mail.open()
    await mail.close()
    with sqlite3.connect(tmp_path / "mail.db") as database:
        numbered = {int(number) for number in re.findall(r"\?(\d+)", sql)}
        values = (0,) * (max(numbered) if numbered else sql.count("?"))
        plan = [str(step) for *_, step in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    database.close()
    assert [step for step in plan if step.startswith("SCAN parked")] == []
    looks = [step for step in plan if step.startswith("SEARCH parked")]
    assert len(looks) == len(FOUND[sql]), plan
    assert all(index in look for index, look in zip(FOUND[sql], looks, strict=True)), looks


async def test_a_key_with_a_nul_in_it_is_found_among_many(tmp_path: Path) -> None:
    mail = SqliteStore(tmp_path / "mail.db", "mail")
    await mail.open()
    place = SubscriptionId("mail.deliver", "desk", Channel.PUBLISHED)
    for pos, key in enumerate(("nul\0key", "last"), 1):
        record = MessageRecord(0, pos, f"m{pos}", "", key, "desk.Posted", 1, 0.0, "{}", b"{}")
        await mail.commit(Unit(parks=[Park(place, key, record, 0.0, "broken", 0.0)]))
    asked = ["nul\0key", "nul", *(f"k{number}" for number in range(250)), "last"]
    assert await mail.parked_among(place, 0, asked) == {"nul\0key", "last"}
    assert await mail.parked_among(place, 0, ["nul"]) == set()
    assert await mail.parked_among(place, 1, asked) is None
    await mail.close()
