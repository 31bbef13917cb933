"""How a running command is told to end."""

from __future__ import annotations

import asyncio
import signal

__all__ = ["ending_by_signals"]


def ending_by_signals() -> asyncio.Event:
    """Set by SIGTERM or SIGINT, which drain; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()

    def end() -> None:
        ending.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    return ending
