"""An event-sourced aggregate names its events, begins with defaults, and folds by a plain method."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import pytest

from remit import Command, Context, DomainEvent, EventSourced, Repository
from tests.checks.shop import checked

E = TypeVar("E", bound=DomainEvent)


class Turned(DomainEvent):
    by: int


class TurnedBack(Turned):
    pass


class Turn(Command[None]):
    wheel: str


class Turning(EventSourced[str, E], Generic[E]):
    """A base of several aggregates."""

    angle: int = 0

    def evolve(self, event: E) -> None:
        self.angle += event.by if isinstance(event, Turned) else 0


class Wheel(Turning[Turned]):
    pass


class Cog(Wheel):
    teeth: int = 12


class Bare(EventSourced[str, Turned]):
    teeth: int


class Waiting(EventSourced[str, Turned]):
    async def evolve(self, event: Turned) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # what is refused


class Anything(Turning[Any]):
    pass


class Every(Turning[DomainEvent]):
    pass


class Commanded(EventSourced[str, Turned | Turn]):  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]  # what is refused
    def evolve(self, event: Any) -> None: ...


def found(aggregate: Any) -> Any:
    context = Context("mill")

    async def turn(command: Turn, kept: Any) -> None: ...

    turn.__annotations__["kept"] = Repository[aggregate]
    context.handle(Turn)(turn)
    return checked(context)


@pytest.mark.parametrize("aggregate", [Wheel, Cog])
def test_a_base_may_say_how_it_folds(aggregate: Any) -> None:
    assert [str(each) for each in found(aggregate)] == []


def test_its_events_count_as_followed() -> None:
    assert "event.unfollowed" not in {each.code for each in found(Wheel).notes}


@pytest.mark.parametrize(
    ("aggregate", "code", "what"),
    [
        (Bare, "aggregate.defaults", "Bare is event-sourced and has fields without a default: teeth"),
        (Bare, "aggregate.evolve", "Bare is event-sourced and has no `evolve`"),
        (Waiting, "aggregate.evolve", "Waiting is event-sourced and has an async `evolve`"),
        (Anything, "aggregate.events", "Anything is event-sourced and names other than its domain events: none"),
        (Every, "aggregate.events", "Every is event-sourced and names other than its domain events: DomainEvent"),
        (Commanded, "aggregate.events", "Commanded is event-sourced and names other than its domain events: Turn"),
    ],
)
def test_what_cannot_be_folded_is_found(aggregate: Any, code: str, what: str) -> None:
    assert (code, what) in [(each.code, each.what) for each in found(aggregate)]
