"""A thread that detects a blocked event loop and what blocks it. Nothing on the loop itself could report that."""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
import time
import traceback
from types import FrameType

from remit.runtime.events import LoopBlocked
from remit.runtime.listeners import Listeners

REMEMBERED_SECONDS = 60.0


class LoopWatch:
    """Checks `4 / seconds` times a second that the loop responds. If it does not for `seconds`, reports its stack."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._ended = threading.Event()
        self._last = ("", 0.0)
        self.asked = 0

    def start(self, listeners: Listeners) -> None:
        """Watches the running loop of the calling thread. Listeners are called from the watching thread."""
        self._ended.clear()
        watched = (asyncio.get_running_loop(), threading.get_ident(), listeners)
        threading.Thread(target=self._watch, args=watched, name="remit-loop-watch", daemon=True).start()

    def stop(self) -> None:
        """Ends the watch."""
        self._ended.set()

    @property
    def note(self) -> str:
        """What blocked the loop last, for a minute; otherwise empty."""
        what, until = self._last
        return what if time.monotonic() < until else ""

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int, listeners: Listeners) -> None:
        while not self._ended.wait(self._seconds / 4):
            answered = threading.Event()
            begun = time.monotonic()
            try:
                loop.call_soon_threadsafe(answered.set)
            except RuntimeError:  # the loop is closed
                return
            self.asked += 1
            if answered.wait(self._seconds):
                continue
            frame = sys._current_frames().get(thread)  # noqa: SLF001  the only way to see another thread's stack
            if frame is not None and not _is_idle(frame) and not self._ended.is_set():
                where = f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
                listeners.say(LoopBlocked(listeners.seconds(), "", self._seconds, where, _stack(frame)))
                while not answered.wait(self._seconds) and not self._ended.is_set():
                    self._remember(begun, where)
                self._remember(begun, where)

    def _remember(self, begun: float, where: str) -> None:
        now = time.monotonic()
        self._last = (f"the event loop was blocked for {now - begun:.1f} s, in {where}", now + REMEMBERED_SECONDS)


def _is_idle(frame: FrameType) -> bool:
    """Whether the loop waits for I/O. Then the whole process was suspended, not the loop blocked."""
    return frame.f_code.co_filename == selectors.__file__


def _stack(frame: FrameType) -> str:
    """The stack of what the loop runs, outermost call first, without the frames that started the loop."""
    calls = traceback.extract_stack(frame)
    first = max((i + 1 for i, call in enumerate(calls) if call.filename == asyncio.events.__file__), default=0)
    return "".join(traceback.format_list(calls[first:])).rstrip()
