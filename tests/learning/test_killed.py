"""The platform as a real process, killed at random moments while a cohort plays; counted from outside afterwards."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from learning import checker
from learning.driver import Told, come_to_rest, play
from learning.process import Platform
from tests.soak.crash import Sizes, crash

STUDENTS = 12
KILLS = 12
SEED = 20


@pytest.mark.timeout(180)
def test_nothing_is_lost_doubled_or_left_over_when_the_process_is_killed(tmp_path: Path) -> None:
    """Some of its starts are killed as well, before it is ready. Many more kills: scripts/soak crash."""
    outcome = crash(Sizes(STUDENTS, KILLS, SEED), tmp_path / "data")
    print(outcome)
    assert outcome.findings == []
    assert outcome.students >= STUDENTS
    assert outcome.kills == KILLS
    assert outcome.between >= KILLS / 4
    assert outcome.counts["certificates"] >= STUDENTS / 2


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Told]]:
    """A data folder at rest, with what the cohort was told."""
    data = tmp_path_factory.mktemp("played")
    platform = Platform(data)
    try:
        platform.start()
        told = play(platform.url, students=15, seed=SEED)
        come_to_rest(platform.url)
    finally:
        platform.stop()
    return data, told


def test_an_undisturbed_cohort_leaves_nothing_to_find(played: tuple[Path, list[Told]]) -> None:
    data, told = played
    assert checker.check(checker.read(data), told) == []


@pytest.mark.parametrize(
    ("context", "harm", "found"),
    [
        ("certification", "DELETE FROM log WHERE pos = (SELECT max(pos) FROM log)", "certificates"),
        ("certification", "UPDATE log SET payload = json_set(payload, '$.number', 1)", "numbers"),
        ("certification", "UPDATE checkpoint SET pos = pos - 1 WHERE subscription LIKE '%issue%'", "stands at"),
        ("billing", "UPDATE log SET payload = json_set(payload, '$.enrollment', 'nobody')", "no enrollment"),
        ("billing", "UPDATE state SET body = json_set(body, '$.invoices', json('{}'))", "in the accounts"),
        ("billing", "UPDATE log SET type = 'billing.Issued' WHERE type = 'billing.Refunded'", "has 2 invoices"),
        ("enrollment", "UPDATE log SET pos = pos + 1000", "comes after"),
        ("enrollment", "UPDATE state SET body = json_set(body, '$.status', 'pending')", "is pending"),
        ("enrollment", "UPDATE state SET body = json_set(body, '$.status', 'withdrawn')", "was told"),
        ("learning", "UPDATE log SET payload = json_set(payload, '$.score', 1, '$.module', 'm')", "a score was taken"),
        ("learning", "DELETE FROM state WHERE kind = 'learning.CourseRecord'", "course records"),
        ("learning", "UPDATE log SET id = '9999' || key WHERE type = 'learning.Opened'", "course records of"),
    ],
)  # fmt: skip
def test_the_checker_sees_what_is_wrong(
    played: tuple[Path, list[Told]], tmp_path: Path, context: str, harm: str, found: str
) -> None:
    data, told = played
    shutil.copytree(data, tmp_path / "harmed")
    with closing(sqlite3.connect(tmp_path / "harmed" / f"{context}.db")) as store, store:
        assert store.execute(harm).rowcount > 0
    findings = checker.check(checker.read(tmp_path / "harmed"), told)
    assert any(found in finding for finding in findings), findings


@pytest.mark.parametrize(
    ("context", "change", "owed"),
    [
        ("certification", "UPDATE checkpoint SET pos = pos - 1 WHERE subscription LIKE '%issue%'", "issue_certificate"),
        ("enrollment", "UPDATE state SET body = json_set(body, '$.status', 'pending')", "pending enrollments"),
        ("enrollment", "DELETE FROM checkpoint WHERE subscription LIKE '%settle%'", "settle_what_is_pending"),
    ],
)
def test_what_is_owed_is_seen_at_a_glance(
    played: tuple[Path, list[Told]], tmp_path: Path, context: str, change: str, owed: str
) -> None:
    data, _ = played
    assert checker.owed(checker.read(data, glance=True)) == {}
    shutil.copytree(data, tmp_path / "changed")
    with closing(sqlite3.connect(tmp_path / "changed" / f"{context}.db")) as store, store:
        assert store.execute(change).rowcount > 0
    seen = checker.owed(checker.read(tmp_path / "changed", glance=True))
    assert seen == checker.owed(checker.read(tmp_path / "changed"))
    assert list(seen) == [owed]
