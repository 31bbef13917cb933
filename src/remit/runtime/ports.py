"""Where time, identity and randomness come from. Nothing else in the runtime asks the machine."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from remit.contexts import Clock, Ids
from remit.runtime.listeners import Listeners
from remit.runtime.machine import SystemMachine


class SystemClock:
    """The wall clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    seconds = staticmethod(time.time)
    ticks = staticmethod(time.perf_counter)
    """Seconds since some moment, finely: for what something took. The time of a loop may be coarse."""


class SystemIds:
    """Identities from milliseconds, a random part per process, and a counter: no system call."""

    def __init__(self) -> None:
        self._process = os.urandom(6).hex()
        self._count = int.from_bytes(os.urandom(3), "big")
        self._milliseconds = 0
        self._prefix = ""

    def new(self) -> str:
        milliseconds = time.time_ns() // 1_000_000
        if milliseconds != self._milliseconds:  # formatted once for all identities of a millisecond
            self._milliseconds, self._prefix = milliseconds, f"{milliseconds:012x}{self._process}"
        self._count = count = (self._count + 1) & 0xFFFFFFFF
        return self._prefix + "%08x" % count  # noqa: UP031  # half the time of an f-string's format


class Watch(Protocol):
    """Looks at the event loop from outside of it."""

    def start(self, listeners: Listeners) -> None:
        """Watches the running loop from now on, and says what it sees from a thread of its own."""
        ...

    def stop(self) -> None:
        """Ends the watch."""
        ...

    @property
    def note(self) -> str:
        """What kept the loop from working a short while ago; empty when nothing did."""
        ...


class Machine(Protocol):
    """Tells which process a name stands for, as far as that can be seen from this machine."""

    def name(self, id: str) -> str:
        """A name for this process, which `id` tells from all others that it has had."""
        ...

    def is_gone(self, name: str) -> bool:
        """Whether the process of that name has ended. False when that cannot be seen from here."""
        ...

    def left(self, name: str) -> None:
        """The process has no use for this name any more."""
        ...


@dataclass
class Ports:
    """Everything the runtime takes from outside itself."""

    clock: SystemClock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=SystemIds)
    random: random.Random = field(default_factory=random.Random)
    machine: Machine = field(default_factory=SystemMachine)
    watch: Watch | None = None
    """Only where real time passes: a simulated loop is not watched."""


_: type[Clock] = SystemClock
