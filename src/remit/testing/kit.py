"""The test kit: a system run as strictly as it would be on the wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from remit.contexts import Sender
from remit.hosting import System

__all__ = ["running"]


@asynccontextmanager
async def running(system: System, *, store: str = "memory:") -> AsyncGenerator[Sender]:
    """Runs a system for a test: in memory, and every message makes a round trip through the codec.

    So a message that would not survive the wire fails the test, although the system runs in one process. Raises what
    `System.connect` raises.
    """
    async with system.connect(store=store, parity=True) as sender:
        yield sender
