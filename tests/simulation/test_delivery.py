"""What the judges of delivery take for an order, and what not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from remit.testing.simulation.judges import Files
from remit.testing.simulation.judges.delivery import judge_delivery
from remit.testing.simulation.judges.files import LogRow


class Written(Files):
    """Logs that were never in a store."""

    def __init__(self, logs: Mapping[str, Sequence[LogRow]]) -> None:
        super().__init__(Path(), tuple(logs))
        self._logs = logs

    def rows(self, context: str, sql: str, *values: str | int) -> list[Any]:
        return []

    def log(self, context: str) -> list[LogRow]:
        return list(self._logs[context])


def log(*messages: tuple[str, str, str]) -> list[LogRow]:
    """A log of messages with one key: the identity of each, its type, and what it comes of."""
    ids = ["", *(id for id, _, _ in messages)]
    return [
        LogRow(0, 0, at, id, ids[at - 1], "k", type, json.dumps({"cause": cause}))
        for at, (id, type, cause) in enumerate(messages, 1)
    ]


@pytest.mark.parametrize(("of_one_log", "judges"), [(True, ["reordered"]), (False, [])])
def test_messages_of_different_logs_have_no_order_among_them(of_one_log: bool, judges: list[str]) -> None:
    said = [("a1", "a.Said", ""), ("a2", "a.Said", "")]
    done = log(("c1", "c.Done", "a2.c.do"), ("c2", "c.Done", "a1.c.do"))
    others = {"a": log(*said)} if of_one_log else {"a": log(said[0]), "b": log(("b1", "b.Said", ""), said[1])}
    verdicts = judge_delivery(Written({**others, "c": done}), {}, (), several=True)
    assert [verdict.judge for verdict in verdicts] == judges
