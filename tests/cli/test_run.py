"""`remit run`: readiness, health, draining, and what keeps it from starting."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import DEADLINE, REMIT, SYSTEM, Office, Running, is_clear

MODULES = {
    "broken.py": "import json\n\n1 / 0\n",
    "unfinished.py": "def handler(:\n",
    "needy.py": "import a_package_that_nobody_has\n",
    "empty.py": "answer = 42\n",
    "pair.py": "from remit import System\n\none = System('one', contexts=[])\ntwo = System('two', contexts=[])\n",
    "twins.py": (
        "from remit import Context, System\n\n"
        "system = System('twins', contexts=[Context('same'), Context('same'), Context('Not A Name')])\n"
    ),
}


@pytest.fixture
def modules(office: Office, tmp_path: Path) -> Office:
    """The same office, in a folder with modules that hold no post office."""
    for name, text in MODULES.items():
        (tmp_path / name).write_text(text)
    office.folder = tmp_path
    return office


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_ready_once_and_ends_with_zero(office: Office, number: int) -> None:
    with office.running() as running:
        url = running.ready.pop("url")
        assert running.ready == {"ready": True, "system": "post-office", "contexts": ["desk", "mail"]}
        assert url.startswith("http://127.0.0.1:"), "nobody else is let in unless told so"
        code, printed, logged = running.end(number)
    assert (code, printed) == (0, ""), logged


def test_it_says_ready_to_people(office: Office) -> None:
    command = [REMIT, "run", SYSTEM, "--port", "0", "--data", str(office.data)]
    with subprocess.Popen(command, cwd=office.folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    assert re.fullmatch(r"ready: post-office \(desk, mail\) on http://127\.0\.0\.1:[0-9]+\n", line)


HARBOUR = "from remit import Context, System\nharbour = System('harbour', contexts=[Context('harbour')])\n"
ALONE = 'system = "harbour"\n[stores]\ndefault = "memory:"\n[services.harbour]\nruns = ["*"]\n'


@pytest.mark.parametrize("named", ["harbour", "harbour.toml"])
def test_a_system_that_is_named_like_its_only_context_and_service_is_ready_under_one_name(
    tmp_path: Path, named: str
) -> None:
    (tmp_path / "harbour.py").write_text(HARBOUR)
    (tmp_path / "harbour.toml").write_text(ALONE)
    with subprocess.Popen([REMIT, "run", named], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    assert line == "ready: harbour\n"


def test_its_port_is_free_again_at_once(office: Office) -> None:
    with office.running() as running:
        url = running.ready["url"]
        assert running.get("/health/live")[0] == 200
        running.end(signal.SIGTERM)
    with office.running("--port", url.rsplit(":", 1)[1]) as running:
        assert running.ready["url"] == url


def test_it_serves_routes_and_health(office: Office) -> None:
    with office.running() as running:
        assert running.post("/letters", {"letter": "l1", "box": "ada", "text": "hello"}) == (201, "l1")
        assert running.get("/health/live")[0] == 200
        assert running.get("/health/ready") == (200, {"ready": True, "unusable": []})
        delivery = {"name": "mail.deliver", "source": "desk", "channel": "published", "state": "running"}
        assert running.get("/health/status") == (200, {"well": True, "subscriptions": [delivery], "unusable": []})
        code, row = office.wait_for(lambda row: row["position"] == 1)
        assert (code, row["state"]) == (0, "running")
        assert running.get("/boxes/ada") == (200, ["hello"])


def test_a_subscription_that_cannot_run_is_said_and_its_process_serves(office: Office) -> None:
    """Another process could not run it either: nobody is taken out of rotation for it."""
    office.post("ada", "one")
    with office.running():
        office.wait_for(lambda row: row["position"] == 1)
    with sqlite3.connect(office.data / "desk.db") as backup:  # as if an older copy had been restored
        backup.execute("DELETE FROM log")
        backup.execute("DELETE FROM state")
    backup.close()
    office.post("ada", "another one")
    with office.running() as running:
        latest = time.monotonic() + DEADLINE
        while (answer := running.get("/health/status"))[0] != 503:
            assert time.monotonic() < latest, answer
        assert [row["state"] for row in answer[1]["subscriptions"]] == ["regressed"]
        assert running.get("/health/ready")[0] == 200
        code, row = office.wait_for(lambda row: row["state"] == "regressed")
        assert (code, row["note"] != "") == (1, True)


def test_the_pages_about_the_routes_can_be_left_out(office: Office) -> None:
    with office.running("--no-docs", "--port", "0") as running:
        assert [running.get(path)[0] for path in ("/docs", "/openapi.json", "/boxes/ada")] == [404, 404, 200]


def test_a_request_that_has_begun_is_finished(office: Office, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    office.environment["POST_OFFICE_PIPE"] = str(pipe)
    answers: list[tuple[int, Any]] = []
    with office.running() as running:
        letter = {"letter": "l1", "box": "ada", "text": "slow"}
        asking = threading.Thread(target=lambda: answers.append(running.post("/letters", letter)))
        asking.start()
        with pipe.open("wb"):  # opened once the handler reads it
            running.process.send_signal(signal.SIGTERM)
            until_closed(running)
        asking.join(DEADLINE)
        assert running.process.wait(DEADLINE) == 0
    assert answers == [(201, "l1")]
    with office.running():
        assert office.wait_for(lambda row: row["position"] == 1)[1]["lag"] == 0
    assert office.contents("ada") == ["slow"]


LISTENING = """
import sys
from remit.observability import CallEnded, ProcessStarted

def hear(event: CallEnded | ProcessStarted) -> None:
    print("heard", type(event).__name__, getattr(event, "outcome", ""), file=sys.stderr)

def count(event: ProcessStarted) -> None:
    print("counted", file=sys.stderr)

def confused(event: int) -> None: ...
"""


@pytest.fixture
def listening(office: Office, tmp_path: Path) -> Office:
    """The same office, beside a module with listeners."""
    (tmp_path / "listening.py").write_text(LISTENING)
    office.environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    return office


def test_it_tells_listeners_what_happens(listening: Office) -> None:
    options = ("--port", "0", "--listen", "listening:hear", "--listen", "listening:count")
    with listening.running(*options) as running:
        running.post("/letters", {"letter": "l1", "box": "ada", "text": "hello"})
        _, _, logged = running.end(signal.SIGTERM)
    lines = logged.splitlines()
    assert ("heard ProcessStarted " in lines, "heard CallEnded replied" in lines, "counted" in lines) == (True,) * 3


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nowhere:hear", "listener.module"),
        ("listening:nothing", "listener.missing"),
        ("listening", "listener.missing"),
        ("listening:confused", "listener.invalid"),
    ],
)
def test_a_listener_that_cannot_be_told_is_a_clear_error(listening: Office, name: str, code: str) -> None:
    done = listening.remit("run", SYSTEM, "--listen", name)
    assert done.returncode == 2
    assert is_clear(done.stderr, code), done.stderr


def until_closed(running: Running) -> None:
    """Returns when no new request is answered; each asking takes a round trip, so this needs no pause."""
    latest = time.monotonic() + DEADLINE
    with contextlib.suppress(ConnectionError, urllib.error.URLError):
        while time.monotonic() < latest:
            running.get("/health/live")
        raise AssertionError("it goes on answering requests")


def test_requests_are_limited_as_told(office: Office) -> None:
    with office.running("--port", "0", "--max-body", "100", "--max-deadline", "0.5") as running:
        letter = {"letter": "l1", "box": "ada", "text": "hello"}
        assert running.post("/letters", letter)[0] == 201
        status, problem = running.post("/letters", letter | {"letter": "l2", "text": "h" * 100})
        assert (status, problem["code"], problem["expected"]) == (413, "http.too-large", "at most 100 bytes")
        pipe = office.data.parent / "pipe"
        os.mkfifo(pipe)
    office.environment["POST_OFFICE_PIPE"] = str(pipe)
    with office.running("--port", "0", "--max-deadline", "0.5") as running:
        status, problem = running.post("/letters", letter | {"letter": "l3", "text": "slow"})
        assert (status, problem["code"]) == (504, "call.deadline")
        pipe.open("wb").close()  # so that nobody reads it any more


def test_a_taken_port_is_said_before_anything_is_made(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = office.remit("run", SYSTEM, "--port", str(taken.getsockname()[1]))
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "port.taken  127.0.0.1:"), ran.stderr
    assert not office.data.exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--port", "70000"], "port.invalid"),
        (["--host", "203.0.113.77"], "host.unusable"),
        (["--host", "no such host"], "host.unusable"),
        (["--prot", "1"], "cli.usage"),
        (["--max-body", "0"], "cli.usage"),
        (["--max-deadline", "-1"], "cli.usage"),
        (["--port", "many"], "cli.usage"),
    ],
)
def test_a_wrong_option_is_said(office: Office, options: list[str], code: str) -> None:
    ran = office.remit("run", SYSTEM, *options)
    assert ran.returncode == 2
    assert is_clear(ran.stderr, code), ran.stderr


@pytest.mark.parametrize(
    ("system", "code", "said"),
    [
        ("nowhere:system", "system.module", "there is no module 'nowhere'"),
        ("nowhere.inside:system", "system.module", "there is no module 'nowhere.inside'"),
        ("pai:one", "system.module", "did you mean pair:one?"),
        ("remit.topolgy.file", "system.module", "did you mean remit.topology.file?"),
        ("empty.py", "system.module", "give empty"),
        ("", "system.module", "there is no module ''"),
        ("broken:system", "system.import", "broken.py:3\n  importing broken failed: ZeroDivisionError"),
        ("unfinished:system", "system.import", "unfinished.py:1\n  importing unfinished failed: SyntaxError"),
        ("needy:system", "system.import", "No module named 'a_package_that_nobody_has'"),
        ("empty", "system.missing", "empty contains no system"),
        ("empty:system", "system.missing", "empty has no 'system'"),
        ("empty:answer", "system.missing", "empty:answer is a int"),
        ("pair", "system.ambiguous", "give pair:one or pair:two"),
        ("pair:three", "system.missing", "give pair:one or pair:two"),
    ],
)
def test_a_system_that_is_not_there_is_said(modules: Office, system: str, code: str, said: str) -> None:
    ran = modules.remit("run", system)
    assert ran.returncode == 2
    assert is_clear(ran.stderr, code), ran.stderr
    assert said in ran.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (None, "there is no pyproject.toml here"),
        ("[project]\nname = 'shop'\n", "pyproject.toml has no [tool.remit] system"),
        ("[tool.remit]\nsystem = 7\n", "pyproject.toml cannot be read: Expected `str`"),
        ("[tool.remit\n", "pyproject.toml cannot be read"),
        ("[tool.remit]\nsystem = '\udcff'\n", "pyproject.toml cannot be read"),
    ],
)
def test_a_system_that_is_not_named_is_said(modules: Office, settings: str | None, said: str) -> None:
    file = modules.folder / "pyproject.toml"
    if settings is not None:
        file.write_text(settings, "utf-8", "surrogateescape")
    ran = modules.remit("run")
    assert ran.returncode == 2
    assert is_clear(ran.stderr, f"system.unnamed  {file}"), ran.stderr
    assert said in ran.stderr


@pytest.mark.parametrize("command", [["status"], ["send", ".", "Post"], ["ask", ".", "Contents"]])
def test_every_command_says_so(modules: Office, command: list[str]) -> None:
    ran = modules.remit(*command)
    assert (ran.returncode, is_clear(ran.stderr, "system.unnamed")) == (2, True), ran.stderr


def test_a_system_that_is_named_here_need_not_be_given(office: Office, tmp_path: Path) -> None:
    """And what is given comes first."""
    office.environment["PYTHONPATH"] = str(office.folder)
    office.folder = tmp_path
    (tmp_path / "pyproject.toml").write_text(f"[tool.remit]\nsystem = '{SYSTEM}'\n")
    assert office.remit("send", ".", "Post", '{"letter": "l1", "box": "ada", "text": "hello"}').stdout == '"l1"\n'
    assert office.remit("ask", ".", "Contents", '{"box": "ada"}', "--fresh").stdout == '["hello"]\n'
    assert office.remit("status").stdout.splitlines()[1].startswith("mail.deliver")
    with office.running(system=()) as running:
        assert running.ready["system"] == "post-office"
    assert is_clear(office.remit("status", "nowhere").stderr, "system.module")


def test_every_finding_of_a_model_is_said(modules: Office) -> None:
    ran = modules.remit("run", "twins")
    assert ran.returncode == 2
    assert "context.duplicate" in ran.stderr
    assert "context.name" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not modules.data.exists()


def test_another_technology_is_said(office: Office) -> None:
    ran = office.remit("run", SYSTEM, "--store", "stone:tablets")
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "store.unusable"), ran.stderr
