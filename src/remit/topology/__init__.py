"""Where it runs: the system, and the assembly that puts it on its stores.

Who declares a system loads neither what runs it (`assembly`) nor what reads a topology file (`file`, `placement`).
"""

from remit.topology.outbox import Outbox, SyncOutbox
from remit.topology.system import SyncSender, System

__all__ = ["Outbox", "SyncOutbox", "SyncSender", "System"]
