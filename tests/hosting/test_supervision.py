"""Children are kept running: prefixed, started again, ended together."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from remit.cli.screen import say
from remit.hosting.supervision import Child, Supervisor

STEADY = """
import json, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with open(sys.argv[1], "a") as starts:
    starts.write(f"{os.getpid()}\\n")
try:  # a supervisor that was killed does not read what is printed
    print("a line to standard error", file=sys.stderr, flush=True)
    print(json.dumps({"ready": True, "url": None, "process": os.getpid()}), flush=True)
    sys.stdin.read()
finally:
    open(sys.argv[1] + ".ended", "w").close()
"""
MISTAKEN = "import sys; print('cli.usage  remit', file=sys.stderr); sys.exit(2)"


def child(script: str, *arguments: str) -> Sequence[str]:
    return [sys.executable, "-c", script, *arguments]


@asynccontextmanager
async def supervised(**commands: Sequence[str]) -> AsyncGenerator[tuple[dict[str, Any], asyncio.Task[int]]]:
    """The children, all ready; told to end at the end."""
    ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    ending = asyncio.Event()
    children = {name: Child(command) for name, command in commands.items()}
    running = asyncio.create_task(Supervisor(children, ready.set_result, partial(say, error=True)).run(ending))
    try:
        yield await asyncio.wait_for(ready, 20), running
    finally:
        ending.set()
        await asyncio.wait_for(running, 20)


def starts(file: Path) -> list[int]:
    """The processes that a child has been."""
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # another process makes it true
            await asyncio.sleep(0.01)


async def test_all_are_ready_and_end_together(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with supervised(one=child(STEADY, str(tmp_path / "1")), second=child(STEADY, str(tmp_path / "2"))) as (
        ready,
        running,
    ):
        assert set(ready) == {"one", "second"}
        (first,), (second,) = starts(tmp_path / "1"), starts(tmp_path / "2")
        assert (ready["one"]["process"], ready["second"]["process"]) == (first, second)
    assert running.result() == 0
    lines = capfd.readouterr().err.splitlines()
    assert "one    | a line to standard error" in lines
    assert "second | a line to standard error" in lines
    for process in (first, second):
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


async def test_a_killed_child_is_started_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "starts"
    async with supervised(billing=child(STEADY, str(file))) as (ready, _):
        os.kill(ready["billing"]["process"], signal.SIGKILL)
        await until(lambda: len(starts(file)) == 2)
    assert "billing | ended by SIGKILL; it is started again in " in capfd.readouterr().err


async def test_what_cannot_run_as_asked_ends_all(tmp_path: Path) -> None:
    children = {"well": Child(child(STEADY, str(tmp_path / "1"))), "mistaken": Child(child(MISTAKEN))}
    supervisor = Supervisor(children, lambda _: pytest.fail("not all were ready"), partial(say, error=True))
    assert await asyncio.wait_for(supervisor.run(asyncio.Event()), 20) == 2


REFUSED = """
import json, sys
error = {"where": "here", "what": "it is wrong", "expected": "right", "next": ""}
errors = [error | {"code": code} for code in ("a.b", "c.d")]
print("a line of the log", file=sys.stderr)
print(json.dumps({"errors": errors}), file=sys.stderr)
print('{"errors": 7}', file=sys.stderr)
sys.exit(2)
"""


async def refused_by(*, as_json: bool) -> list[str]:
    """The lines of a child that cannot run as asked, without the one that names its process."""
    lines: list[str] = []
    supervisor = Supervisor(
        {"front": Child(child(REFUSED))}, lambda _: pytest.fail("it was not ready"), lines.append, as_json=as_json
    )
    assert await asyncio.wait_for(supervisor.run(asyncio.Event()), 20) == 2
    return lines[1:]


async def test_errors_of_a_child_are_text_for_people() -> None:
    assert await refused_by(as_json=False) == [
        "front | a line of the log",
        "front | a.b  here",
        "front |   it is wrong",
        "front |   Expected: right",
        "front | ",
        "front | c.d  here",
        "front |   it is wrong",
        "front |   Expected: right",
        'front | {"errors": 7}',
    ]


async def test_lines_of_a_child_are_one_json_object_each_where_json_is_asked_for() -> None:
    said = [json.loads(line) for line in await refused_by(as_json=True)]
    assert [each["service"] for each in said] == ["front"] * 3
    assert said[0]["text"] == "a line of the log"
    assert [error["code"] for error in said[1]["errors"]] == ["a.b", "c.d"]
    assert {*said[1]["errors"][0]} == {"code", "where", "what", "expected", "next"}
    assert said[2]["text"] == '{"errors": 7}'


async def test_a_child_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "starts"
    program = (
        "import asyncio, sys; from remit.hosting.supervision import Child, Supervisor\n"
        "asyncio.run(Supervisor({'one': Child(sys.argv[1:])}, lambda _: None, lambda _: None).run(asyncio.Event()))"
    )
    supervisor = await asyncio.create_subprocess_exec(*child(program, *child(STEADY, str(file))))
    await until(lambda: bool(starts(file)))
    supervisor.kill()
    await supervisor.wait()
    await until((tmp_path / "starts.ended").exists)
