"""What a unit of work refuses because it was not declared: events, publications, and a changed identity."""

from __future__ import annotations

from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Repository, System
from remit.errors import HandlerFailed, IdentityChanged, NotDeclared
from remit.testing import running


class Opened(DomainEvent): ...


class OpenedLate(Opened): ...


class Closed(DomainEvent): ...


class ShopOpened(IntegrationEvent, version=1): ...


class Work(Command[None]):
    how: str


class Door(Aggregate[str, Opened]):
    times: int = 0


class Window(Aggregate[str]):
    times: int = 0


def make_house(published: Any = None) -> System:
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

    return System("house", contexts=[house])


@pytest.mark.parametrize(
    ("how", "published", "error", "said"),
    [
        ("rename", None, IdentityChanged, "the identity of Door 'd-1' was changed to 'd-2'"),
        ("close", None, NotDeclared, "Door records Closed, which it does not declare"),
        ("open", Opened(), NotDeclared, "Opened was published, which is no integration event"),
        ("open", [ShopOpened()], NotDeclared, "list was published, which is no integration event"),
    ],
)
def test_what_is_not_declared_fails_the_command(how: str, published: Any, error: type[Exception], said: str) -> None:
    with running(make_house(published)) as app:
        with pytest.raises(HandlerFailed) as failed:
            app.send(Work(how=how))
        assert isinstance(failed.value.__cause__, error)
        assert said in str(failed.value.__cause__)
        assert app.recorded(DomainEvent) == []


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
