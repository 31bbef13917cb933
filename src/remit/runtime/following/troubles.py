"""What keeps a follower from going on: one trouble per cause, each said when it begins."""

from __future__ import annotations

from collections.abc import Hashable

from remit.runtime.failures import severity, storable, told
from remit.runtime.signals import Listener, Signal

_ORDER = ("running", "stalled", "paused", "source-silent", "regressed", "lost-source")
"""From the best to the worst, as `remit status` orders them."""


class Troubles:
    """Several may hold at once: a source that is away ends for itself, and a stuck partition does not end with it."""

    def __init__(self, where: str, say: Listener, doing: str = "handling") -> None:
        self._where = where
        self._say = say
        self._doing = doing
        self._found: dict[Hashable, tuple[str, str]] = {}

    @property
    def worst(self) -> tuple[str, str]:
        """State and note of the worst of them; "running" when there is none."""
        if not self._found:  # as before each batch
            return "running", ""
        return max(self._found.values(), key=lambda found: _ORDER.index(found[0]))

    def begin(self, cause: Hashable, state: str, note: str) -> None:
        """Notes a trouble, and says it unless it has been said: several partitions may have the same one."""
        found = state, storable(note)
        if found not in self._found.values():
            self._say(Signal(state, self._where, found[1]))
        self._found[cause] = found

    def note(self, cause: Hashable, error: Exception | None) -> None:
        """Begins the trouble that an error means, or ends it where there is none."""
        if error is None:
            self.end(cause)
        else:
            self.begin(cause, severity(error), told(error))

    def end(self, cause: Hashable) -> None:
        """The cause is gone. Says so when it was the last one."""
        if self._found.pop(cause, None) is not None and not self._found:
            self._say(Signal("resumed", self._where, f"{self._doing} again"))
