"""Where it runs: the system, and the assembly that puts it on its stores.

The topology file and its plan are in `file` and `placement`; whoever has no such file does not load them.
"""

from remit.topology.assembly import DEFAULT_STORE, assemble, is_made, made_stores, open_store
from remit.topology.outbox import Outbox, SyncOutbox
from remit.topology.system import SyncSender, System

__all__ = [
    "DEFAULT_STORE",
    "Outbox",
    "SyncOutbox",
    "SyncSender",
    "System",
    "assemble",
    "is_made",
    "made_stores",
    "open_store",
]
