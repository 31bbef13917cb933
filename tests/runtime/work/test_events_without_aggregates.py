"""A handler publishes events without an aggregate: in order per key, with its unit of work or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    Envelope,
    Events,
    IntegrationEvent,
    Projection,
    Query,
    Record,
    Records,
    Refusal,
    Repository,
    System,
    View,
)
from remit.errors import BadKey, HandlerFailed, ModelError


class Full(Refusal): ...


class Add(Command[None, Full]):
    room: str
    fails: bool = False


class Rename(Command[None]):
    """Publishes in ways that are refused."""

    how: str


class Told(Query[list[str]]):
    key: str


class RoomAdded(IntegrationEvent, version=1, key="room"):
    room: str


class Cleaned(IntegrationEvent, version=1):
    room: str


class Counted(DomainEvent):
    room: str
    notes: list[str]


class WasCounted(IntegrationEvent, version=1):
    room: str
    notes: list[str]


class Stranger(IntegrationEvent, version=1):
    room: str


class Room(Record[str]):
    pass


class Tally(Aggregate[str]):
    counted: int = 0


class Log(Projection[str, RoomAdded | Cleaned | WasCounted]):
    said: tuple[str, ...] = ()

    @staticmethod
    def key(event: RoomAdded | Cleaned | WasCounted) -> str:
        return event.room

    def evolve(self, event: RoomAdded | Cleaned | WasCounted) -> None:
        self.said = (*self.said, f"{type(event).__name__}{len(event.notes) if isinstance(event, WasCounted) else ''}")


class TallyOf(Query[int]):
    room: str


def make_house() -> System:
    rooms, desk = Context("rooms"), Context("desk")
    declare_rooms(rooms)
    declare_renaming(rooms)
    desk.project(Log)

    @desk.answer(Told)
    async def told(query: Told, logs: View[Log]) -> list[str]:
        found = await logs.find(query.key)
        return [] if found is None else list(found.said)

    return System("house", contexts=[rooms, desk])


def declare_rooms(rooms: Context) -> None:
    @rooms.handle(Add)
    async def add(command: Add, kept: Records[Room], events: Events[RoomAdded | Cleaned | Counted]) -> None:
        await kept.put(Room(id=command.room))
        events.publish(RoomAdded(room=command.room))
        notes = ["a"]
        events.publish(Counted(room=command.room, notes=notes), key=command.room)
        notes.append("b")
        events.publish(Cleaned(room=command.room), key=command.room)
        if command.fails:
            raise Full

    @rooms.publish(Counted)
    def counted(event: Counted) -> WasCounted:
        return WasCounted(room=event.room, notes=event.notes)

    @rooms.react(Counted, together=True)
    async def tally(event: Counted, tallies: Repository[Tally]) -> None:
        (await tallies.obtain(event.room)).counted += 1

    @rooms.answer(TallyOf)
    async def tally_of(query: TallyOf, tallies: Repository[Tally]) -> int:
        return (await tallies.get(query.room)).counted


def declare_renaming(rooms: Context) -> None:
    @rooms.handle(Rename)
    async def rename(command: Rename, events: Events[RoomAdded | Cleaned]) -> None:
        match command.how:
            case "no key":
                events.publish(Cleaned(room="r"))
            case "two keys":
                events.publish(RoomAdded(room="r"), key="r")
            case "stranger":
                events.publish(Stranger(room="r"), key="r")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the mistake
            case _:
                events.publish(Cleaned(room="r"), key=command.how)


async def test_events_are_published_in_order_with_what_the_handler_writes(anywhere: str) -> None:
    async with make_house().connect(store=anywhere) as app:
        await app.send(Add(room="1"))
        assert await app.ask(Told(key="1"), fresh=True) == ["RoomAdded", "WasCounted1", "Cleaned"]
        assert await app.ask(TallyOf(room="1")) == 1, "what reacts together with a domain event has run"


async def test_nothing_is_published_where_the_handler_refuses(anywhere: str) -> None:
    async with make_house().connect(store=anywhere) as app:
        assert await app.attempt(Add(room="1", fails=True)) == Full()
        await app.send(Add(room="2"))
        assert await app.ask(Told(key="1"), fresh=True) == []


async def test_a_reaction_together_with_an_event_without_an_aggregate_has_its_envelope(anywhere: str) -> None:
    rooms, envelopes = Context("rooms"), list[Envelope]()

    @rooms.handle(Add)
    async def add(command: Add, events: Events[Counted], of_the_command: Envelope) -> None:
        envelopes.append(of_the_command)
        events.publish(Counted(room=command.room, notes=[]), key=command.room)

    @rooms.react(Counted, together=True)
    async def tally(event: Counted, envelope: Envelope) -> None:
        envelopes.append(envelope)

    @rooms.publish(Counted)
    def counted(event: Counted, envelope: Envelope) -> WasCounted:
        envelopes.append(envelope)
        return WasCounted(room=event.room, notes=[])

    async with System("house", contexts=[rooms]).connect(store=anywhere) as app:
        await app.send(Add(room="1"))
    of_the_command, of_the_publisher, of_the_reaction = envelopes
    assert of_the_publisher == of_the_reaction
    assert of_the_command.id != of_the_reaction.id


async def test_a_reaction_together_with_an_event_without_an_aggregate_cannot_return_a_refusal() -> None:
    rooms = Context("rooms")

    @rooms.handle(Add)
    async def add(command: Add, events: Events[Counted]) -> None:
        events.publish(Counted(room=command.room, notes=[]), key=command.room)

    async def wrongly(event: Counted) -> Any:
        return Full()

    rooms.react(Counted, together=True)(wrongly)
    async with System("house", contexts=[rooms]).connect(store="memory:") as app:
        with pytest.raises(HandlerFailed) as caught:
            await app.send(Add(room="1"))
    assert "wrongly returned the refusal Full()" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no key", "Cleaned is published without an ordering key"),
        ("two keys", "RoomAdded declares its ordering key, and key= gives another"),
        ("stranger", "Stranger is published, but was not asked for"),
    ],
)
async def test_publishing_without_one_key_is_refused(how: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    async with make_house().connect(store="memory:") as app:
        with pytest.raises(HandlerFailed):
            await app.send(Rename(how=how))
        assert f"OutboxError: {said}" in caplog.text


async def test_key_that_cannot_be_one_is_refused() -> None:
    async with make_house().connect(store="memory:") as app:
        with pytest.raises(BadKey):
            await app.send(Rename(how="k" * 513))


def test_event_of_another_context_cannot_be_published() -> None:
    one, other = Context("one"), Context("other")

    @one.handle(Add)
    async def add(command: Add, events: Events[Cleaned]) -> None: ...

    @other.handle(Rename)
    async def rename(command: Rename, events: Events[Cleaned]) -> None: ...

    with pytest.raises(ModelError) as refused:
        System("house", contexts=[one, other]).model()
    assert {finding.code for finding in refused.value.findings} == {"message.two-owners"}


def test_only_events_are_published() -> None:
    one = Context("one")

    @one.handle(Add)
    async def add(command: Add, events: Events[Rename]) -> None: ...  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]  # the mistake

    with pytest.raises(ModelError) as refused:
        System("house", contexts=[one]).model()
    (finding,) = refused.value.findings
    assert (finding.code, finding.next) == (
        "handler.dependency",
        "Events[<domain events of one | integration events>]",
    )


class HotelEvent(IntegrationEvent):
    room: str


class Opened(HotelEvent, version=1, key="room"): ...


class Closed(HotelEvent, version=1, key="room"):
    why: str = ""


class Closed2(Closed, name="Closed", version=2, key="room"):
    until: str = ""


class Seen(Projection[str, HotelEvent]):
    what: tuple[str, ...] = ()

    @staticmethod
    def key(event: HotelEvent) -> str:
        return event.room

    def evolve(self, event: HotelEvent) -> None:
        self.what = (*self.what, type(event).__name__)


def hotel_that_publishes(*events: HotelEvent) -> System:
    hotel, desk = Context("hotel"), Context("desk")
    desk.project(Seen)

    @hotel.handle(Add)
    async def add(command: Add, publishes: Events[HotelEvent]) -> None:
        for event in events:
            publishes.publish(event)

    @desk.answer(Told)
    async def told(query: Told, seen: View[Seen]) -> list[str]:
        return list((await seen.get(query.key)).what)

    return System("hotel", contexts=[hotel, desk])


async def test_a_class_that_others_inherit_from_stands_for_all_of_them() -> None:
    async with hotel_that_publishes(Opened(room="1"), Closed(room="1")).connect(store="memory:") as app:
        await app.send(Add(room="1"))
        assert await app.ask(Told(key="1"), fresh=True) == ["Opened", "Closed"]


async def test_a_version_of_an_event_is_asked_for_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    hotel = Context("hotel")

    @hotel.handle(Add)
    async def add(command: Add, publishes: Events[Closed]) -> None:
        publishes.publish(Closed2(room="1"))

    async with System("hotel", contexts=[hotel]).connect(store="memory:") as app:
        with pytest.raises(HandlerFailed):
            await app.send(Add(room="1"))
    assert "OutboxError: Closed2 is published, but was not asked for" in caplog.text


async def test_an_event_that_is_defined_after_the_start_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    events: list[HotelEvent] = []
    system = hotel_that_publishes()
    (hotel, _) = system.contexts

    @hotel.handle(Rename)
    async def rename(command: Rename, publishes: Events[HotelEvent]) -> None:
        publishes.publish(events[0])

    async with system.connect(store="memory:") as app:

        class Late(HotelEvent, version=1, key="room"): ...

        events.append(Late(room="1"))
        with pytest.raises(HandlerFailed):
            await app.send(Rename(how=""))
    assert "OutboxError: Late is published, but its class was not loaded when the system started" in caplog.text
    assert f"import {__name__} in the module of the System" in caplog.text


@pytest.mark.parametrize("base", [DomainEvent, IntegrationEvent])
def test_the_base_of_all_events_is_no_event(base: Any) -> None:
    one = Context("one")

    async def add(command: Add, events: Any) -> None: ...

    port: Any = Events
    add.__annotations__["events"] = port[base]
    one.handle(Add)(add)
    with pytest.raises(ModelError) as refused:
        System("house", contexts=[one]).model()
    assert [finding.code for finding in refused.value.findings] == ["handler.dependency"]
