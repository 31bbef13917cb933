"""Walks on one store, with something happening at one point in each: what they leave behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.points.walk import ORDERS, Job

__all__ = ["Gone", "go_through"]

ROOT = Path(__file__).parents[2]


@dataclass
class Gone:
    """What came of all walks on a store."""

    places: int = 0
    """Where tasks wait, as far as quiet walks have found out."""
    walks: int = 0
    met: int = 0
    """In so many of them, a task came to the place."""
    findings: list[str] = field(default_factory=list[str])


def go_through(store: str, *, step: int = 1, progress: Callable[[int], None] = lambda _: None) -> Gone:
    """A crash at every place where a task waits, or at one of so many, and a cancellation where there may be one; after
    each, the same wishes again, in a process to which nothing happens."""
    gone = Gone()
    with walks(store) as process:
        quiet = [said for _, _, said in (process.walk(), process.walk()) if said]
        gone.findings += [f"without anything happening: {what}" for said in quiet for what in wrong(said)]
        places: dict[str, bool] = {place: can for said in quiet for place, can in said["places"].items()}
        gone.places = len(places)
        wanted = [(place, kind) for place, can in places.items() for kind in ("crash", "cancel")[: 1 + can]]
        for place, kind in wanted[::step]:
            name, status, said = process.walk(place, kind)
            gone.walks += 1
            gone.met += status < 0 or bool(said and said["met"])
            _, status, said = process.walk(name=name)
            found = wrong(said) if said else [f"ended with {status}"]
            gone.findings += [f"{kind} at {place}: {what}" for what in found]
            progress(gone.walks)
    return gone


def wrong(said: dict[str, Any]) -> list[str]:
    """What of an order is not where it should be, once, and in the order of placing."""
    found = [] if said["ordered"] == len(ORDERS) else [f"{said['ordered']} orders"]
    for name in ("stock", "dock", "notices"):
        expected = [order for order in ORDERS if name != "stock" or "sold-out" not in order]
        names = said[name]
        if sorted(names) != sorted(expected) or (names[0], names[-1]) != (expected[0], expected[-1]):
            found.append(f"{name}: {names}")
    return found


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
