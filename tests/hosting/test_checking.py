"""`remit check TOPOLOGY` says everything that the start of any service would refuse, all at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remit.hosting.checking import check_topology
from tests.cli.program import DEADLINE, REMIT

FILES = {
    "hotel/__init__.py": "",
    "hotel/rooms/__init__.py": "",
    "hotel/rooms/api.py": "from remit import *\n__context__ = 'rooms'\nclass Book(Command[None]):\n    day: str\n",
    "hotel/rooms/handlers.py": (
        "from remit import Context\nfrom hotel.rooms.api import Book\nrooms = Context('rooms')\n"
        "@rooms.handle(Book)\nasync def book(command: Book) -> None: ...\n"
    ),
    "hotel/desk/__init__.py": "",
    "hotel/desk/api.py": "from remit import *\n__context__ = 'desk'\nclass Ask(Command[None]):\n    day: str\n",
    "hotel/desk/handlers.py": (
        "from remit import Context, Later\nfrom hotel.desk.api import Ask\nfrom hotel.rooms.api import Book\n"
        "desk = Context('desk')\n@desk.handle(Ask)\n"
        "async def ask(command: Ask, later: Later[Book]) -> None:\n    later.send(Book(day=command.day))\n"
    ),
    "hotel/system.py": (
        "from remit import System\nfrom remit.relations import CustomerSupplier\n"
        "places = {'rooms': 'hotel.rooms.handlers:rooms', 'desk': 'hotel.desk.handlers:desk'}\n"
        "hotel = System('hotel', contexts=places, relations=[CustomerSupplier(supplier='rooms', customer='desk')])\n"
    ),
    "hotel.toml": (
        'system = "hotel.system"\n[channels]\ncalls = "http"\n'
        '[services.rooms]\nruns = ["rooms"]\ncalls = "127.0.0.1:9981"\n'
        '[services.desk]\nruns = ["desk"]\ncalls = "127.0.0.1:9982"\n'
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound system of two contexts, given by their places, and a topology with a service for each."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REMIT, *words, "--json"], cwd=folder, capture_output=True, text=True, check=False, timeout=DEADLINE
    )


def checked(folder: Path) -> list[dict[str, Any]]:
    done = ran(folder, "check", "hotel.toml")
    errors: list[dict[str, Any]] = json.loads(done.stdout)["errors"]
    assert done.returncode == (2 if errors else 0), done.stderr
    return errors


def test_sound_topology_has_no_errors(folder: Path) -> None:
    assert checked(folder) == []


def test_messages_that_do_not_name_their_context_are_an_error_of_the_service_that_does_not_host_it(
    folder: Path,
) -> None:
    change(folder, "hotel/rooms/api.py", "__context__ = 'rooms'\n", "")
    (error,) = checked(folder)
    assert (error["code"], error["where"]) == ("handler.missing", f"{folder}/hotel/desk/handlers.py:5")
    assert error["next"].endswith('if another service handles it, in hotel.rooms.api: __context__ = "rooms"')
    refused = ran(folder, "run", "hotel.toml", "desk")
    (said,) = json.loads(refused.stderr)["errors"]
    assert (refused.returncode, said) == (2, {part: error[part] for part in said})


def test_module_that_only_another_service_imports_is_an_error(folder: Path) -> None:
    (folder / "hotel/rooms/more.py").write_text(
        "from remit import *\nfrom hotel.rooms.handlers import rooms\nclass Gone(DomainEvent):\n    day: str\n"
        "@rooms.react(Gone)\nasync def again(event: Gone) -> None: ...\n"
    )
    change(folder, "hotel/desk/handlers.py", "desk = Context", "import hotel.rooms.more\ndesk = Context")
    assert "module.forgotten" in [error["code"] for error in checked(folder)]
    refused = ran(folder, "run", "hotel.toml", "rooms")
    assert [error["code"] for error in json.loads(refused.stderr)["errors"]] == ["module.forgotten"]


def test_what_is_wrong_with_file_system_placement_and_services_is_told_at_once(folder: Path) -> None:
    change(folder, "hotel.toml", 'calls = "http"', 'calls = "htpp"')
    change(folder, "hotel.toml", 'runs = ["rooms"]', 'runs = ["rooms", "dsk"]')
    change(folder, "hotel/rooms/api.py", "__context__ = 'rooms'\n", "")
    change(folder, "hotel/desk/api.py", "Ask(Command[None])", "Ask(Command)")
    told = [error["code"] for error in checked(folder)]
    assert told == ["topology.technology", "message.no-reply", "topology.unknown-name", "handler.missing"]


def test_context_that_cannot_be_imported_does_not_hide_the_placement_and_the_other_services(folder: Path) -> None:
    change(folder, "hotel.toml", 'runs = ["rooms"]', 'runs = ["rooms", "dsk"]')
    change(folder, "hotel/rooms/handlers.py", "rooms = Context", "1 / 0\nrooms = Context")
    change(folder, "hotel/desk/api.py", "Ask(Command[None])", "Ask(Command)")
    told = [error["code"] for error in checked(folder)]
    assert told == ["context.import", "topology.unknown-name", "message.no-reply"]


def test_system_that_is_not_there_does_not_hide_what_is_wrong_with_the_file(folder: Path) -> None:
    change(folder, "hotel.toml", 'calls = "http"', 'calls = "htpp"')
    change(folder, "hotel.toml", '"hotel.system"', '"hotel.sytem"')
    technology, system = checked(folder)
    assert technology["code"] == "topology.technology"
    assert (system["code"], system["next"]) == ("system.module", "did you mean hotel.system?")
    assert system["where"] == f"hotel.toml system: {folder}"


def test_several_findings_of_one_place_are_all_told(folder: Path) -> None:
    change(folder, "hotel.toml", 'runs = ["rooms"]', 'runs = ["rooms", "dsk", "attic"]')
    assert [error["what"] for error in checked(folder)] == ["there is no context 'dsk'", "there is no context 'attic'"]


HOOKED = """
from remit import Command, Context, System, Value
from remit.foreign import StandardSignature, Webhook

class Paid(Value):
    id: str

class Note(Command[None]):
    id: str

class Post(Command[None]): ...

money, mail = Context("money"), Context("mail")

def key(paid: Paid) -> str:
    return paid.id

@money.translate(Webhook("bank", verify=StandardSignature("BANK_SECRET"), key=key))
def paid(paid: Paid) -> Note:
    return Note(id=paid.id)

@money.handle(Note)
async def note(command: Note) -> None: ...

@mail.handle(Post)
async def post(command: Post) -> None: ...

system = System("hooked", contexts=[money, mail])
"""
HOOKED_FILE = """
system = "hooked_checks"
[channels]
calls = "http"
[services.money]
runs = ["money"]
http = "127.0.0.1:9981"
calls = "127.0.0.1:9982"
[services.mail]
runs = ["mail"]
calls = "127.0.0.1:9983"
"""


def test_check_places_the_system_as_each_service_does_that_has_not_loaded_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hooked_checks.py").write_text(HOOKED)
    (tmp_path / "hooked.toml").write_text(HOOKED_FILE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    file = str(tmp_path / "hooked.toml")
    assert [each.code for each in check_topology(file)[1]] == []

    def judges(*_: object) -> bool:
        return False

    monkeypatch.setattr("remit.topology.placement._Placing.may_have_layers", judges)
    assert [each.code for each in check_topology(file)[1]] == ["topology.unused"]
