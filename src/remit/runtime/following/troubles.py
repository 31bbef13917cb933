"""What keeps a follower from going on, one trouble per cause, and the state that comes of it. Changes are said."""

from __future__ import annotations

from collections.abc import Hashable

from remit.runtime.events import StateChanged, TroubleBegun, TroubleEnded
from remit.runtime.failures import storable
from remit.runtime.following.states import Phase, State, worst
from remit.runtime.listeners import Listeners

SILENT_SECONDS = 10.0
"""How long a source is away before that is said: services that start or end together do not see one another at once."""


class Troubles:
    """Several may hold at once: a source that is away ends for itself, and a stuck partition does not end with it."""

    def __init__(self, where: str, listeners: Listeners, doing: str = "handling", phase: Phase = "running") -> None:
        self.phase: Phase = phase
        """Only in "running" troubles are what the state is."""
        self._where = where
        self._listeners = listeners
        self._doing = doing
        self._found: dict[Hashable, tuple[State, str]] = {}
        self._since: dict[Hashable, float] = {}
        self._said: dict[Hashable, tuple[State, str]] = {}
        """What has been said of each cause, also of those that have ended since, until none is left."""

    @property
    def state(self) -> State | Phase:
        """The phase, or what the worst of the troubles makes of it."""
        return self.worst[0] if self._found and self.phase == "running" else self.phase

    @property
    def worst(self) -> tuple[State, str]:
        """State and note of the worst of them; "running" when there is none."""
        return worst(self._found.values()) if self._found else ("running", "")

    def enter(self, phase: Phase) -> None:
        """Begins another phase."""
        before, self.phase = self.state, phase
        self._changed(before)

    def clear(self) -> None:
        """Forgets all of them: it begins anew."""
        self._found.clear()
        self._said.clear()

    def begin(self, cause: Hashable, state: State, note: str, *, lasts: bool = False) -> None:
        """Notes a trouble, and says it unless it has been said: several partitions may have the same one. A source that
        is away is said when it is noted again after a while, or was so for a while before it is noted (`lasts`)."""
        found: tuple[State, str] = state, storable(note)
        now = self._listeners.ticks()
        if cause not in self._found or self._found[cause][0] != state:
            self._since[cause] = now
        known = any(self._said.get(each) == found for each in self._found)
        if not known and (lasts or state != "source-silent" or now - self._since[cause] >= SILENT_SECONDS):
            self._listeners.say(TroubleBegun(self._listeners.seconds(), "", self._where, *found))
            known = True
        if known:
            self._said[cause] = found
        before = self.state
        self._found[cause] = found
        self._changed(before)

    def end(self, cause: Hashable) -> None:
        """The cause is gone. Says so when it was the last one."""
        if not self._found:  # as after each batch
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
