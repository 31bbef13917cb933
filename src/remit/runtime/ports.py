"""The sources of time, identity and randomness. The runtime has no others."""

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
    """Seconds of a monotonic clock with high resolution, for durations. The time of a loop may be coarse."""


class SystemIds:
    """Identities of milliseconds, six random bytes per process and a counter. Making one needs no system call."""

    def __init__(self) -> None:
        self._process = os.urandom(6).hex()
        self._count = int.from_bytes(os.urandom(3), "big")
        self._milliseconds = 0
        self._prefix = ""

    def new(self) -> str:
        milliseconds = time.time_ns() // 1_000_000
        if milliseconds != self._milliseconds:  # format the prefix once per millisecond
            self._milliseconds, self._prefix = milliseconds, f"{milliseconds:012x}{self._process}"
        self._count = count = (self._count + 1) & 0xFFFFFFFF
        return self._prefix + "%08x" % count  # noqa: UP031  # takes half the time of an f-string


class Watch(Protocol):
    """Watches the event loop from another thread."""

    def start(self, listeners: Listeners) -> None:
        """Watches the running loop from now on, and reports what it sees from a thread of its own."""
        ...

    def stop(self) -> None:
        """Ends the watch."""
        ...

    @property
    def note(self) -> str:
        """What blocked the loop recently; empty if nothing did."""
        ...


class Machine(Protocol):
    """Names processes, and tells whether one has ended, as far as this machine can see."""

    def name(self, id: str) -> str:
        """Returns a new name for this process. `id` tells it from earlier names of the same process."""
        ...

    def is_gone(self, name: str) -> bool:
        """Whether the process of that name has ended. False if that cannot be seen from here."""
        ...

    def left(self, name: str) -> None:
        """Declares that this process no longer uses the name."""
        ...


@dataclass
class Ports:
    """What the runtime takes from outside."""

    clock: SystemClock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=SystemIds)
    random: random.Random = field(default_factory=random.Random)
    machine: Machine = field(default_factory=SystemMachine)
    watch: Watch | None = None
    """Only for a loop in real time; a simulated loop has none."""


_: type[Clock] = SystemClock
