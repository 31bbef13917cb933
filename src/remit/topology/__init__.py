"""Where it runs: the system, and the assembly that puts it on its stores.

The topology file and its plan are in `file` and `placement`; whoever has no such file does not load them.
"""

from remit.topology.assembly import DEFAULT_STORE, assemble, is_made, made_stores, open_store
from remit.topology.system import SyncSender, System

__all__ = ["DEFAULT_STORE", "SyncSender", "System", "assemble", "is_made", "made_stores", "open_store"]
