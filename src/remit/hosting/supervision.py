"""Keeps services running, one child process each: prefixes their output, restarts them, and ends them together."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from remit.errors import Finding, told
from remit.hosting.failures import UNUSABLE
from remit.runtime import Ports
from remit.runtime.failures import backoff

DRAIN_SECONDS = 20.0
"""The seconds that a child may take to end after it was told to. Then it is killed."""
STEADY_SECONDS = 30.0
"""A child that ran for so many seconds is restarted at once. One that ended earlier waits longer each time."""
LINE_BYTES = 1_000_000
"""The longest line of a child that is passed on, in bytes."""


class Child(NamedTuple):
    """A command to keep running, and its environment. None: the environment of this process."""

    command: Sequence[str]
    environment: Mapping[str, str] | None = None


@dataclass
class _Child:
    name: str
    runs: Child
    process: asyncio.subprocess.Process | None = None
    ready: dict[str, Any] | None = None
    """The line that the child printed when it was ready for the first time."""
    failures: int = 0


class Supervisor:
    """Runs commands side by side. Each prints one line of JSON with `"ready": true` when it can be used.

    `on_ready` is called once, when all children are ready, with their ready lines by name. `say` is called with every
    other line of a child, prefixed by its name, and with reports on restarts. Errors that a child prints as JSON are
    shown as text. With `as_json`, each line is one JSON object: `service`, and `errors` or `text`.
    """

    def __init__(
        self,
        children: Mapping[str, Child],
        on_ready: Callable[[dict[str, Any]], None],
        say: Callable[[str], None],
        *,
        as_json: bool = False,
    ) -> None:
        self._children = [_Child(name, child) for name, child in children.items()]
        self._width = max(len(name) for name in children)
        self._on_ready: Callable[[dict[str, Any]], None] | None = on_ready
        self._tell = say
        self._as_json = as_json
        self._random = Ports().random
        self._ending = asyncio.Event()
        self._code = 0

    async def run(self, ending: asyncio.Event) -> int:
        """Keeps the children running until the event `ending` is set, then ends them. Returns the exit code.

        A child that ends with exit code 2 before it was ever ready ends all of them: a restart would not help.
        """
        keeping = [asyncio.create_task(self._keep(child), name=child.name) for child in self._children]
        waiting = [asyncio.create_task(event.wait()) for event in (ending, self._ending)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        self._ending.set()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*(self._end(child) for child in self._children))
        await asyncio.gather(*keeping)
        return self._code

    async def _keep(self, child: _Child) -> None:
        loop = asyncio.get_running_loop()
        while not self._ending.is_set():
            begun = loop.time()
            code = await self._run_once(child)
            if self._ending.is_set():
                return
            if code == UNUSABLE and child.ready is None:
                self._code = UNUSABLE
                self._ending.set()
                return
            child.failures = 0 if loop.time() - begun > STEADY_SECONDS else child.failures + 1
            pause = backoff(child.failures - 1, self._random) if child.failures else 0.0
            self._say(child.name, f"{_ended(code)}; it is started again in {pause:.1f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _run_once(self, child: _Child) -> int:
        # Its standard input stays open as long as this process lives; at the end of input the child drains.
        child.process = process = await asyncio.create_subprocess_exec(
            *child.runs.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            env=child.runs.environment,
            start_new_session=True,  # Ctrl-C reaches only this process, which then ends its children
        )
        if self._ending.is_set():  # set while the child was being started
            process.terminate()
        self._say(child.name, f"process {process.pid}")
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018  # both are pipes
        await asyncio.gather(self._read(child, process.stdout), self._read(child, process.stderr))
        return await process.wait()

    async def _read(self, child: _Child, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the limit: the line is dropped
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            said = _readiness(text)
            if said is None:
                self._say(child.name, text)
            else:
                child.ready = child.ready or said
                self._say(child.name, f"ready{' on ' + said['url'] if said.get('url') else ''}")
                self._announce()

    def _announce(self) -> None:
        if self._on_ready is not None and all(child.ready for child in self._children):
            self._on_ready({child.name: child.ready for child in self._children})
            self._on_ready = None

    async def _end(self, child: _Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), DRAIN_SECONDS)
        except TimeoutError:
            self._say(child.name, f"did not end within {DRAIN_SECONDS:.0f} s and is killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    def _say(self, name: str, text: str) -> None:
        errors = _errors(text)
        if self._as_json:
            self._tell(json.dumps({"service": name} | ({"errors": errors} if errors else {"text": text})))
            return
        shown = "\n\n".join(told(**error) for error in errors) if errors else text
        for line in shown.split("\n"):
            self._tell(f"{name:<{self._width}} | {line}")


def _readiness(line: str) -> dict[str, Any] | None:
    """The fields of a line that reports readiness. None for any other line."""
    if not line.startswith('{"ready"'):
        return None
    try:
        said: dict[str, Any] = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said.get("url"), str | None) else None


class _Errors(msgspec.Struct):
    errors: list[Finding]


def _errors(line: str) -> list[dict[str, str]]:
    """The errors in a line that a command prints with `--json`. Empty for any other line."""
    if not line.startswith('{"errors"'):
        return []
    try:
        return [vars(each) for each in msgspec.json.decode(line, type=_Errors).errors]
    except (msgspec.MsgspecError, RecursionError):
        return []


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
