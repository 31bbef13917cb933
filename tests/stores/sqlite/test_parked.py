"""However many keys are parked: what is asked all the time, and what is written about one, is found by an index."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from remit.stores.sqlite import SqliteStore, parked, writer

ONE = "subscription=? AND source=? AND channel=? AND part=? AND key=?"
FOUND = {
    parked.AMONG: [f"({ONE})", "(subscription=? AND source=? AND channel=? AND part=?)"],
    parked.DUE: ["parked_due (subscription=? AND source=? AND channel=? AND retry_at<?)", "parked_tried ("],
    writer._IS_PARKED: [f"({ONE})"],
    writer._FAILED_AGAIN: [f"({ONE})"],
    writer._DUE_NOW: [f"({ONE})"],
    writer._UNPARK: [f"({ONE})"],
    parked._RETRY: [f"({ONE})"],
}


@pytest.mark.parametrize("sql", FOUND)
async def test_parked_keys_are_found_by_an_index(tmp_path: Path, sql: str) -> None:
    mail = SqliteStore(tmp_path / "mail.db", "mail")
    await mail.open()
    await mail.close()
    with sqlite3.connect(tmp_path / "mail.db") as database:
        values = (0,) * (6 if "?6" in sql else 5 if "?5" in sql else sql.count("?"))
        plan = [str(step) for *_, step in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    database.close()
    assert [step for step in plan if step.startswith("SCAN parked")] == []
    looks = [step for step in plan if step.startswith("SEARCH parked")]
    assert len(looks) == len(FOUND[sql]), plan
    assert all(index in look for index, look in zip(FOUND[sql], looks, strict=True)), looks
