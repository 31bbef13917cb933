"""The program itself: help, version, and what it says where an extra is missing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.cli.program import REMIT, SYSTEM, Office, is_clear
from tests.servers.warm import cold

COMMANDS = [
    "",
    "run",
    "status",
    "parked",
    "parked list",
    "parked show",
    "parked retry",
    "parked discard",
    "send",
    "ask",
]


def execute(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([REMIT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    shown = execute(*command.split(), "--help")
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"Usage: {f'remit {command}'.strip()} ")
    assert "Exit codes" in shown.stdout


def test_the_version_is_that_of_the_package() -> None:
    with cold():
        shown = execute("--version")
    assert shown.stdout == f"remit {version('remit')}\n"


@pytest.mark.parametrize("arguments", [["ask", "--help"], ["plan", SYSTEM], ["plan", "nowhere"]])
def test_a_process_that_starts_from_nothing_says_the_same(office: Office, arguments: list[str]) -> None:
    """Most tests start it warm: tests/servers/warm.py."""
    warm = office.remit(*arguments, place=False)
    with cold():
        started = office.remit(*arguments, place=False)
    assert (started.returncode, started.stdout, started.stderr) == (warm.returncode, warm.stdout, warm.stderr)


def test_an_unknown_command_is_said() -> None:
    ran = execute("frobnicate")
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "cli.usage  remit\n"), ran.stderr


def test_two_places_are_one_too_many(office: Office) -> None:
    ran = office.remit("status", SYSTEM, "--store", "sqlite:{context}.db", "--data", str(office.data))
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "cli.usage"), ran.stderr


@pytest.mark.parametrize(
    ("missing", "code", "next"),
    [
        ("cyclopts", "cli.extra-missing", "pip install 'remit[cli]'"),
        ("rich", "cli.extra-missing", "pip install 'remit[cli]'"),
        ("uvicorn", "http.extra-missing", "pip install 'remit[http]'"),
    ],
)
def test_a_missing_extra_is_said(office: Office, missing: str, code: str, next: str) -> None:
    program = f"import sys; sys.modules['{missing}'] = None; from remit.cli import main; main()"
    command = [sys.executable, "-c", program, "run", SYSTEM, "--port", "0", "--data", str(office.data)]
    ran = subprocess.run(command, cwd=office.folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert is_clear(ran.stderr, code), ran.stderr
    assert next in ran.stderr
    assert not office.data.exists()
