"""How scripts/test runs tests side by side, in workers of pytest-xdist.

Tests wait more than they compute, so there are more workers than cores. Those of a file stay together, and share what
it sets up, except where a test takes seconds: there each is given to whoever is free, before all others.
"""

from __future__ import annotations

import os

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]  # it says nothing of types
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # as above

from tests.servers.ports import WORKERS

LONG = (
    *(f"tests/{name}/" for name in ("ablations", "incidents", "placements", "releases", "soak", "typing")),
    "tests/runtime/upkeep/test_taking_part.py",
)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # as above
    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(LONG) else nodeid.partition("::")[0]


def pytest_xdist_auto_num_workers() -> int:
    return min(2 * (os.cpu_count() or 1), WORKERS)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
