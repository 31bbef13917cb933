"""A driver that is not installed is said with the extra that brings it, whichever way leads there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.program import DEADLINE, SYSTEM, Office, is_clear

STORE = "postgresql://desk@127.0.0.1:1/office"
LETTER = '{"letter": "l1", "box": "ada", "text": "hello"}'
BOX = '{"box": "ada"}'
ON_POSTGRES = f'[stores]\ndefault = "{STORE}"\n'
SERVICE = '[services.all]\nruns = ["*"]\nhttp = "127.0.0.1:0"\n'

# Several commands in one process, because most of what each of them takes is its start.
COMMANDS = """
import json, sys
sys.modules[sys.argv[1]] = None
from remit.cli.program import execute
for command in json.loads(sys.argv[2]):
    print(execute(command), file=sys.stderr)
    print("----", file=sys.stderr)
"""
SCRIPT = """
import sys
sys.modules["asyncpg"] = None
from post_office import office
from remit.errors import RemitError
try:
    with office.connect_sync(store=sys.argv[1]):
        pass
except RemitError as error:
    print(error.code, error.next)
"""


def without(office: Office, missing: str, commands: Sequence[Sequence[str]]) -> list[str]:
    """What each command says, and its exit code, where `missing` is not installed."""
    ran = subprocess.run(
        [sys.executable, "-c", COMMANDS, missing, json.dumps(commands)],
        cwd=office.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == ""
    return ran.stderr.split("----\n")[:-1]


def topology(folder: Path, text: str) -> str:
    file = folder / "office.toml"
    file.write_text(f'system = "{SYSTEM}"\n{text}')
    return str(file)


def test_whatever_opens_a_store_says_that_its_driver_is_missing(office: Office, tmp_path: Path) -> None:
    file = topology(tmp_path, ON_POSTGRES + SERVICE)
    at = ["--store", STORE]
    commands = [
        ["run", file],
        ["run", SYSTEM, *at],
        ["migrate", file],
        ["migrate", file, "--sql"],
        ["migrate", file, "--roles"],
        ["migrate", file, "--roles", "--apply"],
        ["status", file],
        ["send", SYSTEM, "Post", LETTER, *at],
        ["ask", SYSTEM, "Contents", BOX, *at],
        ["parked", "list", *at],
        ["parked", "list", "--store", file],
        ["log", "heads", SYSTEM, *at],
        ["log", "subscribers", SYSTEM, *at],
        ["log", "forget", "mail.deliver", "--source", "desk", *at],
        ["log", "accept", "mail.deliver", "--source", "desk", "--from", "head", *at],
    ]
    for command, said in zip(commands, without(office, "asyncpg", commands), strict=True):
        assert is_clear(said, "store.unusable"), f"{command}\n{said}"
        assert "stores in PostgreSQL need asyncpg, which is not installed" in said
        assert 'Next: pip install "remit[postgres]"\n2\n' in said, f"{command}\n{said}"


@pytest.mark.parametrize(
    ("missing", "extra", "channels"),
    [
        ("nats", "nats", 'events = "nats://all:secret@127.0.0.1:1"'),
        ("nats", "nats", 'calls = "nats://all:secret@127.0.0.1:1"'),
        ("aiohttp", "http", 'calls = "http"'),
    ],
)
def test_whatever_opens_a_channel_says_that_its_driver_is_missing(
    office: Office, tmp_path: Path, missing: str, extra: str, channels: str
) -> None:
    listening = 'calls = "127.0.0.1:1"\n' if missing == "aiohttp" else ""
    file = topology(tmp_path, f"[channels]\n{channels}\n{SERVICE}{listening}")
    commands = [["run", file], *([["plan", file, "--permissions"]] if missing == "nats" else [])]
    if "calls" in channels:
        commands += [["send", file, "Post", LETTER], ["ask", file, "Contents", BOX]]
    for command, said in zip(commands, without(office, missing, commands), strict=True):
        assert is_clear(said, "channel.unusable"), f"{command}\n{said}"
        assert f"need {missing}, which is not installed" in said
        assert f'Next: pip install "remit[{extra}]"\n2\n' in said


def test_a_script_is_told_as_well(office: Office) -> None:
    command = [sys.executable, "-c", SCRIPT, STORE]
    ran = subprocess.run(command, cwd=office.folder, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert ran.stdout == 'store.unusable pip install "remit[postgres]"\n', ran.stderr
