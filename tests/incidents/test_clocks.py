"""Services whose clocks differ by an hour: deadlines are right, events arrive, and the status says what is so."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.incidents.services import depot, eventually

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others


def running(row: dict[str, Any]) -> dict[str, Any] | None:
    return row if row["state"] == "running" else None


@pytest.mark.parametrize("wrong", [3600, -3600], ids=["ahead", "behind"])
def test_a_service_whose_clock_is_wrong_answers_in_time_and_handles_everything(tmp_path: Path, wrong: int) -> None:
    with depot(tmp_path) as made:
        made.nats.start()
        made.services["mail"].environment["DEPOT_CLOCK"] = str(wrong)
        made.services.start()
        begun = time.monotonic()
        assert made.hand_over(deadline=10.0) == (201, 1)
        assert time.monotonic() - begun < 10.0
        made.send("one")
        eventually(lambda: made.delivered() == [3])
        row = eventually(lambda: running(made.status()["mail.deliver"]))
        assert row["lag"] == 0
        way = "ahead" if wrong > 0 else "behind"
        assert re.fullmatch(rf"the clock of its process is (36|35)\d\d s {way}", row["note"])


def test_a_service_whose_clock_is_a_month_ahead_deletes_only_what_is_old(tmp_path: Path) -> None:
    with depot(tmp_path) as made:
        made.nats.start()
        made.services.start()
        assert made.send("one", key="k1") == 1
        eventually(lambda: made.delivered() == [3])
        made.services.stop()
        store = made.data / "desk.db"
        with closing(sqlite3.connect(store)) as database, database:
            old = ("web", "old", b"", "{}", time.time() - 60 * 86_400.0)
            database.execute("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)", old)
        made.services["desk"].environment.update(DEPOT_CLOCK=str(31 * 86_400), DEPOT_PRUNE="0.2")
        made.services.start()

        def keys() -> list[str]:
            with closing(sqlite3.connect(store)) as database:
                return [key for (key,) in database.execute("SELECT key FROM idempotency")]

        eventually(lambda: "old" not in keys())
        assert made.send("one", key="k1") == 1, "it was done, and is not done again"
        assert made.delivered() == [3]
