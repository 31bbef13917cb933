"""The states of a subscription."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from remit.errors import StoreError

State = Literal[
    "running", "lagging", "stale", "parked", "stalled", "paused", "source-silent", "silent", "wedged", "regressed",
    "lost-source", "gone",
]  # fmt: skip
"""From best to worst. If several hold, the worst counts. A follower reports what keeps it from going on; `lagging`,
`stale`, `parked`, `silent` and `gone` are found by looking at the stores. A read model is `stale` if it is older than
it promises, and `wedged` if what it writes is not there when it is read."""
Phase = Literal["starting", "standby", "running", "stopped"]
"""The phase of a follower. In `standby`, another process runs it. It has a state only while `running`."""

STATES: tuple[State, ...] = get_args(State)
WELL = ("running", "lagging", "standby")
"""States that need no attention."""
LOST: State = "lost-source"
BROKEN: tuple[State, ...] = ("regressed", LOST)
"""The subscription handles nothing until a person decides where it goes on."""


def worst(found: Iterable[tuple[State, str]]) -> tuple[State, str]:
    """The worst of some states, each with its note."""
    return max(found, key=lambda each: STATES.index(each[0]))


def severity(error: BaseException, passing: State = "paused") -> State:
    """The state after an error: `stalled` if a person has to act, otherwise `passing`."""
    return "stalled" if isinstance(error, (StoreError, TimeoutError)) else passing
