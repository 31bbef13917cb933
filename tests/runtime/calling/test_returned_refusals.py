"""A refusal that is returned commits what its handler has decided, and its caller gets it as one that was raised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Later,
    Query,
    Refusal,
    Repository,
    Sender,
    System,
    field,
)
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.errors import HandlerFailed
from remit.hosting.assembly import assemble
from remit.messages import Encoding
from remit.observability import CallEnded, LaterRefused
from remit.runtime import Host, Ports
from remit.runtime.remote import wire
from remit.stores import Unit, note_written
from remit.stores.memory.store import MemoryStore
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.edges.shop import call
from tests.runtime.apart import Side
from tests.runtime.heard import Heard
from tests.runtime.talk import on_virtual_time, until, until_parked


class Held(Refusal):
    by: str


class Full(Refusal):
    pass


class Undeclared(Refusal):
    why: str


class Hold(Command[int, Held], identity="wish"):
    room: str
    guest: str
    wish: str = ""


class Peek(Query[int, Held]):
    room: str
    strict: bool = False


class Reserve(Command[str]):
    """Of the desk, which holds the room and takes another answer for one."""

    room: str
    guest: str
    times: int = 1


class Ask(Command[None]):
    """Of the desk, which has the room held later."""

    room: str
    guest: str
    wish: str = ""


class Insist(Command[None]):
    """Of a desk that takes no for a failure."""

    room: str


class Request(Command[None, Full]):
    """Of the rooms, which count it and are full."""

    room: str


class Requests(Query[int]):
    room: str


class Twice(Command[str]):
    """Of a desk that makes one request twice."""

    room: str
    aside: bool = False


class Bad(Query[int]): ...


class Write(Command[None]):
    text: str


class HoldRefused(DomainEvent):
    room: str
    guest: str


class Turned(IntegrationEvent, version=1):
    guest: str


class Room(Aggregate[str, HoldRefused]):
    holder: str = ""
    refused: int = 0


class Book(Aggregate[str]):
    lines: list[str] = field(default_factory=list[str])


class Seen(Aggregate[str]):
    guests: list[str] = field(default_factory=list[str])


def decided(room: Room, command: Hold, write: Later[Write]) -> int | Held:
    if room.holder not in ("", command.guest):
        room.refused += 1
        room.record(HoldRefused(room=room.id, guest=command.guest))
        write.send(Write(text=f"no {command.room} for {command.guest}"))
        return Held(by=room.holder)
    room.holder = command.guest
    return room.refused


class Hotel:
    """Rooms that say no, and a desk that asks them. `mend` is what the handler makes of its decision."""

    def __init__(self, mend: Callable[[int | Held], Any] = lambda decision: decision) -> None:
        self.rooms, self.desk = Context("rooms"), Context("desk")
        self.mend = mend
        self.runs = 0
        self.seen: list[str] = []
        self.between: Callable[[], Any] | None = None
        self._open_rooms()
        self._open_desk()
        edge = HttpEdge(self.rooms)
        edge.post("/holds", Hold, status=201, refusals={Held: 423})
        self.system = System("hotel", contexts=[self.rooms, self.desk], edges=[edge])

    def _open_rooms(self) -> None:
        rooms = self.rooms

        @rooms.handle(Hold)
        async def hold(command: Hold, kept: Repository[Room], write: Later[Write]) -> int | Held:
            self.runs += 1
            room = await kept.obtain(command.room)
            decision = self.mend(decided(room, command, write))
            if self.between is not None:
                between, self.between = self.between, None
                await between()
            return decision  # type: ignore[no-any-return]  # what a test makes of it

        @rooms.answer(Peek)
        async def peek(query: Peek, kept: Repository[Room]) -> int | Held:
            room = await kept.obtain(query.room)
            return Held(by=room.holder) if query.strict else room.refused

        @rooms.handle(Write)
        async def write(command: Write, books: Repository[Book]) -> None:
            (await books.obtain("book")).lines.append(command.text)

        @rooms.handle(Request)
        async def request(command: Request, kept: Repository[Room]) -> Full | None:
            (await kept.obtain(command.room)).refused += 1
            return Full()

        @rooms.answer(Requests)
        async def requests(query: Requests, kept: Repository[Room]) -> int:
            return (await kept.obtain(query.room)).refused

        @rooms.publish(HoldRefused)
        def publish(event: HoldRefused) -> Turned:
            return Turned(guest=event.guest)

    def _open_desk(self) -> None:
        desk = self.desk

        @desk.handle(Reserve)
        async def reserve(command: Reserve, sender: Sender, seen: Repository[Seen]) -> str:
            answers: list[str] = []
            for _ in range(command.times):
                try:
                    await sender.send(Hold(room=command.room, guest=command.guest))
                    answers.append("held")
                except Held as refusal:
                    answers.append(refusal.by)
            (await seen.obtain("booked")).guests.append(command.guest)
            return " ".join(answers)

        @desk.handle(Ask)
        async def ask(command: Ask, later: Later[Hold]) -> None:
            later.send(Hold(room=command.room, guest=command.guest, wish=command.wish))

        @desk.react(Turned)
        async def on_turned(event: Turned, seen: Repository[Seen]) -> None:
            (await seen.obtain("turned")).guests.append(event.guest)
            self.seen.append(event.guest)


def asking_twice(desk: Context) -> None:
    @desk.handle(Twice)
    async def twice(command: Twice, sender: Sender) -> str:
        async def once() -> str:
            refused = await sender.attempt(Request(room=command.room))
            return "full" if isinstance(refused, Full) else "done"

        said = await asyncio.gather(once(), once()) if command.aside else [await once(), await once()]
        return " ".join(said)


@asynccontextmanager
async def opened(hotel: Hotel, place: str = "memory:", *, parity: bool = False) -> AsyncGenerator[tuple[Host, Heard]]:
    heard = Heard()
    host = assemble(hotel.system.model(), store=place, parity=parity, listeners=[heard])
    await host.start()
    try:
        yield host, heard
    finally:
        await host.stop()


async def refused(host: Host, room: str = "1") -> int:
    """How often the room has recorded that it said no."""
    return await host.ask(Peek(room=room))  # type: ignore[no-any-return]  # the reply of a query


@pytest.mark.parametrize("parity", [False, True])
@pytest.mark.parametrize("key", [None, "wish-1"])
async def test_what_was_decided_is_committed_and_the_caller_sees_the_refusal(
    anywhere: str, key: str | None, parity: bool
) -> None:
    hotel = Hotel()
    async with opened(hotel, anywhere, parity=parity) as (host, heard):
        assert await host.send(Hold(room="1", guest="ada"), key="first") == 0
        with pytest.raises(Held) as caught:
            await host.send(Hold(room="1", guest="zoe"), key=key)
        assert caught.value == Held(by="ada")
        assert await host.attempt(Hold(room="1", guest="eve")) == Held(by="ada")
        assert await refused(host) == 2
        await until(lambda: hotel.seen == ["zoe", "eve"])
        assert sorted(await written(host)) == ["no 1 for eve", "no 1 for zoe"]  # two keys have no order
        assert [each.outcome for each in heard.of(CallEnded)[:3]] == ["replied", "refused", "refused"]
        assert heard.words == [], "a refusal is an answer, and no failure"


async def written(host: Host) -> list[str]:
    """What was sent for later with a refusal, once it has been handled."""
    row: tuple[int, bytes] | None = None
    async with asyncio.timeout(10):
        while row is None or row[1].count(b"no ") < 2:
            await asyncio.sleep(0.01)
            row = await host.stores["rooms"].load("rooms.Book", "book")
    found: list[str] = (
        host.shared.workplaces["rooms"].plan.commands[Write].dependencies[0].subject.codec.decode(row[1]).lines
    )
    return found


async def test_a_refusal_that_is_raised_changes_nothing(anywhere: str) -> None:
    def raised(decision: int | Held) -> int:
        if isinstance(decision, Held):
            raise decision
        return decision

    async with opened(Hotel(raised), anywhere) as (host, _):
        await host.send(Hold(room="1", guest="ada"))
        assert await host.attempt(Hold(room="1", guest="zoe")) == Held(by="ada")
        assert await refused(host) == 0


async def test_a_repeated_key_gets_the_refusal_again_and_its_effects_once(kept: str) -> None:
    hotel = Hotel()
    async with opened(hotel, kept) as (host, _):
        await host.send(Hold(room="1", guest="ada"))
        for _ in range(3):
            assert await host.attempt(Hold(room="1", guest="zoe"), key="k") == Held(by="ada")
    async with opened(hotel, kept) as (host, _):
        assert await host.attempt(Hold(room="1", guest="zoe"), key="k") == Held(by="ada")
        assert (await refused(host), hotel.runs) == (1, 2)


async def test_equal_calls_side_by_side_are_refused_alike_and_once() -> None:
    async with opened(Hotel()) as (host, _):
        await host.send(Hold(room="1", guest="ada"))
        outcomes = await asyncio.gather(*(host.attempt(Hold(room="1", guest="zoe"), key="k") for _ in range(5)))
        assert (outcomes, await refused(host)) == ([Held(by="ada")] * 5, 1)


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_run_that_others_overtook_decides_again(anywhere: str, key: str | None) -> None:
    """The first run says no; somebody else writes; the second run is what counts, once."""
    hotel = Hotel()
    async with opened(hotel, anywhere) as (host, _):
        await host.send(Hold(room="1", guest="ada"))

        async def between() -> None:
            await host.attempt(Hold(room="1", guest="bob"))

        hotel.between = between
        assert await host.attempt(Hold(room="1", guest="zoe"), key=key) == Held(by="ada")
        assert (await refused(host), hotel.runs) == (2, 4)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_handler_that_calls_sees_it_raised_and_may_go_on(anywhere: str, times: int) -> None:
    """What the inner handler decided stays. A call that is made again after its refusal is the same wish."""
    async with opened(Hotel(), anywhere) as (host, _):
        await host.send(Hold(room="1", guest="ada"))
        assert await host.send(Reserve(room="1", guest="zoe", times=times), key="k") == " ".join(["ada"] * times)
        assert await host.send(Reserve(room="1", guest="zoe", times=times), key="k") == " ".join(["ada"] * times)
        assert await refused(host) == 1


async def test_what_the_inner_handler_decided_stays_when_the_outer_one_fails() -> None:
    hotel = Hotel()

    @hotel.desk.handle(Insist)
    async def insist(command: Insist, sender: Sender) -> None:
        await sender.send(Hold(room=command.room, guest="zoe"))

    async with opened(hotel) as (host, _):
        await host.send(Hold(room="1", guest="ada"))
        for _ in range(2):
            with pytest.raises(HandlerFailed, match="a refusal it does not declare: Held"):
                await host.send(Insist(room="1"), key="k")
        assert await refused(host) == 1, "the repeated call is the same call"


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("refusal", [Undeclared(why="full"), type("Subclass", (Held,), {})(by="ada")])
async def test_a_refusal_that_is_not_declared_is_a_failure_that_names_it(
    anywhere: str, key: str | None, refusal: Refusal
) -> None:
    name = type(refusal).__name__
    async with opened(Hotel(lambda decision: refusal), anywhere) as (host, heard):
        with pytest.raises(HandlerFailed, match=f"ended with a refusal it does not declare: {name}") as caught:
            await host.send(Hold(room="1", guest="ada"), key=key)
        assert caught.value.__cause__ is refusal
        assert caught.value.next == f"declare it: class Hold(Command[<reply>, Held | {name}])"
        assert [line.what for line in heard] == [f"ended with the undeclared refusal {refusal}"]
        assert await host.stores["rooms"].load("rooms.Room", "1") is None


async def test_a_refusal_that_could_not_be_written_changes_nothing() -> None:
    for key in (None, "k"):
        async with opened(Hotel(lambda decision: Held(by=7))) as (host, _):  # type: ignore[arg-type]  # a wrong value
            with pytest.raises(HandlerFailed):
                await host.send(Hold(room="1", guest="ada"), key=key)
            assert await host.stores["rooms"].load("rooms.Room", "1") is None


async def test_an_answer_that_is_a_refusal_is_raised() -> None:
    hotel = Hotel()

    @hotel.rooms.answer(Bad)
    async def bad(query: Bad) -> Any:
        return Undeclared(why="?")

    async with opened(hotel, parity=True) as (host, _):
        await host.send(Hold(room="1", guest="ada"))
        assert await host.attempt(Peek(room="1", strict=True)) == Held(by="ada")
        with pytest.raises(HandlerFailed, match="Undeclared"):
            await host.ask(Bad())


@pytest.mark.parametrize("wish", ["", "w"])
async def test_a_command_sent_for_later_ends_with_it_and_keeps_what_was_decided(anywhere: str, wish: str) -> None:
    hotel = Hotel()
    async with opened(hotel, anywhere) as (host, heard):
        await host.send(Hold(room="1", guest="ada", wish="first"))
        await host.send(Ask(room="1", guest="zoe", wish=wish))
        await until(lambda: hotel.seen == ["zoe"])
        assert (await refused(host), heard.words) == (1, ["refused-later"])
        assert [each.type for each in heard.of(LaterRefused)] == ["rooms.Hold"]


async def test_a_command_sent_for_later_is_told_as_refused_once_it_is_committed() -> None:
    """A run that is overtaken says nothing: the next one may decide otherwise."""
    hotel = Hotel()
    async with opened(hotel) as (host, heard):
        await host.send(Hold(room="1", guest="ada"))

        async def between() -> None:
            assert heard.of(LaterRefused) == []
            await host.attempt(Hold(room="1", guest="bob"))

        hotel.between = between
        await host.send(Ask(room="1", guest="zoe"))
        await until(lambda: hotel.seen == ["bob", "zoe"])
        assert (len(heard.of(LaterRefused)), hotel.runs) == (1, 4)


async def test_a_command_sent_for_later_that_returns_what_it_does_not_declare_is_parked() -> None:
    hotel = Hotel(lambda decision: Undeclared(why="full"))
    async with opened(hotel) as (host, _):
        await host.send(Ask(room="1", guest="zoe"))
        await until_parked(host.stores["rooms"], 1)
        assert "Undeclared(why='full')" in (await host.stores["rooms"].parked())[0].error
        assert await host.stores["rooms"].load("rooms.Room", "1") is None


async def test_a_command_that_was_parked_is_told_as_refused_when_its_letter_ends_so() -> None:
    broken = [True]

    def mend(decision: int | Held) -> int | Held:
        if broken[0]:
            raise ValueError("not yet")
        return decision

    hotel = Hotel(mend)
    async with opened(hotel) as (host, heard):
        await host.send(Ask(room="1", guest="zoe"))
        await until_parked(host.stores["rooms"], 1)
        broken[0] = False
        await host.send(Hold(room="1", guest="ada"))
        assert await host.stores["rooms"].retry("rooms.commands", None, 0.0) == 1
        await until(lambda: hotel.seen == ["zoe"])
        assert (hotel.seen, await refused(host), len(heard.of(LaterRefused))) == (["zoe"], 1, 1)


@pytest.mark.parametrize("together", [False, True])
async def test_a_reaction_that_returns_a_refusal_fails(together: bool) -> None:
    """Nobody waits for what it returns."""
    hotel = Hotel()

    async def wrongly(event: HoldRefused) -> Any:
        return Held(by="nobody")

    hotel.rooms.react(HoldRefused, together=together)(wrongly)
    async with opened(hotel) as (host, _):
        await host.send(Hold(room="1", guest="ada"))
        if together:
            with pytest.raises(HandlerFailed) as caught:
                await host.send(Hold(room="1", guest="zoe"))
            assert "wrongly returned the refusal Held(by='nobody')" in str(caught.value.__cause__)
            assert await refused(host) == 0
        else:
            await host.attempt(Hold(room="1", guest="zoe"))
            await until_parked(host.stores["rooms"], 1)
            assert "wrongly returned the refusal" in (await host.stores["rooms"].parked())[0].error


async def test_a_client_of_the_edge_gets_the_status_of_the_refusal_each_time() -> None:
    async with opened(Hotel()) as (host, _):
        edge: Any = HttpApp(host.model, host)
        body = {"room": "1", "guest": "ada"}
        assert (await call(edge, "POST", "/holds", body)).status == 201
        for _ in range(2):
            got = await call(edge, "POST", "/holds", {**body, "guest": "zoe"}, headers={"idempotency-key": "k"})
            assert (got.status, got.json["refusal"], got.json["fields"]) == (423, "Held", {"by": "ada"})
        assert await refused(host) == 1


@pytest.fixture(params=["json", "msgpack"])
async def apart(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Hotel, Side, Side]]:
    """The desk and the rooms, each in a process of its own."""
    encoding: Encoding = request.param
    hotel, exchange = Hotel(), Exchange()
    desk, rooms = (Side(hotel.system, name, InProcessCalls(exchange), encoding=encoding) for name in ("desk", "rooms"))
    for side in (desk, rooms):
        await side.start()
    yield hotel, desk, rooms
    for side in (desk, rooms):
        await side.stop()


@pytest.mark.parametrize("aside", [False, True])
@pytest.mark.parametrize("parity", [False, True])
async def test_equal_calls_that_are_refused_are_two_calls(anywhere: str, *, parity: bool, aside: bool) -> None:
    """One after another or side by side: a returned refusal is an outcome as a reply is. When the handler is called
    again, each of them gets its own."""
    hotel = Hotel()
    asking_twice(hotel.desk)
    async with opened(hotel, anywhere, parity=parity) as (host, _):
        for _ in range(2):
            assert await host.send(Twice(room="1", aside=aside), key="k") == "full full"
        assert await host.ask(Requests(room="1")) == 2


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_equal_calls_of_another_process_that_are_refused_are_two_calls(
    encoding: Encoding, monkeypatch: pytest.MonkeyPatch, *, older: bool
) -> None:
    """An older release does not say that it keeps a refusal. Then an equal call after it gets the same one again."""
    if older:
        monkeypatch.setattr(wire, "KEPT", "remit-unknown")
    hotel, exchange = Hotel(), Exchange()
    asking_twice(hotel.desk)
    sides = [Side(hotel.system, name, InProcessCalls(exchange), encoding=encoding) for name in ("desk", "rooms")]
    for side in sides:
        await side.start()
    assert await sides[0].host.send(Twice(room="1"), key="k") == "full full"
    assert await sides[0].host.ask(Requests(room="1")) == (1 if older else 2)
    for side in sides:
        await side.stop()


async def test_it_is_the_same_between_processes(apart: tuple[Hotel, Side, Side]) -> None:
    hotel, desk, _ = apart
    await desk.host.send(Hold(room="1", guest="ada"))
    for _ in range(2):
        assert await desk.host.attempt(Hold(room="1", guest="zoe"), key="k") == Held(by="ada")
        assert await desk.host.send(Reserve(room="1", guest="eve"), key="b") == "ada"
    await until(lambda: sorted(hotel.seen) == ["eve", "zoe"])
    assert (await desk.host.ask(Peek(room="1")), hotel.runs) == (2, 3)


class Late(MemoryStore):
    """Says so late that a unit of work was written that its caller has no more time."""

    late = False

    async def commit(self, unit: Unit) -> None:
        await super().commit(unit)
        if self.late and unit.changes:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError as error:
                note_written(error, unit)
                raise


@on_virtual_time
async def test_a_caller_whose_time_is_over_when_it_is_committed_gets_it_all_the_same() -> None:
    hotel = Hotel()
    store = Late()
    host = Host(hotel.system.model(), {"rooms": store, "desk": MemoryStore()}, Ports())
    await host.start()
    await host.send(Hold(room="1", guest="ada"))
    store.late = True
    assert await host.attempt(Hold(room="1", guest="zoe"), deadline=5) == Held(by="ada")
    await host.stop()
