"""Commands that are given a topology file in place of a system."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import pytest

from remit.log import Channel, MessageRecord, SubscriptionId
from remit.stores import Park, Unit
from remit.stores.sqlite.store import SqliteStore
from tests.cli.program import DEADLINE, TWO_SERVICES, Office, is_clear
from tests.servers.ports import free_port

TOPOLOGY = """
system = "post_office:office"
[stores]
default = "sqlite:kept/{context}.db"
mail = "sqlite:elsewhere/mail.db"
[services.all]
runs = ["*"]
http = "127.0.0.1:0"
"""


@pytest.fixture
def topology(office: Office, tmp_path: Path) -> Path:
    """A topology whose stores hold a letter that was delivered."""
    file = tmp_path / "office.toml"
    file.write_text(TOPOLOGY)
    for folder in ("kept", "elsewhere"):
        (tmp_path / folder).mkdir()
    office.data = tmp_path / "kept"
    office.post("ada", "hello")
    (tmp_path / "kept" / "mail.db").rename(tmp_path / "elsewhere" / "mail.db")
    return file


def run(office: Office, *arguments: str) -> tuple[int, str, str]:
    done = office.remit(*arguments, place=False)
    return done.returncode, done.stdout, done.stderr


def test_status_reads_the_stores_that_a_topology_names(office: Office, topology: Path) -> None:
    code, said, _ = run(office, "status", str(topology), "--json")
    (row,) = json.loads(said)["subscriptions"]
    assert (code, row["head"], row["state"]) == (1, 1, "silent")


PLACE = "sqlite:${STORES}/{context}.db"
KEYED = f"""
system = "post_office:office"
[stores]
default = "{PLACE}"
[channels]
calls = {{ url = "http", key = "${{OUTSIDE_KEY}}", public = "{"o" * 43}" }}
[services.desk]
runs = ["desk"]
http = "127.0.0.1:8001"
calls = "127.0.0.1:9001"
key = "${{DESK_KEY}}"
public = "{"d" * 43}"
[services.mail]
runs = ["mail"]
http = "127.0.0.1:8002"
calls = "127.0.0.1:9002"
key = "${{MAIL_KEY}}"
public = "{"m" * 43}"
"""


def test_commands_ask_only_for_the_secrets_of_what_they_open(office: Office, topology: Path) -> None:
    topology.write_text(KEYED)
    file = str(topology)
    for words in (("plan", file), ("map", file), ("impact", "desk", file), ("glossary", file)):
        code, _, said = run(office, *words)
        assert code == 0, said
    for words in (("status", file), ("log", "heads", file), ("log", "subscribers", file)):
        code, _, said = run(office, *words)
        assert (code, "the environment has no STORES" in said, "KEY" in said) == (2, True, False), said
    office.environment["STORES"] = str(office.data)
    assert json.loads(run(office, "status", file, "--json")[1])["system"] == "post-office"


NAME = "mail.deliver"


async def test_parked_keys_are_settled_in_the_stores_of_a_topology(office: Office, topology: Path) -> None:
    store = SqliteStore(topology.parent / "elsewhere" / "mail.db", "mail")
    await store.open()
    for pos in (7, 8):
        record = MessageRecord(0, pos, f"m{pos}", "", "ada", "desk.Posted", 1, 1.0, "{}", b"{}")
        park = Park(SubscriptionId(NAME, "desk", Channel.PUBLISHED), record.key, record, 1.0, "broken", 30.0)
        await store.commit(Unit(parks=[park]))
    await store.close()
    file = str(topology)
    for place in ([file], [NAME, file], ["--store", file]):
        code, said, _ = run(office, "parked", "list", *place, "--json")
        assert (code, [row["waiting"] for row in json.loads(said)]) == (0, [2]), place
    assert run(office, "parked", "show", "ada", file)[0] == 0
    assert run(office, "parked", "retry", NAME, file, "--all")[1].startswith("1 key is due")
    assert run(office, "parked", "discard", NAME, file, "--key", "ada", "--reason", "none")[1].startswith("discarded")
    _, _, said = run(office, "parked", "list", NAME, "post_office:office")
    assert is_clear(said, "store.missing"), "those of a system are where they always are"
    for place in (["post_office:office", "--store", file], [file]):
        assert "1" in run(office, "parked", "list", NAME, *place)[1]


def test_logs_are_settled_in_the_stores_of_a_topology(office: Office, topology: Path) -> None:
    file = str(topology)
    _, _, said = run(office, "log", "accept", NAME, file, "--source", "desk", "--from", "head")
    assert is_clear(said, "log.intact")
    assert run(office, "log", "forget", NAME, file, "--source", "desk")[0] == 0
    _, _, said = run(office, "log", "forget", file, NAME, "--source", "desk")
    assert is_clear(said, "log.unknown")
    _, _, said = run(office, "log", "accept", file, NAME, "--source", "desk", "--from", "head")
    assert is_clear(said, "log.intact")


@pytest.mark.parametrize("option", ["--data", "--store"])
def test_a_topology_says_itself_where_stores_are(office: Office, topology: Path, option: str) -> None:
    for command in (["run"], ["status"], ["parked", "list"], ["log", "heads"]):
        code, _, said = run(office, *command, str(topology), option, "elsewhere")
        assert code == 2
        assert is_clear(said, "cli.usage")


def test_a_service_that_is_not_in_the_topology_is_a_clear_error(office: Office, topology: Path) -> None:
    for name in ("mial", "all#2", "all#x"):
        code, _, said = run(office, "run", str(topology), name)
        assert code == 2
        assert is_clear(said, "service.unknown")
        assert f"Next: remit run {topology} all" in said


def test_a_system_has_no_services(office: Office) -> None:
    code, _, said = run(office, "run", "post_office:office", "mail")
    assert code == 2
    assert is_clear(said, "cli.usage")


def test_a_service_says_what_blocks_its_event_loop(office: Office, topology: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    office.environment["POST_OFFICE_PIPE"] = str(pipe)
    letter = {"letter": "l1", "box": "ada", "text": "blocking"}
    with ThreadPoolExecutor(1) as pool, office.started("run", str(topology), "--json") as running:
        timer = Timer(DEADLINE, running.process.kill)
        timer.start()
        posting = pool.submit(running.post, "/letters", letter)
        assert running.process.stderr is not None
        said = next((line for line in running.process.stderr if "blocked event loop" in line), "")
        timer.cancel()
        assert "for more than 1 s" in said
        pipe.write_text("go on")
        assert posting.result()[0] == 201


CALLER = """
import sys
from post_office import Contents, Post, office
with office.connect_sync(topology=sys.argv[1]) as app:
    app.send(Post(letter="l1", box="ada", text="hello"))
    print(app.ask(Contents(box="ada"), fresh=True))
"""


WITH_SECRETS = TWO_SERVICES.replace(
    'default = "sqlite:kept', 'mail = "sqlite:${{MAIL_PLACE}}/mail.db"\ndefault = "sqlite:kept'
)


def environments(supervisor: int) -> dict[str, dict[str, str]]:
    """What the children of a process were given, by the service that each runs."""
    found: dict[str, dict[str, str]] = {}
    for child in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        service = Path(f"/proc/{child}/cmdline").read_text().split("\0")[5]
        found[service] = {}
        for line in Path(f"/proc/{child}/environ").read_text().split("\0"):
            name, _, value = line.partition("=")
            found[service][name] = value
    return found


def test_a_service_is_given_its_own_secrets_only(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(WITH_SECRETS.format(*(free_port() for _ in range(4))))
    with office.started("run", str(file), "desk", "--json"):
        pass  # without what only mail needs
    code, _, said = run(office, "run", str(file), "mail")
    assert code == 2
    assert is_clear(said, "topology.environment"), said
    office.environment |= {"MAIL_PLACE": str(tmp_path), "REMIT_ADMIN_URL": "postgresql://root:hush@db", "OTHER": "kept"}
    with office.started("run", str(file), "--json") as running:
        found = environments(running.process.pid)
        places = {name: given.get("MAIL_PLACE") for name, given in found.items()}
        assert places == {"desk#1": None, "mail#1": str(tmp_path)}
        assert {(given.get("REMIT_ADMIN_URL"), given["OTHER"]) for given in found.values()} == {(None, "kept")}
        assert all(given["PATH"] == os.environ["PATH"] for given in found.values())


LISTENING = """
import sys
from remit.observability import ProcessStarted

def hear(event: ProcessStarted) -> None:
    print("heard of", event.process, file=sys.stderr)
"""


def test_each_service_tells_the_listeners(office: Office, tmp_path: Path) -> None:
    (tmp_path / "listening.py").write_text(LISTENING)
    office.environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    file = tmp_path / "two.toml"
    file.write_text(TWO_SERVICES.format(*(free_port() for _ in range(4))))
    with office.started("run", str(file), "--json", "--listen", "listening:hear") as running:
        code, _, said = running.end(signal.SIGTERM)
    assert code == 0, said
    heard = [line["service"] for line in map(json.loads, said.splitlines()) if "heard of" in line["text"]]
    assert sorted(heard) == ["desk", "mail"]


def test_scripts_call_the_services_of_a_topology(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(TWO_SERVICES.format(*(free_port() for _ in range(4))))
    with office.started("run", str(file), "--json") as running:
        assert set(running.ready["services"]) == {"desk", "mail"}
        called = subprocess.run(
            [sys.executable, "-c", CALLER, str(file)], cwd=office.folder, capture_output=True, text=True, check=False
        )
        assert called.returncode == 0, called.stderr
        assert "hello" in called.stdout
        latest = time.monotonic() + 30.0
        while (shown := run(office, "status", str(file), "--json"))[0] != 0:  # until both have found each other
            assert time.monotonic() < latest, shown[1]
        fields = '{"letter":"l2","box":"ada","text":"again"}'
        assert run(office, "send", str(file), "Post", fields, "--key", "k")[:2] == (0, '"l2"\n')
        code, said, _ = run(office, "ask", str(file), "Contents", '{"box":"ada"}', "--fresh")
        assert (code, "again" in said) == (0, True)
        code, _, said = running.end(signal.SIGTERM)
    assert code == 0, said


def test_services_that_start_and_end_together_warn_of_nothing(office: Office, tmp_path: Path) -> None:
    """For a moment the one that is quicker does not see the other, whose log it follows."""
    file = tmp_path / "two.toml"
    file.write_text(TWO_SERVICES.format(*(free_port() for _ in range(4))))
    with office.started("run", str(file), "--json") as running:
        latest = time.monotonic() + 30.0
        while (shown := run(office, "status", str(file), "--json"))[0] != 0:
            assert time.monotonic() < latest, shown[1]
        code, _, said = running.end(signal.SIGTERM)
    assert code == 0, said
    assert "WARNING" not in said, said
