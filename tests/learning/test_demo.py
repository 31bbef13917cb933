"""The demonstration ends by itself, or keeps serving; with `rich` and without."""

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SHOWN = (
    "completed",
    "not passed",
    "withdrawn",
    "PaymentRefused",
    "CreditExhausted",
    "refunded",
    "№ 1",
    "GET /courses/",
)


@contextmanager
def demo(*arguments: str, python: tuple[str, ...] = ("-m", "learning.demo")) -> Generator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(
        [sys.executable, *python, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What was printed, up to the line that holds the text or to the end."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            break
    return "".join(lines)


def test_the_demo_shows_every_outcome_and_ends_with_exit_code_0() -> None:
    with demo() as process:
        out, error = process.communicate()
    assert (process.returncode, [line for line in error.splitlines() if " INFO " not in line]) == (0, [])
    assert [word for word in SHOWN if word not in out] == []
    assert "nothing pending" in out
    assert "certification.issue_certificate" in out
    assert "scripts/demo --keep" in out


def test_the_demo_needs_no_rich() -> None:
    """The platform itself is started by its own program, so only the demo goes without."""
    without = "import sys; sys.modules['rich'] = None; from learning.demo import main; sys.exit(main())"
    with demo(python=("-c", without)) as process:
        out, error = process.communicate()
    assert (process.returncode, [line for line in error.splitlines() if " INFO " not in line]) == (0, [])
    assert "== What to try next" in out
    assert [word for word in SHOWN if word not in out] == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_with_keep_it_serves_until_it_is_ended_and_leaves_nothing_behind(ending: signal.Signals) -> None:
    with demo("--keep") as process:
        out = read_until(process, "Ctrl-C ends it")
        url, data = re.findall(r"learning\.driver (\S+)", out)[0], re.findall(r"learning\.checker (\S+)", out)[0]
        with urlopen(f"{url}/students/nobody/invoices") as answer:
            assert json.load(answer) == []
        assert Path(data).is_dir()
        process.send_signal(ending)
        assert process.wait() == 0
    assert not Path(data).exists()
    with pytest.raises(OSError, match="refused"):
        urlopen(f"{url}/students/nobody/invoices")


def test_what_the_demo_says_to_try_works_as_it_stands() -> None:
    with demo("--keep") as process:
        out = read_until(process, "Ctrl-C ends it")
        commands = re.findall(r"^  (curl (?:.*\\\n)*.*)$", out, re.MULTILINE)
        url = re.findall(r"learning\.driver (\S+)", out)[0]
        answers: list[Any] = []
        for command in commands:
            with urlopen(as_request(command)) as answer:
                answers.append(json.load(answer))
            with urlopen(f"{url}/students/ada/transcript?fresh=true") as rest:  # people type slower than reactions run
                rest.read()
    enrollment, _, completed, certificates, invoices, students, withdrawal = answers
    assert (enrollment, completed["missing"], withdrawal) == ("e-1", [], None)
    assert [certificate["course"] for certificate in certificates] == ["event-storming"]
    assert [invoice["amount"] for invoice in invoices] == [{"amount": "200.00", "currency": "EUR"}]
    assert "ada" in [line["student"] for line in students["items"]]


def as_request(command: str) -> Request:
    """A `curl` line as a request, so that the test needs no `curl`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", default="GET")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d", default="")
    options = parser.parse_args(shlex.split(command.replace("\\\n", ""))[1:])
    headers = dict(header.split(": ") for header in options.H)
    return Request(options.url, options.d.encode() or None, headers, method=options.X)
