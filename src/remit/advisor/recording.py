"""Records which calls a running process makes, for `remit impact --measured`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from remit.runtime.events import CallBegun, CallEnded, ProcessStopping


class RecordedCalls(msgspec.Struct, omit_defaults=True):
    """The calls of one message by one handler, or by the subscriptions of a context."""

    caller: str
    """The context that calls."""
    message: str
    """The wire name of the command or query."""
    point: str = ""
    """The command or query whose handler calls. Empty for a subscription."""
    elsewhere: bool = False
    """Whether another process answers."""
    count: int = 0
    failed: int = 0
    """How many ended neither with a reply nor with a refusal."""
    seconds: float = 0.0
    """All together."""
    longest: float = 0.0
    """The longest, in seconds."""


class Recording(msgspec.Struct):
    """What a process has recorded."""

    calls: Sequence[RecordedCalls]


class _Running(NamedTuple):
    event: CallBegun
    point: str


class CallRecorder:
    """A listener that counts the calls between contexts, and writes them to a JSON file when the process stops.

    `path` is the file: each process needs one of its own. `contexts` are the names of all contexts of the system; other
    callers, such as the clients of an edge, are not recorded. `hear` is the listener.

    The handler that makes a call is the innermost running call of its context with the same cause. If there is none, a
    subscription makes it.
    """

    def __init__(self, path: str | Path, contexts: Collection[str]) -> None:
        self._path = Path(path)
        self._contexts = frozenset(contexts)
        self._running: dict[str, list[_Running]] = {}
        """By cause."""
        self._found: dict[tuple[str, str, str, bool], RecordedCalls] = {}

    def hear(self, event: CallBegun | CallEnded | ProcessStopping) -> None:
        """Takes one event. Raises `OSError` if the process stops and the file cannot be written."""
        if isinstance(event, CallBegun):
            running = self._running.setdefault(event.cause, [])
            outer = (each.event for each in reversed(running) if each.event.context == event.caller)
            running.append(_Running(event, next((each.type for each in outer), "")))
        elif isinstance(event, CallEnded):
            self._end(event)
        else:
            self.save()

    def _end(self, event: CallEnded) -> None:
        running = self._running.get(event.cause, [])
        same = (
            each for each in reversed(running) if (each.event.type, each.event.caller) == (event.type, event.caller)
        )
        begun = next(same, None)
        if begun is None:  # it began before this recorder listened
            return
        running.remove(begun)
        if not running:
            del self._running[event.cause]
        if event.caller not in self._contexts:
            return
        key = event.caller, event.type, begun.point, event.elsewhere
        found = self._found.setdefault(key, RecordedCalls(*key))
        found.count += 1
        found.failed += event.outcome not in ("replied", "refused")
        found.seconds += event.seconds
        found.longest = max(found.longest, event.seconds)

    def save(self) -> None:
        """Writes what was recorded until now. Raises `OSError` if the file cannot be written."""
        self._path.write_bytes(msgspec.json.encode(Recording(list(self._found.values()))))
