"""Runs a process as a `Host`, built from `Placed`, `Channels`, stores and `Ports`."""

from remit.runtime.compiler import compile_system
from remit.runtime.events import RuntimeEvent
from remit.runtime.host import Host
from remit.runtime.listeners import Listener, Listeners
from remit.runtime.placed import Channels, Placed
from remit.runtime.ports import Ports, SystemClock
from remit.runtime.upkeep.loop_watch import LoopWatch

__all__ = [
    "Channels",
    "Host",
    "Listener",
    "Listeners",
    "LoopWatch",
    "Placed",
    "Ports",
    "RuntimeEvent",
    "SystemClock",
    "compile_system",
]
