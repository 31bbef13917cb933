"""Processes: how they are assembled, started, served and stopped. `System` is the entry point.

Declaring a system imports nothing that runs it.
"""

from remit.hosting.outbox import Outbox, SyncOutbox
from remit.hosting.system import SyncSender, System

__all__ = ["Outbox", "SyncOutbox", "SyncSender", "System"]
