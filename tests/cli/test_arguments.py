"""Whatever is typed, what it says is an error that people can read, and no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from remit.cli.program import execute
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
    "a fraction of a key": ["parked", "list", "--limit", "1.5"],
    "a number of another script": ["parked", "list", "--limit", "٣"],
    "a port with a fraction": ["run", SYSTEM, "--port", "1.5"],
    "an option that there is not, for the fields": ["send", SYSTEM, "Post", "--fields={}"],
    "a subscription that never followed": ["log", "accept", "mail.nobody", "--source", "desk", "--from", "head"],
    "a projection that never followed": ["log", "accept", "mail.nobody", "--source", "desk", "--from", "here"],
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


WRONG = {
    "a misspelt command": (["stats"], "remit", "there is no command 'stats'", "one of: run, check", "remit status"),
    "a misspelt command of a group": (
        ["parked", "lst"], "remit parked", "there is no command 'lst'", "one of: list, show", "remit parked list"),
    "a misspelt option of the program": (
        ["--versio"], "remit", "there is no option '--versio'", "one of: --help", "remit --version"),
    "a misspelt option": (
        ["status", "--jsn"], "remit status", "there is no option '--jsn' here", "one of: --store, --data, --json",
        "did you mean --json? remit status --help"),
    "an option like no other": (
        ["status", "--zzzzzzz=1"], "remit status", "there is no option '--zzzzzzz' here", "one of: --store",
        "remit status --help"),
    "an option without its value": (
        ["run", "--port"], "remit run", "--port has no value", "Port of the HTTP edge", "remit run --port VALUE"),
    "a missing word": (
        ["send", SYSTEM], "remit send", "MESSAGE is missing", "Wire name",
        "remit send SYSTEM MESSAGE [JSON] [OPTIONS]"),
    "a word too many": (
        ["plan", "a", "b", "c d"], "remit plan", "'c d' is more than", "remit plan TOPOLOGY [OTHER] [OPTIONS]",
        "remove it, or quote what belongs together; remit plan --help"),
    "a wrong value": (
        ["run", ".", "--max-body", "0"], "remit run", 'Invalid value "0" for --max-body', "Largest body",
        "remit run --help"),
}  # fmt: skip


@pytest.mark.parametrize(("typed", "where", "what", "expected", "next"), WRONG.values(), ids=WRONG)
def test_a_wrong_command_line_is_told_with_what_to_type_next(
    capsys: pytest.CaptureFixture[str], typed: list[str], where: str, what: str, expected: str, next: str
) -> None:
    assert execute([*typed, "--json"]) == 2
    (found,) = json.loads(capsys.readouterr().err)["errors"]
    assert (found["code"], found["where"], found["next"]) == ("cli.usage", where, next)
    assert found["what"].startswith(what)
    assert found["expected"].startswith(expected)


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


def test_an_error_is_json_where_answers_are(office: Office) -> None:
    told = office.remit("log", "accept", "mail.deliver", "--source", "nobody", "--from", "head", "--json")
    assert told.returncode == 2
    (error,) = json.loads(told.stderr)["errors"]
    assert error["code"] == "cli.usage"
    assert set(error) == {"code", "where", "what", "expected", "next"}


def test_all_findings_are_json(office: Office, tmp_path: Path) -> None:
    topology = tmp_path / "two-mistakes.toml"
    topology.write_text('system = 3\n[services.all]\nruns = ["*"]\nhttp = 8000\n')
    told = office.remit("plan", str(topology), "--json", place=False)
    assert {each["code"] for each in json.loads(told.stderr)["errors"]} == {"topology.type"}
    assert len(json.loads(told.stderr)["errors"]) == 2


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_the_fields_are_read_from_standard_input(office: Office, mark: str) -> None:
    sent = office.remit("send", SYSTEM, "Post", "-", given=mark + '{"letter": "1", "box": "käse", "text": "hello"}')
    assert sent.returncode == 0, sent.stderr
    asked = office.remit("ask", SYSTEM, "Contents", "-", "--fresh", "--json", given='{"box": "käse"}')
    assert json.loads(asked.stdout) == ["hello"]


def test_what_is_given_and_no_text_is_said(office: Office) -> None:
    sent = office.remit("send", SYSTEM, "Post", "-", given=b"\xff{}")
    assert (sent.returncode, is_clear(sent.stderr, "cli.usage")) == (2, True), sent.stderr


def test_a_topology_may_begin_with_a_byte_order_mark(office: Office, tmp_path: Path) -> None:
    topology = tmp_path / "topology.toml"
    topology.write_text(
        f'\ufeffsystem = "{SYSTEM}"\n[services.all]\nruns = ["*"]\nhttp = "127.0.0.1:8000"\n', encoding="utf-8"
    )
    planned = office.remit("plan", str(topology), place=False)
    assert planned.stdout.startswith(f"{SYSTEM} by "), planned.stderr


def test_nul_in_a_topology_is_a_finding_of_the_plan(office: Office, tmp_path: Path) -> None:
    topology = tmp_path / "topology.toml"
    store = 'default = "sqlite:data\\u0000/{context}.db"'
    topology.write_text(f'system = "{SYSTEM}"\n[stores]\n{store}\n[services.all]\nruns = ["desk", "mail"]\n')
    for command in ("plan", "run"):
        told = office.remit(command, str(topology), place=False)
        assert (told.returncode, is_clear(told.stderr, "topology.type")) == (2, True), told.stderr


def test_the_package_runs_as_the_command(office: Office) -> None:
    ran = subprocess.run([sys.executable, "-m", "remit", "--version"], capture_output=True, text=True, check=False)
    assert ran.stdout == office.remit("--version", place=False).stdout != ""
