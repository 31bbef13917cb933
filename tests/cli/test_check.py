"""`remit check`: everything in a system, and in a topology, that does not hold or is to be noted."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from remit.cli.program import execute
from tests.cli.program import DEADLINE, REMIT

API = """
from remit import *

class Place(Command[None]):
    order: str

class Placed(DomainEvent):
    order: str

class Order(Aggregate[str, Placed]): ...
"""
HANDLERS = """
from remit import *
from stand.api import Order, Place

sales = Context("sales")

@sales.handle(Place)
async def place(command: Place, orders: Repository[Order]) -> None: ...
"""
SYSTEM = 'from remit import *\nstand = System("stand", contexts={"sales": "stand.handlers:sales"})\n'
REACTIONS = """
from stand.api import Placed
from stand.handlers import sales

@sales.react(Placed)
async def on_placed(event: Placed) -> None: ...
"""
TOPOLOGY = 'system = "stand.system:stand"\n[services.one]\nruns = ["{}"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package in which somebody has not forgotten anything, and nobody follows an event."""
    (tmp_path / "stand").mkdir()
    files = {"__init__.py": "", "api.py": API, "handlers.py": HANDLERS, "system.py": SYSTEM}
    for name, text in files.items():
        (tmp_path / "stand" / name).write_text(text)
    return tmp_path


def remit_check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REMIT, "check", *arguments],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )


def test_notes_are_shown_and_stop_nobody(folder: Path) -> None:
    checked = remit_check(folder, "stand.system")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith(f"note: event.unfollowed  {folder}/stand/api.py:7\n  Placed is recorded by Order,")
    assert checked.stdout.endswith("\n\nstand: no errors, 1 note\n")


def test_errors_are_shown_all_at_once_before_the_notes(folder: Path) -> None:
    (folder / "stand" / "reactions.py").write_text(REACTIONS)
    (folder / "stand" / "api.py").write_text(API + "\nclass Count(Query[int]): ...\n")
    checked = remit_check(folder, "stand.system:stand")
    assert checked.returncode == 2
    said = [line.split("  ")[0] for line in checked.stdout.splitlines() if line.startswith(("error: ", "note: "))]
    assert said == ["error: handler.missing", "error: module.forgotten", "note: event.unfollowed"]
    assert f"{folder}/stand/reactions.py:5" in checked.stdout
    assert checked.stdout.endswith("\nstand: 2 errors, 1 note\n")


def test_as_json_it_is_complete(folder: Path) -> None:
    (folder / "stand" / "reactions.py").write_text(REACTIONS)
    checked = remit_check(folder, "stand.system", "--json")
    said = json.loads(checked.stdout)
    assert (checked.returncode, said["system"]) == (2, "stand")
    assert [each["code"] for each in said["errors"]] == ["module.forgotten"]
    (note,) = said["notes"]
    assert {*note} == {"code", "where", "what", "expected", "next", "contexts"}


def test_topology_is_checked_with_its_system(folder: Path) -> None:
    topology = folder / "one.toml"
    topology.write_text(TOPOLOGY.format("*"))
    assert remit_check(folder, "one.toml").stdout.endswith("stand: no errors, 1 note\n")
    topology.write_text(TOPOLOGY.format("billing"))
    checked = remit_check(folder, "one.toml")
    assert checked.returncode == 2
    assert "error: topology.unknown-name" in checked.stdout
    assert "note: event.unfollowed" in checked.stdout
    topology.write_text("nothing = 1")
    checked = remit_check(folder, "one.toml")
    assert (checked.returncode, "error: topology.unknown-key" in checked.stdout) == (2, True)


def test_context_that_cannot_be_imported_is_an_error(folder: Path) -> None:
    (folder / "stand" / "handlers.py").write_text("1 / 0")
    checked = remit_check(folder, "stand.system")
    assert (checked.returncode, "error: context.import" in checked.stdout) == (2, True)


@pytest.mark.parametrize(
    ("place", "code", "what", "next"),
    [
        ("stand.handlrs:sales", "context.import", "No module named 'stand.handlrs'", "did you mean stand.handlers?"),
        ("stnd.handlers:sales", "context.import", "No module named 'stnd'", "did you mean stand.handlers?"),
        ("stand.handlers:sals", "context.place", "stand.handlers has no 'sals'",
         'contexts={"sales": "stand.handlers:sales"}'),
        ("stand.api", "context.place", "stand.api has no 'sales'",
         "sales = Context('sales') there, or its own place: contexts={\"sales\": \"package.module:sales\"}"),
        ("stand.handlers:Order", "context.place", "stand.handlers:Order is <class 'stand.api.Order'>",
         'contexts={"sales": "stand.handlers:sales"}'),
    ],
)  # fmt: skip
def test_misspelt_place_of_a_context_is_told_with_the_one_that_is_near(
    folder: Path, place: str, code: str, what: str, next: str
) -> None:
    (folder / "stand" / "system.py").write_text(SYSTEM.replace("stand.handlers:sales", place))
    (found,) = json.loads(remit_check(folder, "stand.system", "--json").stdout)["errors"]
    assert (found["code"], found["next"]) == (code, next)
    assert what in found["what"]


def test_system_that_is_not_there_is_said_as_elsewhere(folder: Path) -> None:
    checked = remit_check(folder, "stand.nowhere")
    assert (checked.returncode, checked.stdout) == (2, "")
    assert checked.stderr.startswith("system.module ")


def test_a_file_that_is_not_there_is_said_with_the_kinds_of_file_that_may_be_given(folder: Path) -> None:
    checked = remit_check(folder, "nowhere.toml")
    assert (checked.returncode, checked.stdout) == (2, "")
    assert checked.stderr.startswith("cli.no-file  nowhere.toml\n  there is no such file\n")
    assert "a topology file" in checked.stderr
    assert "a map of a code base" in checked.stderr


MAP = '[contexts.sales]\npackages = ["stand"]\n[contexts.mail]\npackages = ["mail"]\n[[relations]]\nkind = "{}"\n'


@pytest.fixture
def code_base(folder: Path) -> Path:
    """A code base with a map, in which one context imports what another one keeps to itself."""
    (folder / "mail.py").write_text("import stand.handlers\n")
    (folder / "remit-map.toml").write_text(MAP.format("open-host") + 'host = "sales"\n')
    return folder


@pytest.mark.parametrize("named", [(), ("remit-map.toml",), (".",)])
def test_a_map_is_checked_without_importing_the_code_base(code_base: Path, named: tuple[str, ...]) -> None:
    (code_base / "stand" / "__init__.py").write_text("raise SystemExit('imported')\n")
    done = remit_check(code_base, "--json", *named)
    found = json.loads(done.stdout)
    assert done.returncode == 2
    assert [(each["code"], each["where"]) for each in found["errors"]] == [("import.unpublished", "mail.py:1")]


@pytest.mark.parametrize("named", ["maps", "maps:stand"])
def test_a_map_in_python_is_named_like_a_system(code_base: Path, named: str) -> None:
    (code_base / "maps.py").write_text(
        "from remit.boundaries import CodeContext, CodeMap\nfrom remit.relations import OpenHost\n"
        "sales, mail = (CodeContext(name=a, packages=(b,)) for a, b in (('sales', 'stand'), ('mail', 'mail')))\n"
        "stand = CodeMap(name='stand', contexts=(sales, mail), relations=(OpenHost('sales'),))\n"
    )
    found = json.loads(remit_check(code_base, "--json", named).stdout)
    assert [(each["code"], each["where"]) for each in found["errors"]] == [("import.unpublished", "mail.py:1")]


def test_a_faulty_map_is_told_without_its_consequences(code_base: Path) -> None:
    (code_base / "remit-map.toml").write_text(MAP.format("open-hots") + 'host = "sales"\n')
    found = json.loads(remit_check(code_base, "--json").stdout)
    assert [(each["code"], each["where"]) for each in found["errors"]] == [("map.value", "remit-map.toml:6")]


def test_the_source_text_of_a_system_with_relations_is_checked(folder: Path) -> None:
    mail = "from remit import *\nimport stand.handlers\nmail = Context('mail')\n"
    (folder / "mail").mkdir()
    (folder / "mail" / "context.py").write_text(mail)
    (folder / "mail" / "__init__.py").write_text("")
    system = (
        "from remit import *\nfrom remit.relations import *\n"
        'stand = System("stand", contexts={"sales": "stand.handlers:sales", "mail": "mail.context:mail"},'
        " relations=[OpenHost('sales')])\n"
    )
    (folder / "stand" / "system.py").write_text(system)
    (folder / "pyproject.toml").write_text('[tool.remit]\nsystem = "stand.system"\n')
    found = json.loads(remit_check(folder, "--json").stdout)
    codes = [(each["code"], each["where"]) for each in found["errors"]]
    assert codes == [("import.unpublished", "mail/context.py:2")]
    (folder / "remit-map.toml").write_text('[contexts.sales]\ntables = ["orders"]\n')
    (folder / "mail" / "context.py").write_text(f"{mail}QUERY = 'SELECT * FROM orders'\n")
    found = json.loads(remit_check(folder, "--json").stdout)
    codes = [(each["code"], each["where"]) for each in found["errors"]]
    assert codes == [("import.unpublished", "mail/context.py:2"), ("sql.foreign-table", "mail/context.py:4")]


def test_a_map_is_proposed_that_can_be_checked(folder: Path) -> None:
    done = remit_check(folder, "--propose", ".")
    assert done.returncode == 0
    (folder / "remit-map.toml").write_text(done.stdout)
    assert remit_check(folder).returncode == 0
    empty = folder / "empty"
    empty.mkdir()
    refused = remit_check(folder, "--propose", "empty")
    assert (refused.returncode, refused.stderr.split()[0]) == (2, "map.no-code")


def test_a_code_that_follows_an_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["check", "--explain", "--json", "event.unfollowed"]) == 0
    assert [each["code"] for each in json.loads(capsys.readouterr().out)["codes"]] == ["event.unfollowed"]
    assert execute(["check", "--explain", "--json", "event.unfolowed"]) == 2
    (told,) = json.loads(capsys.readouterr().err)["errors"]
    assert (told["code"], told["next"]) == ("check.unknown-code", "did you mean event.unfollowed?")
