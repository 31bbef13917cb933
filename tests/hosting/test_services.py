"""A process loads and checks its system once, whatever it is: a connected one, a caller of services, or a service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from learning.system import platform
from remit import Command, Context, System
from remit.checks import model_of
from remit.contexts import ContextMap, Model
from remit.edges import HttpEdge
from remit.errors import Finding, Findings
from remit.hosting.checking import check_topology
from remit.hosting.loading import load_contexts
from remit.hosting.services import Replica, make_service
from remit.topology.file import read_topology
from tests.topology.learning import FOLDER

FILE = FOLDER / "pairs-http.toml"


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a system was checked, and each context of it loaded."""
    done: Counter[str] = Counter()

    def checked(declared: ContextMap, found: Iterable[Finding]) -> Model:
        done["checked"] += 1
        return model_of(declared, found)

    def loaded(name: str, places: Mapping[str, str], findings: Findings) -> list[Any]:
        done.update(list(places))
        return load_contexts(name, places, findings)

    monkeypatch.setattr("remit.checks.model_of", checked)
    monkeypatch.setattr("remit.hosting.system.load_contexts", loaded)
    return done


async def test_a_connected_system_is_loaded_and_checked_once(work: Counter[str]) -> None:
    async with platform.connect(store="memory:"):
        pass
    assert work == {"checked": 1, **dict.fromkeys(platform.names, 1)}


async def test_a_caller_of_services_loads_none_of_what_they_run(work: Counter[str]) -> None:
    async with platform.connect(topology=str(FILE)):
        pass
    assert work == {"checked": 1}


@pytest.mark.parametrize("service", list(read_topology(FILE).services))
def test_a_service_is_loaded_and_checked_once(work: Counter[str], service: str) -> None:
    made = make_service(read_topology(FILE), Replica(service, 0))
    assert len(made.host.stores) == 2
    assert work == {"checked": 1, **dict.fromkeys(made.host.stores, 1)}


class Greet(Command[int]):
    name: str


class Count(Command[int]):
    name: str


desk, books = Context("desk"), Context("books")


@desk.handle(Greet)
async def greet(command: Greet) -> int:
    return 1


@books.handle(Count)
async def count(command: Count) -> int:
    return 2


at_desk = HttpEdge("desk")
at_desk.post("/greet", Greet)
office = System("office", contexts=[desk, books], edges=[at_desk])

OFFICE = f"""
system = "{__name__}:office"
[channels]
calls = "http"
[services.front]
runs = ["*.edge"]
http = "127.0.0.1:18731"
[services.back]
runs = ["desk.write", "books"]
calls = "127.0.0.1:18732"
"""


@pytest.mark.parametrize("service", ["front", "back"])
def test_every_service_knows_that_a_context_it_does_not_load_has_no_edge(service: str, tmp_path: Path) -> None:
    (tmp_path / "office.toml").write_text(OFFICE)
    made = make_service(read_topology(tmp_path / "office.toml"), Replica(service, 0))
    assert list(made.host.stores) == ([] if service == "front" else ["desk", "books"])
    assert check_topology(str(tmp_path / "office.toml")) == ("office", [])
