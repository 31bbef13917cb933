"""A crash and a cancellation at every point where a task waits, on the stores that people use."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.points.walk import ORDERS, Job

pytestmark = pytest.mark.timeout(300)  # a process for each point

ROOT = Path(__file__).parents[2]


class Walks:
    """Walks on one store."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._count = 0

    def walk(self, place: str = "", kind: str = "", *, name: str = "") -> tuple[str, int, dict[str, Any] | None]:
        """The name of the walk, how its process ended, and what it said."""
        self._count += 1
        job: Job = {"name": name or f"w{self._count}", "place": place, "kind": kind}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return job["name"], told["status"], told["said"]


@contextmanager
def walks(store: str) -> Generator[Walks]:
    """The process that walks are forked off from."""
    command = [sys.executable, "-m", "tests.points.walk", store]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield Walks(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Stores that outlive a process."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/{{context}}.db"
    server: str = request.getfixturevalue("server")
    return f"{server}{'&' if '?' in server else '?'}schema=points_{uuid.uuid4().hex[:8]}_{{context}}"


def wrong(said: dict[str, Any]) -> list[str]:
    """What of an order is not where it should be, once, and in the order of placing."""
    found = [] if said["ordered"] == len(ORDERS) else [f"{said['ordered']} orders"]
    for name in ("stock", "dock", "notices"):
        expected = [order for order in ORDERS if name != "stock" or "sold-out" not in order]
        names = said[name]
        if sorted(names) != sorted(expected) or (names[0], names[-1]) != (expected[0], expected[-1]):
            found.append(f"{name}: {names}")
    return found


def test_nothing_is_lost_or_doubled_wherever_a_process_dies_or_a_caller_gives_up(store: str) -> None:
    with walks(store) as process:
        quiet = [said for _, _, said in (process.walk(), process.walk()) if said]
        assert [wrong(said) for said in quiet] == [[], []]
        places: dict[str, bool] = {place: can for said in quiet for place, can in said["places"].items()}
        findings, met = [], 0
        for place, cancellable in places.items():
            for kind in ("crash", "cancel")[: 1 + cancellable]:
                name, status, said = process.walk(place, kind)
                met += status < 0 or bool(said and said["met"])
                _, status, said = process.walk(name=name)
                findings += [f"{kind} at {place}: {each}" for each in (wrong(said) if said else [f"ended with {status}"])]
    assert findings == []
    assert met > 0.9 * len(places)
    print(len(places), met)
