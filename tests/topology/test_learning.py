"""Each topology of the learning platform plans clean, and its plan says how everything travels."""

from __future__ import annotations

import pytest

from remit.hosting.assembly import relayed
from remit.messages.component import USUAL, Component
from remit.topology.flows import Flow, flows_of
from tests.topology.learning import FOLDER, planned, shapes

CUTS = ["four", "pairs", "apart", "edges", "replicas"]


def ways(name: str) -> dict[tuple[str, str, str], Flow]:
    """What travels between services, by kind, source and target."""
    return {flow[:3]: flow for flow in flows_of(planned(name), shapes()) if flow.sender != flow.receiver}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_it_plans_clean(path: object) -> None:
    name = str(getattr(path, "stem", ""))
    assert set(planned(name).homes) == {Component(context, part) for context in shapes() for part in USUAL}


def test_every_cut_is_there_with_and_without_a_broker() -> None:
    names = {path.stem for path in FOLDER.glob("*.toml")}
    assert names == {"monolith", *(f"{cut}-{way}" for cut in CUTS for way in ("nats", "http"))}


def test_a_cut_is_the_same_with_and_without_a_broker() -> None:
    for cut in CUTS:
        assert planned(f"{cut}-nats").homes == planned(f"{cut}-http").homes


def test_what_a_context_does_is_read_from_its_declarations() -> None:
    enrollment = shapes()["enrollment"]
    assert enrollment
    assert enrollment.parts == {"write", "read", "edge"}
    assert enrollment.reacts_to == {"enrollment"}
    assert enrollment.projects == {"enrollment"}
    assert enrollment.calls == {
        ("edge", "enrollment.write"),
        ("edge", "enrollment.read"),
        ("write", "enrollment.write"),
        ("write", "billing.write"),
    }


def test_in_one_process_nothing_travels() -> None:
    assert ways("monolith") == {}


def test_between_services_everything_travels_over_the_channels() -> None:
    four = ways("four-nats")
    assert four["calls", "enrollment.write", "billing.write"].told == "nats"
    assert four["events", "learning.write", "certification.write"].told == "nats"
    assert set(four) == {
        ("calls", "enrollment.write", "billing.write"),
        ("events", "enrollment.write", "billing.write"),
        ("events", "enrollment.write", "learning.write"),
        ("events", "learning.write", "certification.write"),
    }
    assert {flow.way for flow in ways("four-http").values()} == {"http"}


def test_components_apart_meet_in_their_store() -> None:
    apart = ways("apart-http")
    assert apart["events", "learning.write", "learning.read"].told == "shared store"
    assert planned("apart-http").apart == {"learning"}


def test_in_one_database_followers_read_the_logs_themselves_and_nothing_is_relayed() -> None:
    placement = planned("postgresql/four")
    four = ways("postgresql/four")
    assert four["events", "learning.write", "certification.write"].told == "postgresql"
    assert {flow.way for flow in four.values() if flow.kind == "events"} == {"postgresql"}
    assert relayed(placement) == []
