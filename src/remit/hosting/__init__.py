"""A process: how it is put together, started and left. Here a system meets what it runs on.

Who declares a system loads nothing of what runs it.
"""

from remit.hosting.outbox import Outbox, SyncOutbox
from remit.hosting.system import SyncSender, System

__all__ = ["Outbox", "SyncOutbox", "SyncSender", "System"]
