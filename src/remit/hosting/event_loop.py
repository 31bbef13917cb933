"""The event loop of a process that serves, and how it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from remit.hosting.failures import Failure

T = TypeVar("T")

_INPUT = 0
"""The file descriptor of standard input."""


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


async def told_to_end(*, attached: bool = False) -> asyncio.Event:
    """Set by SIGTERM or SIGINT, which drain; a second one ends the process at once.

    With `attached` it is set by the end of standard input too: whoever started this process holds it open. Raises
    `Failure` for a standard input whose end nobody holds.
    """
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()

    def end() -> None:
        ending.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    if attached:
        _require_held_input()
        # A thread, because event loops read pipes only. It is left behind when the process ends.
        reading = threading.Thread(target=_read_to_the_end, args=(loop, ending), name="standard input", daemon=True)
        reading.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    return ending


def _require_held_input() -> None:
    """A pipe, a socket or a terminal ends with whoever holds it. A file or /dev/null is at its end already."""
    mode = 0 if sys.stdin is None else os.fstat(_INPUT).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(_INPUT)):
        raise Failure(
            "input.unusable", "its end would tell nothing: nobody holds it open", where="standard input of --attached",
            expected="a pipe, a socket or a terminal, and no file, not /dev/null, not closed",
            next="leave out --attached where SIGTERM ends the process, as under systemd; or give it a pipe",
        )  # fmt: skip


def _read_to_the_end(loop: asyncio.AbstractEventLoop, ending: asyncio.Event) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone
        while os.read(_INPUT, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended before
        loop.call_soon_threadsafe(ending.set)
