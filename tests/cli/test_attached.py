"""`remit run --attached`: it ends with whoever holds its standard input open, and says when nobody can."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import DEADLINE, REMIT, SYSTEM, TWO_SERVICES, Office, is_clear
from tests.servers.ports import free_port

ONE_SERVICE = """
system = "post_office:office"
[services.all]
runs = ["*"]
http = "127.0.0.1:0"
"""


@pytest.fixture(params=["a system", "one service", "two services"])
def command(request: pytest.FixtureRequest, office: Office, tmp_path: Path) -> list[str]:
    """What runs in this process, and what runs in children."""
    if request.param == "a system":
        return [REMIT, "run", SYSTEM, "--data", str(office.data), "--port", "0", "--attached"]
    file = tmp_path / "office.toml"
    ports = [free_port() for _ in range(4)]
    file.write_text(ONE_SERVICE if request.param == "one service" else TWO_SERVICES.format(*ports))
    return [REMIT, "run", str(file), "--attached"]


def start(command: list[str], office: Office, standard_input: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=office.folder, stdin=standard_input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("pair", [os.pipe, lambda: pty.openpty()[::-1]], ids=["a pipe", "a terminal"])
def test_it_ends_when_nobody_holds_its_input_open(
    command: list[str], office: Office, pair: Callable[[], tuple[int, int]]
) -> None:
    its, held = pair()
    with start(command, office, its) as process:
        os.close(its)
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("ready: "), "what is held open ends nothing"
            os.write(held, b"what is typed is nothing\n")
            os.close(held)
            _, logged = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert (process.returncode, "Traceback" in logged) == (0, False), logged


def test_an_input_that_is_at_its_end_ends_it_at_once(command: list[str], office: Office) -> None:
    its, held = os.pipe()
    os.close(held)
    with start(command, office, its) as process:
        os.close(its)
        try:
            _, logged = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert (process.returncode, "Traceback" in logged) == (0, False), logged


@pytest.mark.parametrize("which", ["/dev/null", "a file", "closed"])
def test_an_input_that_nobody_can_hold_is_refused_before_anything_runs(
    command: list[str], office: Office, tmp_path: Path, which: str
) -> None:
    (tmp_path / "a file").touch()
    standard_input = os.open(tmp_path / which if which == "a file" else os.devnull, os.O_RDONLY)
    closing = ["sh", "-c", 'exec "$@" <&-', "sh"] if which == "closed" else []
    with start([*closing, *command], office, standard_input) as process:
        os.close(standard_input)
        try:
            _, said = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert process.returncode == 2, said
    assert is_clear(said, "input.unusable  standard input of --attached"), said
    assert not office.data.exists()
