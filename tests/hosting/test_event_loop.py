"""A process that serves runs on uvloop where it is installed, and without it where it is not."""

from __future__ import annotations

import asyncio
import sys

import pytest
import uvloop

from remit.hosting import event_loop


async def running() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_uvloop_is_used_where_it_is_installed() -> None:
    assert isinstance(event_loop.run(running()), uvloop.Loop)


def test_without_uvloop_it_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert not isinstance(event_loop.run(running()), uvloop.Loop)
