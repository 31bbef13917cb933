"""An event-sourced aggregate is given by its events, and tested as one that is stored as state."""

from __future__ import annotations

from typing import Any

import pytest

from remit import (
    Claim,
    Claims,
    Command,
    Context,
    DomainEvent,
    EventSourced,
    Projection,
    Query,
    Refusal,
    Repository,
    System,
    View,
)
from remit.errors import NotFolded
from remit.testing import given, running
from remit.testing.mistakes import KitError


class Moved(DomainEvent):
    to: str


class Sent(Moved):
    pass


class Delivered(DomainEvent, key="by"):
    by: str


class AlreadyThere(Refusal):
    by: str


class Shipment(EventSourced[str, Moved | Delivered]):
    at: str = ""
    by: str = ""

    def evolve(self, event: Moved | Delivered) -> None:
        if isinstance(event, Delivered):
            self.by = event.by
        else:
            self.at = event.to

    def deliver(self, by: str) -> None:
        if self.by:
            raise AlreadyThere(by=self.by)
        self.record(Delivered(by=by))

    def cheat(self) -> None:
        self.by = "nobody"


class Deliver(Command[str, AlreadyThere]):
    shipment: str
    by: str


class Name(Command[None]):
    shipment: str
    name: str


class Taken(Refusal):
    pass


class Nickname(Claim[str, Shipment]): ...


class Stops(Projection[str, Moved]):
    names: list[str] = []  # noqa: RUF012  # the base copies it

    @staticmethod
    def key(event: Moved) -> str:
        return "all"

    def evolve(self, event: Moved) -> None:
        self.names.append(event.to)


class AllStops(Query[list[str]]):
    pass


post = Context("post")
post.project(Stops)


@post.handle(Deliver)
async def deliver(command: Deliver, shipments: Repository[Shipment]) -> str:
    shipment = await shipments.get(command.shipment)
    shipment.deliver(command.by)
    return shipment.at


@post.handle(Name)
async def name(command: Name, shipments: Repository[Shipment], names: Claims[Nickname]) -> None:
    await names.take(command.name, by=await shipments.get(command.shipment), otherwise=Taken())


@post.answer(AllStops)
async def stops(query: AllStops, view: View[Stops]) -> list[str]:
    found = await view.find("all")
    return found.names if found else []


def test_events_behind_an_aggregate_make_it_what_it_is() -> None:
    given(Shipment(id="1"), Sent(to="Rome")).when(Shipment.deliver, "ada").then(Delivered(by="ada")).leaves(
        Shipment(id="1", at="Rome", by="ada")
    )
    there = given(Shipment(id="1"), Sent(to="Rome"), Delivered(by="ada"))
    there.when(Shipment.deliver, "eve").then(AlreadyThere(by="ada"))
    there.when(deliver, Deliver(shipment="1", by="eve")).then(AlreadyThere(by="ada"))


def test_a_given_state_needs_no_events() -> None:
    step = given(post, Shipment(id="1", at="Oslo")).when(Deliver(shipment="1", by="ada"))
    step.then(Delivered(by="ada")).replies("Oslo").leaves(Shipment(id="1", at="Oslo", by="ada"))


def test_events_of_several_aggregates_go_to_each_and_to_projections() -> None:
    state = (Shipment(id="1"), Sent(to="Rome"), Shipment(id="2"), Sent(to="Bern"), Delivered(by="eve"))
    given(post, *state).when(Deliver(shipment="1", by="ada")).then(Delivered(by="ada")).leaves(
        Shipment(id="1", at="Rome", by="ada"), Shipment(id="2", at="Bern", by="eve")
    )
    given(post, *state).when(AllStops()).then(["Rome", "Bern"])


def test_the_given_aggregate_is_not_changed() -> None:
    shipment = Shipment(id="1")
    given(shipment, Sent(to="Rome")).when(Shipment.deliver, "ada").then(Delivered(by="ada"))
    assert shipment == Shipment(id="1")


def test_a_claim_is_given_for_it() -> None:
    ready = given(post, Shipment(id="1"), Sent(to="Rome")).claimed(Nickname, "box", by=Shipment(id="1"))
    ready.when(Name(shipment="1", name="crate")).then()


def test_a_method_that_changes_a_field_without_an_event_is_refused() -> None:
    with pytest.raises(NotFolded, match=r"by is 'nobody', and its events make it ''"):
        given(Shipment(id="1")).when(Shipment.cheat)


def test_a_class_is_no_aggregate() -> None:
    wrong: Any = Shipment
    with pytest.raises(KitError, match=r"given\(Shipment\(id=...\), <its events>\)"):
        given(wrong, Sent(to="Rome"))


def test_the_log_of_a_running_system_has_its_events() -> None:
    context = Context("post")

    @context.handle(Deliver)
    async def receive(command: Deliver, shipments: Repository[Shipment]) -> str:
        shipment = await shipments.obtain(command.shipment)
        shipment.deliver(command.by)
        return shipment.by

    with running(System("post", contexts=[context])) as app:
        assert app.send(Deliver(shipment="1", by="ada")) == "ada"
        assert app.recorded(Delivered) == [Delivered(by="ada")]
        assert app.recorded(Delivered, key="ada") == [Delivered(by="ada")]
