"""The troubles of a follower, one per cause, and the state that follows from them. Changes are reported."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from remit.runtime.events import StateChanged, TroubleBegun, TroubleEnded
from remit.runtime.failures import storable
from remit.runtime.following.states import Phase, State, worst
from remit.runtime.listeners import Listeners

SILENT_SECONDS = 10.0
"""How long a source is away before that is reported: services that start or stop together miss each other briefly."""


AGAIN_SECONDS = 60.0
"""How long another note on the same state is not reported: each try of a service that is away may fail otherwise."""


class _Said(NamedTuple):
    state: State
    note: str
    at: float
    """When it was reported (ticks of the listeners)."""


class Troubles:
    """Keeps one trouble per cause: a silent source and a stuck partition begin and end independently."""

    def __init__(self, where: str, listeners: Listeners, doing: str = "handling", phase: Phase = "running") -> None:
        self.phase: Phase = phase
        """Troubles determine the state only while it is running, or leaves its work to others."""
        self._where = where
        self._listeners = listeners
        self._doing = doing
        self._found: dict[Hashable, tuple[State, str]] = {}
        self._since: dict[Hashable, float] = {}
        self._said: dict[Hashable, _Said] = {}
        """What was reported for each cause, including ended ones, until no trouble is left."""

    @property
    def state(self) -> State | Phase:
        """The phase; while running, or standing by, the state of the worst trouble."""
        return self.worst[0] if self._found and self.phase in ("running", "standby") else self.phase

    @property
    def worst(self) -> tuple[State, str]:
        """State and note of the worst trouble; "running" if there is none."""
        return worst(self._found.values()) if self._found else ("running", "")

    def enter(self, phase: Phase) -> None:
        """Begins another phase."""
        before, self.phase = self.state, phase
        self._changed(before)

    def clear(self) -> None:
        """Forgets all troubles."""
        self._found.clear()
        self._said.clear()

    def begin(self, cause: Hashable, state: State, note: str, *, lasts: bool = False) -> None:
        """Notes a trouble, and reports it unless it is known: another partition may have it, or another note on the
        same state was reported less than a minute ago. A silent source is reported only once it has lasted 10 s, or at
        once with `lasts`."""
        found: tuple[State, str] = state, storable(note)
        now = self._listeners.ticks()
        if cause not in self._found or self._found[cause][0] != state:
            self._since[cause] = now
        said = self._known(cause, found, now)
        if said is None and (lasts or state != "source-silent" or now - self._since[cause] >= SILENT_SECONDS):
            self._listeners.say(TroubleBegun(self._listeners.seconds(), "", self._where, *found))
            said = _Said(*found, now)
        if said is not None:
            self._said[cause] = said
        before = self.state
        self._found[cause] = found
        self._changed(before)

    def _known(self, cause: Hashable, found: tuple[State, str], now: float) -> _Said | None:
        """The report that makes another one needless."""
        for each in self._found:
            said = self._said.get(each)
            if said is None or said.state != found[0]:
                continue
            is_alike = each == cause or (isinstance(each, int) and isinstance(cause, int))  # two partitions
            if said.note == found[1] or (is_alike and now - said.at < AGAIN_SECONDS):
                return said
        return None

    def end(self, cause: Hashable) -> None:
        """Ends a trouble. Reports it if it was the last one."""
        if not self._found:  # the common case, after each batch
            return
        before = self.state
        if self._found.pop(cause, None) is not None and not self._found and self._said:
            self._said.clear()
            self._listeners.say(TroubleEnded(self._listeners.seconds(), "", self._where, f"{self._doing} again"))
        self._changed(before)

    def _changed(self, before: str) -> None:
        if before != (after := self.state):
            now, note = self._listeners.seconds(), self.worst[1]
            self._listeners.say(StateChanged(now, "", self._where, before, after, note))
