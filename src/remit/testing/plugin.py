"""The pytest plugin: fixtures, and explanations of differences between messages in a plain `assert`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest loads every plugin in every run, so nothing is imported early
    from remit.hosting import System
    from remit.testing.app import SyncApp
    from remit.testing.starting import Starting
    from remit.testing.virtual import MovableClock


@pytest.fixture
def clock() -> MovableClock:
    """A clock that the test moves. It starts at noon of 1 January 2026, UTC. `running_system` uses it."""
    from remit.testing.virtual import MovableClock

    return MovableClock()


@pytest.fixture
def running_system(clock: MovableClock) -> Iterator[Callable[[System | Starting], SyncApp]]:
    """Runs a system in memory until the test ends, with the fixture `clock`: `app = running_system(shop)`.

    Also takes the result of `alone(...)` or `running(...)`. The test fails at its end in the cases where leaving
    `running` would raise.
    """
    from remit.testing.starting import Starting, running

    with ExitStack() as leaving:

        def run(system: System | Starting) -> SyncApp:
            starting = system if isinstance(system, Starting) else running(system, clock=clock)
            return leaving.enter_context(starting)

        yield run


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: Any, right: Any) -> list[str] | None:
    """Explains `assert actual == expected` for messages, values, aggregates, documents, refusals, and lists of them."""
    if op != "==":
        return None
    from remit.testing.differences import explained

    return explained(left, right)
