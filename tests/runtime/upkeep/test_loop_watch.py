"""A blocked event loop is reported while it is blocked, with what blocks it; one that waits never is."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from remit.runtime import LoopWatch
from remit.runtime.upkeep.loop_watch import _is_idle
from tests.runtime.heard import Heard
from tests.runtime.talk import Talk, until

PROGRAM = Path(__file__).parent / "programs" / "blocked.py"


def test_a_process_says_what_blocks_its_loop() -> None:
    ran = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, check=True, timeout=30)
    before, _, after = ran.stderr.partition("now\n")
    assert before == "", "waiting blocks nothing"
    first, *stack = after.splitlines()
    assert first.startswith("blocked event loop: for more than 1 s, in wait_as_nobody_should (")
    assert first.endswith(f"{PROGRAM}:18)")
    assert stack[-1].strip() == "time.sleep(2.0)"
    assert any("in dawdle" in line for line in stack)
    assert "run_forever" not in after, "how the loop was started is no news"


@contextmanager
def watching(seconds: float, said: Heard) -> Generator[LoopWatch]:
    watch = LoopWatch(seconds)
    watch.start(said.listeners())
    try:
        yield watch
    finally:
        watch.stop()


async def test_a_block_is_said_once_and_remembered() -> None:
    said = Heard()
    with watching(0.05, said) as watch:
        await until(lambda: watch.asked >= 3)
        assert watch.note == ""
        time.sleep(0.5)  # noqa: ASYNC251  this is what is to be noticed
        await until(lambda: watch.note != "")
        assert [(line.word, line.where) for line in said] == [("blocked", "event loop")]
        assert watch.note.startswith("the event loop was blocked for 0.")
        assert "test_a_block_is_said_once_and_remembered" in watch.note


async def test_a_loop_that_has_nothing_to_do_is_not_blocked() -> None:
    said = Heard()
    with watching(0.2, said) as watch:
        await until(lambda: watch.asked >= 20)
        assert (said, watch.note) == ([], "")


def test_a_loop_that_waits_for_news_is_told_from_one_that_works() -> None:
    """Of a process that was stopped, the thread may run before the loop does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    working = threading.Event()
    try:
        assert thread.ident is not None
        while not _is_idle(sys._current_frames()[thread.ident]):
            assert thread.is_alive()
        loop.call_soon_threadsafe(working.wait, 30)
        while _is_idle(sys._current_frames()[thread.ident]):
            assert thread.is_alive()
    finally:
        working.set()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def test_what_blocked_the_loop_is_in_the_sign_of_life() -> None:
    watch = LoopWatch(0.05)
    talk = Talk(watch=watch)
    async with talk.running():
        time.sleep(0.3)  # noqa: ASYNC251  this is what is to be noticed
        await until(lambda: watch.note != "")
        ((_, before),) = (await talk.store.beats()).values()
        assert json.loads(before)[0]["note"] == ""
    async with talk.running():
        ((_, after),) = (await talk.store.beats()).values()
        assert json.loads(after)[0]["note"].startswith("the event loop was blocked for ")
        assert "blocked" in talk.said
