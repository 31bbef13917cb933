"""What holds for every test: property tests draw the same examples on every run, and take the time they need.

Whoever started the tests in the background may have left SIGINT ignored; processes that tests interrupt inherit that.
What collecting them leaves in memory stays until the end: the garbage collector need not look at it again and again. It
looks less often than usual at what tests leave behind; pytest has it look at everything once more at the end.
"""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers.postgres import given_or_started
from tests.servers.warm import WarmPopen

pytest_plugins = ["tests.side_by_side"]

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

gc.disable()  # until all tests are collected


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    gc.freeze()
    gc.enable()
    gc.set_threshold(10_000, 20, 20)


signal.signal(signal.SIGINT, signal.default_int_handler)

if sys.platform == "linux":
    setattr(subprocess, "Popen", WarmPopen)  # noqa: B010  # the type checkers know of no other class there


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL server that runs all the time. Each worker has its own."""
    with given_or_started() as address:
        yield address
