"""The event loop of a process that serves, and how it is told to end."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end, like `asyncio.run`; by uvloop where it is installed: a third off each request."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    try:
        import uvloop
    except ModuleNotFoundError:
        pass
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


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
