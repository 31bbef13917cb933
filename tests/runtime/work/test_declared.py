"""What a unit of work refuses because it was not declared: events, publications, and a changed identity."""

from __future__ import annotations

from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Envelope, IntegrationEvent, Repository, System
from remit.errors import HandlerFailed, IdentityChanged, NotDeclared
from remit.testing import running


class Opened(DomainEvent): ...


class OpenedLate(Opened): ...


class Closed(DomainEvent): ...


class ShopOpened(IntegrationEvent, version=1): ...


class ShopClosed(IntegrationEvent, version=1): ...


class OpenedAt(IntegrationEvent, version=1): ...


class Work(Command[None]):
    how: str


class Door(Aggregate[str, Opened]):
    times: int = 0


class Window(Aggregate[str]):
    times: int = 0


def make_house(published: Any = None, at: Any = None) -> System:
    house = Context("house")

    @house.handle(Work)
    async def work(command: Work, doors: Repository[Door], windows: Repository[Window]) -> None:
        door = await doors.obtain("d-1")
        door.times += 1
        if command.how == "rename":
            door.id = "d-2"
        elif command.how == "open":
            door.record(Opened())
        elif command.how == "open late":
            door.record(OpenedLate())
        elif command.how == "close":
            undeclared: Any = Closed()
            door.record(undeclared)

    @house.publish(Opened)
    def opened(event: Opened) -> ShopOpened | None:
        return published  # type: ignore[no-any-return]  # what the test wants

    @house.publish(Opened)
    def opened_at(event: Opened, envelope: Envelope) -> OpenedAt | None:
        return at  # type: ignore[no-any-return]  # what the test wants

    @house.publish(Closed)
    def closed(event: Closed) -> ShopClosed:
        return ShopClosed()

    return System("house", contexts=[house])


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ("rename", IdentityChanged, "the identity of Door 'd-1' was changed to 'd-2'"),
        ("close", NotDeclared, "Door records Closed, which it does not declare"),
    ],
)
def test_what_is_not_declared_fails_the_command(how: str, error: type[Exception], said: str) -> None:
    with running(make_house()) as app:
        with pytest.raises(HandlerFailed) as failed:
            app.send(Work(how=how))
        assert isinstance(failed.value.__cause__, error)
        assert said in str(failed.value.__cause__)
        assert app.recorded(DomainEvent) == []


@pytest.mark.parametrize("published", [Opened(), [ShopOpened()], ShopClosed(), OpenedAt()])
def test_a_publisher_that_returns_what_it_does_not_declare_fails_the_command(published: Any) -> None:
    with running(make_house(published)) as app:
        with pytest.raises(HandlerFailed) as failed:
            app.send(Work(how="open"))
        error = failed.value.__cause__
        assert isinstance(error, NotDeclared)
        assert f"opened returned {type(published).__name__}, which it does not declare" in str(error)
        assert error.where == "house.opened"
        assert error.expected == "ShopOpened or None"
        assert app.recorded(DomainEvent) == []


def test_a_publisher_that_asks_for_the_envelope_is_held_to_its_annotation_too() -> None:
    with running(make_house(at=ShopOpened())) as app, pytest.raises(HandlerFailed) as failed:
        app.send(Work(how="open"))
    assert "opened_at returned ShopOpened, which it does not declare" in str(failed.value.__cause__)


def test_a_publisher_returns_what_it_declares_or_nothing() -> None:
    with running(make_house(ShopOpened(), OpenedAt())) as app:
        app.send(Work(how="open"))
        assert (app.published(ShopOpened), app.published(OpenedAt)) == ([ShopOpened()], [OpenedAt()])
    with running(make_house()) as app:
        app.send(Work(how="open"))
        assert app.published(IntegrationEvent) == []


def test_a_subclass_of_a_declared_event_is_declared() -> None:
    with running(make_house()) as app:
        app.send(Work(how="open late"))
        assert app.recorded(Opened) == [OpenedLate()]


def test_an_aggregate_that_names_no_events_records_every_domain_event() -> None:
    window = Window(id="w")
    window.record(Closed())
    window.record(Opened())
    anything: Any = ShopOpened()
    with pytest.raises(NotDeclared, match="Window records ShopOpened, which it does not declare"):
        window.record(anything)
