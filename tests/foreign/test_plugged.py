"""Others add a store and a channel without touching ours: installed, named in a topology, planned and run."""

from __future__ import annotations

import ast
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from remit.errors import ModelError, StoreError
from remit.hosting.technologies import made_stores, make_channels, open_store
from remit.stores import StoreTechnology
from remit.stores.memory import MEMORY
from remit.stores.memory.store import MemoryStore
from remit.testing.conformance import StoreConformance
from remit.topology.file import parse_topology
from remit.topology.placement import ContextShape, Placement, place
from remit.topology.stores import store_at
from tests.cli.post_office import BoxName, Contents, LetterId, Post
from tests.cli.post_office import office as post_office
from tests.cli.program import DEADLINE, Office, is_clear
from tests.foreign.distributions import HERE, OURS, ROOMS, installed, offer

SHAPES = {"desk": ContextShape(frozenset({"write"})), "mail": ContextShape(frozenset({"write", "read"}))}
TOPOLOGY = """
system = "post_office:office"
[stores]
default = "shelf:kept/{{context}}.shelf"
[channels]
calls = "sockets:{}"
[services.desk]
runs = ["desk"]
http = "127.0.0.1:0"
[services.mail]
runs = ["mail"]
http = "127.0.0.1:0"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the foreign distributions are installed, for this process."""
    site = installed(tmp_path / "site")
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    return site


@pytest.fixture
def sockets() -> Iterator[str]:
    with TemporaryDirectory() as folder:  # the path of a socket has to be short
        yield folder


@pytest.fixture
def office(site: Path, tmp_path: Path) -> Office:
    """The command line, where the foreign distributions are installed as well."""
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    return Office(tmp_path / "data", environment={"PYTHONPATH": path})


@pytest.fixture
def file(tmp_path: Path, sockets: str) -> Path:
    file = tmp_path / "office.toml"
    file.write_text(TOPOLOGY.format(sockets))
    return file


def planned(text: str, **changes: str) -> Placement:
    for before, after in changes.items():
        text = text.replace(before, after)
    return place(parse_topology(text, "office.toml", Path("/srv"), {}), {**SHAPES})


def codes(placing: Callable[[], object]) -> list[str]:
    with pytest.raises(ModelError) as refused:
        placing()
    return [finding.code for finding in refused.value.findings]


def test_they_import_public_rooms_only() -> None:
    for file in (file for package in OURS for file in (HERE / package).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name for name in names if name.partition(".")[0] == "remit"} <= ROOMS, file


@pytest.mark.usefixtures("site")
def test_a_topology_names_them(sockets: str) -> None:
    placement = planned(TOPOLOGY.format(sockets).replace('http = "127.0.0.1:0"', ""))
    desk = placement.services["desk"]
    assert desk.stores["desk"].shown == "shelf:/srv/kept/desk.shelf"
    store = open_store(desk.stores["desk"], "desk")
    assert store.technology is desk.stores["desk"].technology
    channels = make_channels("office", placement, desk.service, 0)
    assert (type(store).__name__, type(channels.calls).__name__, channels.events) == ("ShelfStore", "SocketCalls", None)


@pytest.mark.usefixtures("site")
def test_what_they_cannot_do_is_refused() -> None:
    text = TOPOLOGY.format("/sockets").replace('http = "127.0.0.1:0"', "")
    assert codes(lambda: planned(text, calls="events")) == ["topology.technology"]
    assert codes(lambda: planned(text, **{"sockets:/sockets": "sockets:here"})) == ["topology.address"]
    assert codes(lambda: planned(text, **{"shelf:kept/{context}.shelf": "shelf:"})) == ["topology.technology"]
    assert codes(lambda: planned(text, **{"{context}": "all"})) == ["topology.store-doubled"]
    assert codes(lambda: planned(text, **{'runs = ["mail"]': 'runs = ["mail"]\ncredentials = "a:b"'})) == [
        "topology.unused"
    ]


async def test_a_system_runs_over_a_foreign_store(site: Path, tmp_path: Path) -> None:
    async with post_office.connect(store=f"shelf:{tmp_path}/{{context}}.shelf") as app:
        await app.send(Post(letter=LetterId("l1"), box=BoxName("ada"), text="hello"))
        assert await app.ask(Contents(box=BoxName("ada")), fresh=True) == ["hello"]
    assert made_stores(store_at(f"shelf:{tmp_path}/{{context}}.shelf", "{context}")) == ["desk", "mail"]


def test_the_plan_shows_them(office: Office, file: Path, sockets: str) -> None:
    shown = office.remit("plan", str(file), place=False)
    assert shown.returncode == 0, shown.stderr
    assert f"shelf:{file.parent}/kept/desk.shelf" in shown.stdout
    assert f"sockets:{sockets}" in shown.stdout
    assert "sockets (desk → mail)" in shown.stdout


async def test_services_run_over_them(office: Office, file: Path) -> None:
    with office.started("run", str(file), "--json") as running:
        async with post_office.connect(topology=str(file)) as app:
            await app.send(Post(letter=LetterId("l1"), box=BoxName("ada"), text="hello"))
            assert await app.ask(Contents(box=BoxName("ada")), fresh=True, deadline=DEADLINE) == ["hello"]
        status = office.remit("status", str(file), place=False)
        assert "mail.deliver" in status.stdout, status.stderr
        code, _, logged = running.end(signal.SIGTERM)
        assert code == 0, logged
    parked = office.remit("parked", "list", "--store", f"shelf:{file.parent}/kept/{{context}}.shelf")
    assert (parked.returncode, parked.stdout) == (0, "nothing is parked\n"), parked.stderr


@pytest.mark.parametrize(
    ("word", "references", "said"),
    [
        ("empty", ["remit_shelf:NOTHING"], "it cannot be loaded"),
        ("missing", ["no_such_package:STORE"], "it cannot be loaded"),
        ("name", ["remit_shelf:__name__"], "it is 'remit_shelf'"),
        ("both", ["remit_shelf:SHELF", "remit_shelf:ELSE"], "entry point: remit_shelf:ELSE and remit_shelf:SHELF"),
    ],
)
def test_a_broken_one_is_said(
    word: str, references: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Path
) -> None:
    for number, reference in enumerate(references):
        offer(tmp_path / "more", f"faulty_{number}", {"remit.stores": f"{word} = {reference}"})
    monkeypatch.setattr(sys, "path", [str(tmp_path / "more"), *sys.path])
    text = TOPOLOGY.format("/sockets").replace('http = "127.0.0.1:0"', "").replace("shelf:", f"{word}:")
    with pytest.raises(StoreError, match=said):
        store_at(f"{word}:kept", "desk")
    assert codes(lambda: planned(text)) == ["topology.address"]


@pytest.mark.usefixtures("site")
def test_a_driver_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    place = store_at("shelf:kept", "desk")
    monkeypatch.setitem(sys.modules, "remit_shelf.store", None)
    with pytest.raises(StoreError) as missing:
        open_store(place, "desk")
    assert "stores in shelves need remit_shelf, which is not installed" in missing.value.what
    assert missing.value.next == 'pip install "remit-shelf"'


@pytest.mark.usefixtures("site")
def test_a_store_that_is_not_what_was_planned_is_not_opened() -> None:
    place = store_at("shelf:kept", "desk")
    assert place.technology
    promised = replace(place, technology=replace(place.technology, sql=True, roles=True))
    with pytest.raises(StoreError, match="used for planning: roles, sql") as refused:
        open_store(promised, "desk")
    assert is_clear(str(refused.value), "store.unusable")


@pytest.mark.parametrize(
    "promised",
    [replace(MEMORY, durable=True), replace(MEMORY, shared_between_processes=True), replace(MEMORY, sql=False)],
    ids=["durable", "shared", "sql"],
)
async def test_a_store_that_promises_what_it_cannot_fails_its_suite(promised: StoreTechnology) -> None:
    async def holds(technology: StoreTechnology, *, two: bool) -> None:
        store, other = MemoryStore(), MemoryStore()
        store.technology = other.technology = technology
        await StoreConformance().test_it_can_do_what_its_technology_says(store, other if two else store)

    await holds(MEMORY, two=False)
    for two in (False, True):
        with pytest.raises(AssertionError):
            await holds(promised, two=two)


def test_nothing_is_looked_for_as_long_as_only_ours_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: str) -> None:
        raise AssertionError("entry points were read")

    monkeypatch.setattr("importlib.metadata.entry_points", refuse)
    text = TOPOLOGY.format("/sockets").replace('http = "127.0.0.1:0"', "")
    for store in ("sqlite:{context}.db", "postgresql://{context}@h/d"):
        channels = 'calls = "nats://h:1"' + ('\nevents = "postgresql"' if "post" in store else "")
        planned(text, **{"shelf:kept/{context}.shelf": store, 'calls = "sockets:/sockets"': channels})


@pytest.mark.usefixtures("site")
def test_who_misspells_a_store_is_told_of_the_installed_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(tmp_path / "more", "faulty", {"remit.stores": "broken = remit_shelf:NOTHING"})
    monkeypatch.setattr(sys, "path", [str(tmp_path / "more"), *sys.path])
    expected = (
        "memory:, sqlite:PATH or postgresql://USER@HOST/DATABASE; "
        "or another package with an entry point of remit.stores: shelf:PATH"
    )
    with pytest.raises(StoreError) as unknown:
        store_at("shlef:kept", "desk")
    assert unknown.value.expected == expected
    with pytest.raises(ModelError) as refused:
        planned(TOPOLOGY.format("/sockets").replace('"shelf:', '"shlef:'))
    assert [finding.expected for finding in refused.value.findings] == [expected]


@pytest.mark.usefixtures("site")
def test_who_misspells_a_channel_is_told_of_the_installed_ones() -> None:
    with pytest.raises(ModelError) as refused:
        planned(TOPOLOGY.format("/sockets").replace("sockets:", "scokets:"))
    (finding,) = refused.value.findings
    assert finding.code == "topology.technology"
    assert finding.expected.endswith("; or another package with an entry point of remit.channels: sockets:/FOLDER")
    assert "nats://" in finding.expected


def test_what_is_not_installed_is_refused() -> None:
    said = codes(
        lambda: planned(TOPOLOGY.format("/sockets").replace("sockets:", "pigeons:").replace("shelf", "cellar"))
    )
    assert said == ["topology.technology", "topology.technology"]
    with pytest.raises(StoreError) as unknown:
        store_at("cellar:kept", "desk")
    assert is_clear(str(unknown.value), "store.unusable")
    assert unknown.value.expected.endswith("with an entry point of remit.stores: none is installed")
