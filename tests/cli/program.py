"""The command `remit` as tests use it: a process of its own, in a folder, with stores in a folder."""

from __future__ import annotations

import ctypes
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from unittest import mock

from remit.cli.program import execute
from remit.hosting import SyncSender
from tests.cli import post_office
from tests.cli.post_office import BoxName, Contents, LetterId, Post, office

REMIT = str(Path(sys.executable).parent / "remit")
SYSTEM = "post_office:office"
DEADLINE = 20.0
"""Seconds until what a test waits for must have happened."""
TWO_SERVICES = """
system = "post_office:office"
[stores]
default = "sqlite:kept/{{context}}.db"
[channels]
calls = "http"
[services.desk]
runs = ["desk"]
http = "127.0.0.1:{}"
calls = "127.0.0.1:{}"
[services.mail]
runs = ["mail"]
http = "127.0.0.1:{}"
calls = "127.0.0.1:{}"
"""
"""A topology of the same system; four ports are to be filled in."""


@dataclass
class Office:
    """The post office with its stores in `data`."""

    data: Path
    folder: Path = Path(__file__).parent
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def remit(
        self, *arguments: str, place: bool = True, given: str | bytes = "", before: Callable[[], None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs one command to its end, with --data unless it names a store, and with what is given to its standard
        input. `before` runs in the new process."""
        data = ["--data", str(self.data)] if place and "--store" not in arguments else []
        with TemporaryFile() as standard_input:
            standard_input.write(given.encode() if isinstance(given, str) else given)
            standard_input.seek(0)
            return subprocess.run(
                [REMIT, *arguments, *data],
                cwd=self.folder,
                env=self._environment(),
                preexec_fn=before,
                stdin=standard_input,
                capture_output=True,
                text=True,
                check=False,
                timeout=DEADLINE,
            )

    def post(self, box: str, *texts: str) -> None:
        """Posts letters, one after another, as `remit send` does: the system runs here until they are posted."""
        with self._connected() as app:
            for text in texts:
                app.send(Post(letter=LetterId(f"{box}-{text}"), box=BoxName(box), text=text))

    def deliver(self, box: str) -> list[str]:
        """Runs the system here until all letters are in their boxes. What is in this one then."""
        with self._connected() as app:
            return app.ask(Contents(box=BoxName(box)), fresh=True)

    @contextmanager
    def _connected(self) -> Generator[SyncSender]:
        store = f"sqlite:{self.data}/{{context}}.db"
        with mock.patch.dict(os.environ, self._environment()), office.connect_sync(store=store) as app:
            yield app

    def contents(self, box: str) -> Any:
        """What is in a box."""
        asked = self.remit("ask", SYSTEM, "Contents", json.dumps({"box": box}))
        assert asked.returncode == 0, asked.stderr
        return json.loads(asked.stdout)

    def status(self) -> tuple[int, dict[str, Any]]:
        """The exit code of `remit status`, and its only subscription."""
        seen = self.remit("status", SYSTEM, "--json")
        assert seen.stdout, seen.stderr
        (row,) = json.loads(seen.stdout)["subscriptions"]
        return seen.returncode, row

    def wait_for(self, holds: Callable[[dict[str, Any]], bool]) -> tuple[int, dict[str, Any]]:
        """Asks for the status until something holds of it, without a process for each time."""
        latest = time.monotonic() + DEADLINE
        while True:
            with redirect_stdout(io.StringIO()) as printed:
                code = execute(["status", f"{post_office.__name__}:office", "--json", "--data", str(self.data)])
            (row,) = json.loads(printed.getvalue())["subscriptions"]
            if holds(row):
                return code, row
            assert time.monotonic() < latest, row
            time.sleep(0.02)

    @contextmanager
    def running(self, *arguments: str, system: tuple[str, ...] = (SYSTEM,)) -> Generator[Running]:
        """`remit run`, ready; killed at the end if it still runs."""
        place = ("--data", str(self.data), *(arguments or ("--port", "0")))
        with self.started("run", *system, "--json", *place) as running:
            yield running

    @contextmanager
    def started(self, *arguments: str) -> Generator[Running]:
        """A command that says in one line of JSON when it is ready; killed at the end if it still runs."""
        process = subprocess.Popen(
            [REMIT, *arguments],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            yield Running(process, json.loads(line))
        finally:
            process.kill()
            process.communicate()

    def _environment(self) -> dict[str, str]:
        return os.environ | {"POST_OFFICE_CURE": str(self.data.parent / "cure")} | self.environment

    def cure(self) -> None:
        """From now on poisoned letters can be delivered."""
        (self.data.parent / "cure").touch()


@dataclass
class Running:
    """A process that runs the system, and what it said when it was ready."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a GET request."""
        return self._open(urllib.request.Request(self.ready["url"] + path))

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON of a POST request."""
        headers = {"content-type": "application/json"}
        return self._open(urllib.request.Request(self.ready["url"] + path, json.dumps(body).encode(), headers))

    def end(self, signal: int) -> tuple[int, str, str]:
        """Sends the signal; exit code and what was printed after the line that said ready."""
        self.process.send_signal(signal)
        printed, logged = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, printed, logged

    def _open(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


def without_rights() -> None:
    """Before a command starts: takes from root what lets it write where nobody may (Linux: CAP_DAC_OVERRIDE)."""
    if os.geteuid() == 0:
        drop_from_bounding_set, cap_dac_override = 24, 1
        assert ctypes.CDLL(None).prctl(drop_from_bounding_set, cap_dac_override, 0, 0, 0) == 0


def is_clear(said: str, code: str) -> bool:
    """An error as people should see it: its code, what was expected, what to do next, and no traceback; as JSON the
    same."""
    if said.startswith('{"errors":'):
        return all(each["code"] == code and each["expected"] and each["next"] for each in json.loads(said)["errors"])
    return said.startswith(code) and "Expected: " in said and "Next: " in said and "Traceback" not in said
