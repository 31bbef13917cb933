"""How a running process is told to end."""

from __future__ import annotations

import asyncio
import signal
import sys

__all__ = ["told_to_end"]

_waiting: set[asyncio.Task[None]] = set()


async def told_to_end(*, attached: bool = False) -> asyncio.Event:
    """Set by SIGTERM or SIGINT, which drain; a second one ends the process at once.

    With `attached` it is set by the end of standard input too: whoever started this process holds it open.
    """
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()

    def end() -> None:
        ending.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    if attached:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        _waiting.add(task := asyncio.create_task(_read_to_the_end(reader, ending), name="standard input"))
        task.add_done_callback(_waiting.discard)
    return ending


async def _read_to_the_end(reader: asyncio.StreamReader, ending: asyncio.Event) -> None:
    while await reader.read(4096):
        pass
    ending.set()
