"""An event in a module of a context that nothing makes and nothing follows is noted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checks.packages import Packages, packages_in

STALL = """
    from remit import (
        Aggregate, Command, Context, DomainEvent, Events, IntegrationEvent, Repository, System
    )
    sales = Context("sales")
    class Change(DomainEvent): ...
    class Placed(Change): ...
    class Cancelled(Change): ...
    class Sold(IntegrationEvent, version=1): ...
    class Told(IntegrationEvent, version=1): ...
    class Shouted(IntegrationEvent, version=1): ...
    class Place(Command[None]): ...
    class Order(Aggregate[str, EVENTS]): ...
    @sales.handle(Place)
    async def place(command: Place, orders: Repository[Order], events: Events[Told]) -> None: ...
    @sales.publish(Placed)
    def sold(event: Placed) -> Sold: ...
    system = System("stall", contexts=[sales])
    """


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    found = packages_in(tmp_path, monkeypatch)
    yield found
    found.forget()


def unused(packages: Packages, text: str) -> list[str]:
    notes = packages.imported({"stall.py": text}).system.check().notes
    return [note.what.split()[0] for note in notes if note.code == "event.unused"]


def test_an_event_that_nothing_makes_and_nothing_follows_is_noted(packages: Packages) -> None:
    assert unused(packages, STALL.replace("EVENTS", "Placed")) == ["Cancelled", "Shouted"]


def test_a_base_class_stands_for_its_events(packages: Packages) -> None:
    assert unused(packages, STALL.replace("EVENTS", "Change")) == ["Shouted"]


def test_nothing_is_noted_where_an_aggregate_does_not_name_its_events(packages: Packages) -> None:
    assert unused(packages, STALL.replace("[str, EVENTS]", "[str]")) == []


def test_an_event_of_another_context_is_left_to_it(packages: Packages) -> None:
    assert unused(packages, "    __context__ = 'elsewhere'" + STALL.replace("EVENTS", "Placed")) == []
