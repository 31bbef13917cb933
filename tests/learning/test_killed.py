"""The platform as a real process, killed at random moments while a cohort plays; counted from outside afterwards."""

import random
import shutil
import sqlite3
import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from learning import checker
from learning.driver import Told, play
from learning.process import Platform

STUDENTS = 600
KILLS = 50
SEED = 20
UPTIME_SECONDS = (0.0, 0.15)


@contextmanager
def running(data: Path) -> Generator[Platform]:
    platform = Platform(data)
    try:
        yield platform
    finally:
        platform.kill()


def come_to_rest(url: str) -> None:
    """A fresh answer waits until everything that happened before has reached it; so one per context is enough."""
    for what in ("enrollments", "invoices", "transcript", "certificates"):
        with urlopen(f"{url}/students/nobody/{what}?fresh=true", timeout=60) as answer:
            answer.read()


def kill_again_and_again(platform: Platform, data: Path, cohort: Future[list[Told]]) -> list[dict[str, int]]:
    """What was owed at each kill: the moment is random, and nothing waits for a good one."""
    moments = random.Random(SEED)
    owed: list[dict[str, int]] = []
    while len(owed) < KILLS:
        time.sleep(moments.uniform(*UPTIME_SECONDS))
        platform.kill()
        assert not cohort.done(), f"the cohort was through after {len(owed)} kills: {cohort.result()[:1]}"
        owed.append(checker.owed(checker.read(data)))
        platform.start()
    return owed


@pytest.mark.timeout(300)
def test_nothing_is_lost_doubled_or_left_over_when_the_process_is_killed_fifty_times(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as platform, ThreadPoolExecutor(1) as pool:
        cohort = pool.submit(play, platform.url, students=STUDENTS, seed=SEED)
        owed = kill_again_and_again(platform, data, cohort)
        told = cohort.result()
        come_to_rest(platform.url)
        assert platform.stop() == 0

    stores = checker.read(data)
    assert checker.check(stores, told) == []
    between = [what for what in owed if what]
    print(f"{len(owed)} kills, {len(between)} of them between a commit and its consequence")
    print(f"{sum(student.retries for student in told)} retries; {checker.counts(stores)}")
    assert len(between) * 2 >= len(owed), owed
    assert checker.counts(stores)["certificates"] >= STUDENTS / 2


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Told]]:
    """A data folder at rest, with what the cohort was told."""
    data = tmp_path_factory.mktemp("played")
    with running(data) as platform:
        told = play(platform.url, students=15, seed=SEED)
        come_to_rest(platform.url)
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
        ("learning", "DELETE FROM state WHERE kind = 'learning.CourseRecord'", "course records"),
        ("learning", "UPDATE state SET body = json_set(body, '$.opened_at', '9999' || id)", "course records of"),
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
