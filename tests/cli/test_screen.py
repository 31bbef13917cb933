"""Texts of customers, of errors and of children reach neither a terminal nor a log as what a terminal obeys."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
from functools import partial
from pathlib import Path

import pytest
from rich.table import Table

from remit.cli.screen import LineFormatter, cell, say, show
from remit.errors import RemitError, visible
from remit.hosting.supervision import Child, Supervisor
from remit.observability import HandlerRaised, log_event
from tests.cli.program import Office

CLEAR = "\x1b[2J\x1b]0;owned\x07"
FORGED = "first\n2026-01-01 00:00:00 INFO remit all is well"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("käse — ✓ 😀\tx", "käse — ✓ 😀\tx"),
        (CLEAR, "\\u001b[2J\\u001b]0;owned\\u0007"),
        ("\x9b2J\x7f", "\\u009b2J\\u007f"),
        ("a\r\nb", "a\\u000d\n    b"),
        ("evil\u202egpj.exe\u2066\u200f", "evil\\u202egpj.exe\\u2066\\u200f"),
        ("half \ud800", "half \\ud800"),
        ("one\ntwo\n    three", "one\n    two\n    three"),
    ],
)
def test_what_a_terminal_obeys_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown
    shown.encode()


def test_errors_are_told_so() -> None:
    error = RemitError(CLEAR + FORGED, where=CLEAR, expected=CLEAR, next=FORGED)
    assert "\x1b" not in str(error)
    assert "\n2026" not in str(error)
    assert error.what == CLEAR + FORGED, "what it carries is left as it is"


def test_a_cell_is_one_line() -> None:
    assert cell(FORGED + "[red]") == "first\\n2026-01-01 00:00:00 INFO remit all is well\\[red]"


def test_json_on_a_screen_stays_the_same_json(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"text": "\x9b\u202e\x1b"}
    say(json.dumps(value, ensure_ascii=False))
    said = capsys.readouterr().out
    assert "\x9b" not in said
    assert json.loads(said) == value


def entry(what: str = CLEAR + FORGED, error: BaseException | None = None) -> list[str]:
    """What is logged of a handler that has raised this, as lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("remit")
    logger.addHandler(handler)
    try:
        log_event(HandlerRaised(1.0, "", f"desk{CLEAR}", what, error))
    finally:
        logger.removeHandler(handler)
    return stream.getvalue().splitlines()


def test_a_line_of_a_log_cannot_be_forged() -> None:
    lines = entry(error=ValueError(CLEAR + FORGED))
    assert lines[0].startswith("WARNING handler-failed desk\\u001b")
    assert all(line.startswith("    ") for line in lines[1:])
    assert any("ValueError" in line for line in lines[1:])
    assert "\x1b" not in "".join(lines)


def test_the_text_of_an_exception_does_not_fill_the_log() -> None:
    assert len("".join(entry(what="x" * 1_000_000))) < 10_000


def test_what_others_listen_with_gets_no_controls_either(caplog: pytest.LogCaptureFixture) -> None:
    log_event(HandlerRaised(1.0, "", CLEAR, CLEAR + FORGED, None))
    assert "\x1b" not in caplog.text
    assert "\n2026" not in caplog.text


def test_a_parked_key_is_shown_and_not_obeyed(office: Office) -> None:
    with office.running() as running:
        running.post("/letters", {"letter": "l1", "box": CLEAR, "text": "poison"})
        office.wait_for(lambda row: row["parked"] == 1)
    listed, shown = office.remit("parked", "list"), office.remit("parked", "show", CLEAR, "--payload")
    for seen in (listed, shown):
        assert seen.returncode == 0, seen.stderr
        assert "\x1b" not in seen.stdout + seen.stderr
        assert "\\u001b[2J" in seen.stdout or "\\x1b[2J" in seen.stdout
    assert json.loads(office.remit("parked", "list", "--json").stdout)[0]["key"] == CLEAR


async def test_lines_of_children_are_shown_and_not_obeyed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """And what looks like a word of readiness, and is none, stops nobody."""
    script = (
        "import json, sys; print('\\x1b[2Jhello\\u202e'); print('{\"ready\": true, \"url\": 5}'); "
        "print('{\"ready\"' + ': [' * 100_000); print(json.dumps({'ready': True, 'url': None}), flush=True); "
        "sys.stdin.read()"
    )
    ready, ending = asyncio.Event(), asyncio.Event()
    supervisor = Supervisor(
        {"one": Child([sys.executable, "-c", script])}, lambda _: ready.set(), partial(say, error=True)
    )
    running = asyncio.create_task(supervisor.run(ending))
    async with asyncio.timeout(20):
        await ready.wait()
        ending.set()
        assert await running == 0
    said = capfd.readouterr().err
    assert "one | \\u001b[2Jhello\\u202e\n" in said
    assert "\x1b" not in said


NAMES = [f"certification.a_subscription_with_a_long_name_{number}" for number in (1, 2)]


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> str:
    """What a table of two subscriptions looks like on a terminal so wide."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    table = Table("SUBSCRIPTION", "HEAD", "STATE", "NOTE", box=None, pad_edge=False)
    for name in NAMES:
        table.add_row(cell(name), "12", "running", cell("the first line of an error, [escaped]") if "2" in name else "")
    show(table)
    return re.sub(r"\x1b\[[0-9;]*m", "", printed.getvalue())


def test_a_wide_terminal_shows_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_a_terminal(monkeypatch, 120).splitlines()
    assert len(lines) == 3
    assert lines[0].split() == ["SUBSCRIPTION", "HEAD", "STATE", "NOTE"]


@pytest.mark.parametrize("columns", [80, 60, 20])
def test_a_narrow_terminal_shows_blocks_in_which_nothing_is_shortened(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = on_a_terminal(monkeypatch, columns)
    assert [line for line in shown.splitlines() if not line.startswith(" ")] == NAMES
    assert "…" not in shown
    assert shown.count("HEAD 12") == 2
    assert "NOTE the first line of an error, [escaped]" in shown
    assert shown.count("NOTE") == 1, "what is empty is left out"
    whole = max(len(line) for line in shown.splitlines() if line.startswith(" "))
    assert whole <= max(columns, len("  NOTE the first line of an error, [escaped]"))
