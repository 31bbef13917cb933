"""Whatever is typed, what it says is an error that people can read, and no traceback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import REMIT, SYSTEM, Office, is_clear

LONG = "x" * 100_000
NO_TEXT = os.fsdecode(b"\xff\xfe")
CLEAR = "\x1b[2J"

TYPED = {
    "no text": ["send", SYSTEM, "Post", "{}", "--key", NO_TEXT],
    "no text in a name": ["parked", "show", NO_TEXT],
    "a folder of endless name": ["status", SYSTEM, "--data", LONG],
    "a store of endless name": ["log", "heads", SYSTEM, "--store", f"sqlite:{LONG}"],
    "a source that is none": ["log", "accept", "mail.deliver", "--source", "nobody", "--from", "head"],
    "a subscription that is none": ["log", "accept", CLEAR, "--source", "desk", "--from", "floor"],
    "a subscription without a name": ["log", "accept", "", "--source", "desk", "--from", "here"],
    "a time that is none": ["log", "accept", "mail.deliver", "--source", "desk", "--from", LONG],
    "too many": ["parked", "list", "--limit", str(2**63)],
    "a module of endless name": ["parked", "list", f"remit.{LONG}"],
    "fewer than none": ["parked", "list", "--limit", "-1"],
    "JSON that is too deep": ["send", SYSTEM, "Post", "[" * 60_000],
    "no system": ["status", ""],
    "a system of strange name": ["status", f"{CLEAR}:{CLEAR}"],
    "no message": ["ask", SYSTEM, ""],
    "no topology": ["plan", f"{CLEAR}.toml"],
    "no command": [CLEAR],
}


@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED)
def test_what_cannot_be_is_said(office: Office, typed: list[str]) -> None:
    office.post("ada", "one")
    ran = office.remit(*typed, place="--data" not in typed and typed[0] not in ("plan", CLEAR))
    assert ran.returncode == 2, ran.stderr[-2000:]
    code = ran.stderr.partition(" ")[0]
    assert is_clear(ran.stderr, code), ran.stderr[-2000:]
    assert "." in code
    assert "\x1b" not in ran.stdout + ran.stderr


def test_what_nobody_reads_is_no_error(office: Office, tmp_path: Path) -> None:
    """The output goes to a program that has seen enough."""
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run([REMIT, "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    asked = subprocess.run(
        [REMIT, "ask", SYSTEM, "Contents", '{"box": "ada"}', "--data", str(tmp_path / "d")], cwd=office.folder,
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert "Traceback" not in ran.stderr + asked.stderr
    assert "BrokenPipe" not in ran.stderr + asked.stderr


def test_what_the_output_cannot_say_is_written_otherwise(office: Office) -> None:
    office.post("käse", "one")
    office.environment["PYTHONIOENCODING"] = "ascii"
    asked = office.remit("ask", SYSTEM, "Contents", '{"box": "käse"}', "--fresh")
    assert (asked.returncode, asked.stdout) == (0, '["one"]\n'), asked.stderr
    listed = office.remit("parked", "show", "käse")
    assert is_clear(listed.stderr, "parked.none"), listed.stderr
