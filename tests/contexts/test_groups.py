"""Which reactions follow together: those that may write the same model."""

from __future__ import annotations

import json
from typing import Any

from remit import Aggregate, Claim, Claims, Command, Context, DomainEvent, Records, Repository, System, View
from remit import Projection as Document
from remit import Record as Kept
from remit.contexts import groups_of
from remit.hosting.assembly import assemble


class Step(Command[None]):
    who: str
    n: int
    holds: bool


class Held(DomainEvent):
    who: str
    n: int


class Freed(DomainEvent):
    who: str
    n: int


class Place(Aggregate[str, Held | Freed]):
    steps: int = 0


class Room(Kept[str]):
    seen: tuple[int, ...] = ()


class Floor(Kept[str]): ...


class Member(Aggregate[str]): ...


class Email(Claim[str, Member]): ...


class Badge(Claim[str, Member]): ...


class Totals(Document[str, Held]):
    @staticmethod
    def key(event: Held) -> str:
        return event.who

    def evolve(self, event: Held) -> None: ...


def groups(context: Context[Any]) -> list[tuple[list[str], list[str]]]:
    """Each group: the names of its reactions, and of its models."""
    model = System(context.name, contexts=[context]).model()
    found = groups_of(model, context)
    return [
        ([each.name.partition(".")[2] for each in group.members], [each.__name__ for each in group.models])
        for group in found
    ]


def test_reactions_that_share_a_record_follow_together() -> None:
    desk = Context("desk")

    @desk.react(Held)
    async def on_held(event: Held, rooms: Records[Room]) -> None: ...

    @desk.react(Freed)
    async def on_freed(event: Freed, rooms: Records[Room]) -> None: ...

    @desk.react(Freed)
    async def on_floor(event: Freed, floors: Records[Floor]) -> None: ...

    assert groups(desk) == [(["on_held", "on_freed"], ["Room"]), (["on_floor"], ["Floor"])]


def test_claims_are_of_the_aggregates_that_have_the_values() -> None:
    """Two claims of one aggregate meet in it, and so do a claim and a repository."""
    desk = Context("desk")

    @desk.react(Held)
    async def by_email(event: Held, emails: Claims[Email]) -> None: ...

    @desk.react(Freed)
    async def by_badge(event: Freed, badges: Claims[Badge]) -> None: ...

    @desk.react(Freed)
    async def by_identity(event: Freed, members: Repository[Member]) -> None: ...

    assert groups(desk) == [(["by_email", "by_badge", "by_identity"], ["Member"])]


def test_what_is_only_read_relates_nothing() -> None:
    desk = Context("desk")
    desk.project(Totals)

    @desk.react(Held)
    async def on_held(event: Held, totals: View[Totals]) -> None: ...

    @desk.react(Freed)
    async def on_freed(event: Freed, totals: View[Totals]) -> None: ...

    assert groups(desk) == [(["on_held"], []), (["on_freed"], [])]


async def test_a_record_sees_the_events_of_a_key_in_order_while_one_reaction_is_tried_again() -> None:
    desk = Context("desk")
    fails = [ConnectionError("away for a moment")] * 2

    @desk.handle(Step)
    async def step(command: Step, places: Repository[Place]) -> None:
        event = Held if command.holds else Freed
        (await places.obtain(command.who)).record(event(who=command.who, n=command.n))

    async def note(who: str, n: int, rooms: Records[Room]) -> None:
        room = await rooms.find(who) or Room(id=who)
        await rooms.put(room.replace(seen=(*room.seen, n)))

    @desk.react(Held)
    async def on_held(event: Held, rooms: Records[Room]) -> None:
        if fails:
            raise fails.pop()
        await note(event.who, event.n, rooms)

    @desk.react(Freed)
    async def on_freed(event: Freed, rooms: Records[Room]) -> None:
        await note(event.who, event.n, rooms)

    host = assemble(System("desk", contexts=[desk]).model(), store="memory:")
    await host.start()
    try:
        for n in range(1, 5):
            await host.send(Step(who="ada", n=n, holds=n % 2 == 1))
        await host.freshness.reach("desk")
        found = await host.stores["desk"].load("desk.Room", "ada")
        assert found is not None
        assert json.loads(found[1])["seen"] == [1, 2, 3, 4]
    finally:
        await host.stop()
