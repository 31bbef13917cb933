"""Logs that are trimmed meanwhile: nothing is deleted that somebody needs, and who needed it says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from remit.runtime.following.history import History
from remit.runtime.upkeep import pruning
from remit.stores.sqlite import statements
from remit.testing.simulation import simulate
from remit.testing.simulation.scene import Scene
from tests.simulation.planted import Plant, beginning_with, keep_quiet_about_history

TRIMMED: Sequence[int] = [seed for seed in range(60) if Scene(seed).trims]


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
def test_logs_are_trimmed_in_some_seeds_and_all_is_well(apart: bool) -> None:
    reports = [simulate(seed, apart=apart) for seed in TRIMMED[:3]]
    assert {report.scene: report.verdicts for report in reports if report.verdicts} == {}
    assert sum(report.deleted > 0 for report in reports) > 1
    assert simulate(TRIMMED[0] + 1, apart=apart).deleted == 0


def test_who_was_put_back_behind_what_is_left_stops() -> None:
    reports = [simulate(seed, restore="billing") for seed in TRIMMED[:2]]
    assert {report.scene: report.verdicts for report in reports if report.verdicts} == {}
    assert any("billing.charge" in report.stopped for report in reports)


def delete_what_is_old(patch: pytest.MonkeyPatch) -> None:
    def handled(positions: Iterable[Mapping[int, int]], part: int, head: int) -> int:
        return head

    patch.setattr(pruning, "_handled", handled)


def report_what_is_there(patch: pytest.MonkeyPatch) -> None:
    """How far the log goes, in place of how far the subscription is."""
    report = History._report

    async def heads(self: History, stands: Any) -> Any:
        seen = await self._feed.heads()
        return await report(self, {**stands, **{part: (pos, "") for part, (pos, _) in seen.items()}})

    patch.setattr(History, "_report", heads)


def forget_where_logs_begin(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(statements, "_FLOOR", "SELECT coalesce(?, ?, ?, ?, ?)")


PLANTED: Mapping[str, tuple[Plant, str, set[str], int]] = {
    "what is old is deleted, handled or not": (delete_what_is_old, "", {"false", "lost", "stuck"}, 8),
    "more is reported than was handled": (report_what_is_there, "", {"false", "lost", "stuck"}, 11),
    "where a log begins is forgotten": (forget_where_logs_begin, "", {"false", "lost", "stuck"}, 5),
    "what is lost is lost in silence": (keep_quiet_about_history, "billing", {"silent"}, 2),
}
"""Each with the seed that found it last."""


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, restore, judges, last = PLANTED[name]
    plant(monkeypatch)
    accused: set[str] = set()
    for seed in beginning_with(last, TRIMMED):
        accused |= {verdict.judge for verdict in simulate(seed, restore=restore).verdicts}
        if accused & judges:
            return
    pytest.fail(f"{len(TRIMMED)} seeds accuse {sorted(accused) or 'nothing'}; one of {sorted(judges)} should be")
