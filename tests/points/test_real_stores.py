"""A crash and a cancellation at points where a task waits, on the stores that people use.

`scripts/soak points` goes through all of them.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.points.walks import go_through

pytestmark = pytest.mark.timeout(180)  # a process for each point, on a machine that is shared


@pytest.mark.parametrize(("technology", "step"), [("sqlite", 3), ("postgresql", 15)])
def test_nothing_is_lost_or_doubled_wherever_a_process_dies_or_a_caller_gives_up(
    technology: str, step: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if technology == "sqlite":
        store = f"sqlite:{tmp_path}/{{context}}.db"
    else:
        server: str = request.getfixturevalue("server")
        store = f"{server}{'&' if '?' in server else '?'}schema=points_{uuid.uuid4().hex[:8]}_{{context}}"
    gone = go_through(store, step=step)
    assert gone.findings == []
    assert gone.walks >= 8
    assert gone.met >= 0.8 * gone.walks
