"""Services whose clocks differ by an hour: deadlines are right, events arrive, and the status says what is so."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.incidents.services import depot, eventually


@pytest.mark.parametrize("wrong", [3600, -3600], ids=["ahead", "behind"])
def test_a_service_whose_clock_is_wrong_answers_in_time_and_handles_everything(tmp_path: Path, wrong: int) -> None:
    with depot(tmp_path) as made:
        made.nats.start()
        made.services["mail"].environment["DEPOT_CLOCK"] = str(wrong)
        made.services.start()
        begun = time.monotonic()
        assert made.hand_over(deadline=3.0) == (201, 1)
        assert time.monotonic() - begun < 3.0
        made.send("one")
        eventually(lambda: made.delivered() == [3])
        row = made.status()["mail.deliver"]
        assert row["lag"] == 0
        if wrong > 0:
            assert (row["state"], row["note"]) == ("running", "")
        else:  # from outside it looks like a process that has been gone for an hour, and the status says since when
            assert row["state"] == "silent"
            assert re.fullmatch(r"the last sign of life is 36\d\d s old", row["note"])
