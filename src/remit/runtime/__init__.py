"""What runs: a process as `Host`, put together from `Placed`, `Channels`, stores and `Ports`."""

from remit.runtime.compiler import compile_system
from remit.runtime.host import Host
from remit.runtime.placed import Channels, Placed
from remit.runtime.ports import Ports, SystemClock
from remit.runtime.signals import Listener, Signal
from remit.runtime.upkeep.loop_watch import LoopWatch

__all__ = ["Channels", "Host", "Listener", "LoopWatch", "Placed", "Ports", "Signal", "SystemClock", "compile_system"]
