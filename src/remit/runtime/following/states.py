"""The states that a subscription may be in. Whoever says, compares or shows one finds it here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from remit.errors import StoreError

State = Literal[
    "running", "lagging", "parked", "stalled", "paused", "source-silent", "silent", "regressed", "lost-source", "gone"
]
"""From the best to the worst. Of several that hold, the worst is the one that counts. A follower says of itself what
keeps it from going on; that messages or keys wait, that it is silent or gone, only whoever looks at the stores sees."""
Phase = Literal["starting", "standby", "running", "stopped"]
"""Of a follower. In `standby` another process runs it. Only in `running` it has a state."""

STATES: tuple[State, ...] = get_args(State)
WELL = ("running", "lagging", "standby")
"""Nobody has to look after it."""
LOST: State = "lost-source"
BROKEN: tuple[State, ...] = ("regressed", LOST)
"""It handles nothing any more, until a person has decided where it goes on."""


def worst(found: Iterable[tuple[State, str]]) -> tuple[State, str]:
    """The worst of some states, each with its note."""
    return max(found, key=lambda each: STATES.index(each[0]))


def severity(error: BaseException, passing: State = "paused") -> State:
    """The state it puts a subscription in: `passing` where it may pass by itself, stalled where somebody has to act."""
    return "stalled" if isinstance(error, (StoreError, TimeoutError)) else passing
