"""A system that runs in a thread of its own, for code that has no event loop."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from remit.errors import CallError
from remit.hosting.loop_thread import LoopThread


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_call_does_not_wait_for_a_thread_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a task raises to end the process ends its loop, and with it the thread."""
    monkeypatch.setattr(threading, "excepthook", print)
    thread = LoopThread()

    async def leave() -> None:
        raise SystemExit(1)

    async def wait() -> None:
        branch = asyncio.ensure_future(leave())
        await asyncio.sleep(60.0)
        await branch

    with pytest.raises(CallError, match="the thread in which the system runs has ended"):
        thread.run(wait())
    thread.close()
    del thread
    gc.collect()  # the tasks that have not ended say so when they are collected: here, and in no later test
