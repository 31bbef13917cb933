"""A cohort plays over NATS while services and the broker are killed; counted from outside afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.crash import Sizes
from tests.soak.services import crash_services

TOPOLOGY = Path(__file__).with_name("crash.toml")
STUDENTS = 64
KILLS = 8


@pytest.mark.timeout(180)
def test_nothing_is_lost_doubled_or_left_over_when_services_and_their_broker_are_killed(tmp_path: Path) -> None:
    """The broker loses everything once, and a replica comes back when its work is in other hands. Many more kills:
    scripts/soak crash --topology."""
    outcome = crash_services(Sizes(STUDENTS, KILLS, seed=4, topology=str(TOPOLOGY)), tmp_path)
    print(outcome)
    assert outcome.findings == []
    assert outcome.students >= STUDENTS
    assert (outcome.kills, outcome.wipes, outcome.zombies) == (KILLS, 1, 1)
    assert outcome.between >= KILLS / 4
    assert outcome.counts["certificates"] >= STUDENTS / 2
