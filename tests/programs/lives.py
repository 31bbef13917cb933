"""The processes of a program, seen from outside: begun, killed, ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.programs.life import Job

__all__ = ["Life", "Mould", "mould"]

ROOT = Path(__file__).parents[2]


class Life:
    """One process, from its beginning to its end."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.begun = asyncio.Event()
        self.ready = asyncio.Event()
        """It can be used, or has ended."""
        self.ended = asyncio.Event()
        self.status: int | None = None
        """The exit code, or the number of the signal, negative."""
        self.is_killed = False
        """Whether somebody else has."""
        self._pid = 0

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal, and waits for its end."""
        await self.begun.wait()
        self.is_killed = self.is_killed or not self.ended.is_set()
        self._signal(number)
        await self.ended.wait()

    async def pause(self, seconds: float) -> None:
        """It stands still for so long, and knows nothing of it."""
        if not self.ready.is_set() or self.ended.is_set():
            return
        self._signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if not self.ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def ask(self) -> None:
        """Asks what it believes of its subscriptions. It writes that down."""
        if self.ready.is_set():
            self._signal(signal.SIGUSR1)

    def hear(self, what: str, number: int | None) -> None:
        if what == "begun":
            self._pid = number or 0
            self.begun.set()
        elif what == "ready":
            self.ready.set()
        else:
            self.status = number
            self.ready.set()
            self.ended.set()


class Mould:
    """The process that forks off others."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lives: dict[str, Life] = {}

    def begin(self, job: Job) -> Life:
        """Begins a life."""
        life = self._lives[str(job.tape)] = Life(job)
        assert self._process.stdin is not None
        self._process.stdin.write(job.line().encode() + b"\n")
        return life

    async def listen(self) -> None:
        """Hears what becomes of them, until the mould has ended."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            what, tape, *more = json.loads(line)
            life = self._lives[tape]
            life.hear(what, None if what == "ready" else more[0])
            if what == "ended":
                del self._lives[tape]


@asynccontextmanager
async def mould() -> AsyncGenerator[Mould]:
    """The process that others are forked off from. At the end it is gone, and they with it."""
    paths = [str(ROOT), str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")]
    environment: Any = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.programs.mould",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT, env=environment,
    )  # fmt: skip
    made = Mould(process)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await listening
