"""What runs: calls, units of work, subscriptions, and the housekeeper."""

from remit.runtime.compiler import compile_system
from remit.runtime.plan import ContextPlan
from remit.runtime.ports import Ports, SystemClock, SystemIds
from remit.runtime.runtime import Runtime
from remit.runtime.signals import Listener, Signal
from remit.runtime.upkeep.loop_watch import LoopWatch

__all__ = [
    "ContextPlan",
    "Listener",
    "LoopWatch",
    "Ports",
    "Runtime",
    "Signal",
    "SystemClock",
    "SystemIds",
    "compile_system",
]
