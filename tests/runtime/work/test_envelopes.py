"""The identity and the time of the message that is handled: the same for all that handle it, and whenever it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from remit import (
    Aggregate,
    Clock,
    Command,
    Context,
    DomainEvent,
    Envelope,
    IntegrationEvent,
    Later,
    Query,
    Repository,
    Sender,
    System,
)
from remit.errors import HandlerFailed
from remit.hosting.assembly import assemble
from remit.log import Channel, MessageRecord, moment_of
from remit.runtime import Host
from tests.runtime.talk import until, until_parked


class Note(Command[None]):
    text: str


class Call(Command[None]):
    """One whose handler may tell others what time it is, before it commits."""

    text: str


class NoteLater(Command[None]):
    text: str


class Ask(Query[str]): ...


class Mark(Command[None]): ...


class Tell(Command[None]):
    id: str
    at: datetime


class Noted(DomainEvent):
    text: str


class Read(DomainEvent):
    text: str


class Told(IntegrationEvent, version=1):
    id: str
    at: datetime


class Book(Aggregate[str, Noted | Read]):
    pages: int = 0


class Copied(DomainEvent): ...


class Copies(Aggregate[str, Copied]): ...


class Notes:
    """A book in which notes are made, and the envelopes that all who handle something have had, by who has."""

    def __init__(self) -> None:
        self.notes, self.readers = Context("notes"), Context("readers")
        self.had: dict[str, list[Envelope]] = {}
        self.told: list[Told] = []
        self.fails = 0
        self.between: Any = None
        self._open_notes()

        @self.readers.react(Told)
        async def on_told(event: Told, envelope: Envelope) -> None:
            self.told.append(event)
            await self.keep("on_told", envelope)

        self.system = System("notes", contexts=[self.notes, self.readers])

    def _open_notes(self) -> None:
        notes = self.notes

        @notes.handle(Note)
        async def note(command: Note, books: Repository[Book], envelope: Envelope) -> None:
            book = await books.obtain("book")
            book.pages += 1
            await self.keep("note", envelope)
            book.record(Noted(text=command.text))

        @notes.handle(Call)
        async def call(command: Call, sender: Sender, envelope: Envelope) -> None:
            await self.keep("call", envelope)

        @notes.handle(NoteLater)
        async def note_later(command: NoteLater, later: Later[Note]) -> None:
            later.send(Note(text=command.text))

        @notes.answer(Ask)
        async def ask(query: Ask, envelope: Envelope) -> str:
            await self.keep("ask", envelope)
            return envelope.id

        @notes.react(Noted, together=True)
        async def first(event: Noted, books: Repository[Book], envelope: Envelope) -> None:
            await self.keep("first", envelope)
            (await books.get("book")).record(Read(text=event.text))

        @notes.react(Read, together=True)
        async def inner(event: Read, envelope: Envelope) -> None:
            await self.keep("inner", envelope)

        @notes.react(Noted, together=True)
        async def second(event: Noted, envelope: Envelope) -> None:
            await self.keep("second", envelope)

        @notes.react(Noted)
        async def afterwards(event: Noted, envelope: Envelope) -> None:
            await self.keep("afterwards", envelope)

        @notes.publish(Noted)
        def tell(event: Noted, envelope: Envelope) -> Told | None:
            return Told(id=envelope.id, at=envelope.time) if event.text else None

    async def keep(self, who: str, envelope: Envelope) -> None:
        self.had.setdefault(who, []).append(envelope)
        if self.between is not None:
            between, self.between = self.between, None
            await between()
        if self.fails:
            self.fails -= 1
            raise ValueError(who)


@asynccontextmanager
async def opened(notes: Notes, place: str) -> AsyncGenerator[Host]:
    host = assemble(notes.system.model(), store=place)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def app(notes: Notes, anywhere: str) -> AsyncIterator[Host]:
    async with opened(notes, anywhere) as host:
        yield host


async def stored(host: Host, channel: Channel = Channel.PRIVATE, context: str = "notes") -> list[MessageRecord]:
    store = host.stores[context]
    heads = await store.heads(channel)
    return [record for part in heads for record in await store.read(channel, part, 0, 100)]


def of(record: MessageRecord) -> Envelope:
    """The envelope that those who handle a record are given."""
    return Envelope(id=record.id, time=datetime.fromtimestamp(moment_of(record), UTC))


async def test_all_that_handle_an_event_have_its_identity_and_time(app: Host, notes: Notes) -> None:
    """Also those who do so before it is stored; one that records more meanwhile does not change it for the next."""
    await app.send(Note(text="a"))
    await until(lambda: {"afterwards", "on_told"} <= notes.had.keys())
    noted, read = sorted(await stored(app), key=lambda record: record.type)
    for who in ("first", "second", "afterwards"):
        assert notes.had[who] == [of(noted)], who
    assert notes.had["inner"] == [of(read)]
    assert [(told.id, told.at) for told in notes.told] == [(noted.id, of(noted).time)]
    assert notes.had["on_told"] == [of(record) for record in await stored(app, Channel.PUBLISHED)]


async def test_a_reaction_that_is_tried_again_has_the_same(kept: str) -> None:
    notes = Notes()

    @notes.readers.react(Told)
    async def failing(event: Told, envelope: Envelope) -> None:
        notes.had.setdefault("failing", []).append(envelope)
        raise ValueError("always")

    async with opened(notes, kept) as host:
        await host.send(Note(text="a"))
        await until_parked(host.stores["readers"], 1)
        (record,) = await stored(host, Channel.PUBLISHED)
    assert notes.had["failing"] == [of(record)] * 3


async def test_each_of_several_messages_in_one_unit_of_work_has_its_own(kept: str) -> None:
    """Also after one before it has recorded events, whose envelopes were asked for."""
    notes = Notes()

    @notes.notes.react(Noted)
    async def copies(event: Noted, copies: Repository[Copies], envelope: Envelope) -> None:
        notes.had.setdefault("copies", []).append(envelope)
        (await copies.obtain("all")).record(Copied())

    @notes.notes.react(Copied, together=True)
    async def beside(event: Copied, envelope: Envelope) -> None:
        notes.had.setdefault("beside", []).append(envelope)

    async with opened(notes, kept) as host:
        for _ in range(30):
            await host.send(Note(text=""))
        await until(lambda: len(notes.had.get("copies", ())) >= 30)
        await until(lambda: len(notes.had.get("beside", ())) >= 30)
        noted = {of(record).id for record in await stored(host) if record.type == "notes.Noted"}
    assert {each.id for each in notes.had["copies"]} == noted
    assert noted.isdisjoint(each.id for each in notes.had["beside"])


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_command_that_others_overtook_has_the_same(app: Host, notes: Notes, key: str | None) -> None:
    await app.send(Note(text=""))
    await until(lambda: "afterwards" in notes.had)  # its reaction would take what happens between
    notes.had.clear()

    async def between() -> None:
        await app.send(Note(text=""))

    notes.between = between
    await app.send(Note(text=""), key=key)
    one, other, again = notes.had["note"]
    assert one == again
    assert one.id != other.id


async def test_a_command_under_a_key_has_the_same_in_another_process(kept: str) -> None:
    """It may have told others: so its time is kept."""
    notes = Notes()
    notes.fails = 1
    async with opened(notes, kept) as host:
        with pytest.raises(HandlerFailed):
            await host.send(Call(text="a"), key="k")
    async with opened(notes, kept) as host:
        await host.send(Call(text="a"), key="k")
        await host.send(Call(text="a"), key="other")
        await host.send(Call(text="a"), key="k", caller="http:somebody")
    first, again, other, foreign = notes.had["call"]
    assert first == again
    assert len({first.id, other.id, foreign.id}) == 3
    assert all(len(each.id) == 32 for each in notes.had["call"])


async def test_commands_without_a_key_and_queries_have_new_ones(app: Host, notes: Notes) -> None:
    await app.send(Note(text=""))
    await app.send(Note(text=""))
    asked = {await app.ask(Ask()) for _ in range(2)}
    had = [*notes.had["note"], *notes.had["ask"]]
    assert len({each.id for each in had}) == 4
    assert asked == {each.id for each in notes.had["ask"]}
    assert all(len(each.id) == 32 and abs((datetime.now(UTC) - each.time).total_seconds()) < 60 for each in had)


async def test_a_command_sent_for_later_has_that_of_its_record(app: Host, notes: Notes) -> None:
    await app.send(NoteLater(text=""))
    await until(lambda: "note" in notes.had)
    (record,) = await stored(app, Channel.PUBLISHED)
    assert notes.had["note"] == [of(record)]


async def test_a_reaction_together_has_the_moment_of_its_unit_of_work(notes: Notes) -> None:
    """Its clock, its envelope and the clock of the handler say the same; so do those who handle the event later."""
    said: list[datetime] = []

    @notes.notes.handle(Mark)
    async def mark(command: Mark, books: Repository[Book], clock: Clock) -> None:
        said.append(clock.now())
        (await books.obtain("book")).record(Noted(text=""))
        notes.had.clear()

    @notes.notes.react(Noted, together=True)
    async def timed(event: Noted, clock: Clock, envelope: Envelope) -> None:
        said.extend((clock.now(), envelope.time))

    async with opened(notes, "memory:") as host:
        await host.send(Mark())
        await until(lambda: "afterwards" in notes.had)
    assert len({*said, notes.had["afterwards"][0].time}) == 1


async def test_a_reaction_together_has_the_same_when_the_handler_runs_again(notes: Notes) -> None:
    """It may have told others."""
    had: list[Envelope] = []
    asked: list[str] = []

    @notes.readers.handle(Tell)
    async def told(command: Tell) -> None:
        asked.append(command.id)

    @notes.notes.react(Read, together=True)
    async def tells(event: Read, envelope: Envelope, sender: Sender) -> None:
        had.append(envelope)
        await sender.send(Tell(id=envelope.id, at=envelope.time))

    async def between() -> None:
        notes.between = None
        await host.send(Note(text=""))

    async with opened(notes, "memory:") as host:
        notes.between = between
        await host.send(Note(text=""), key="k")
    other, one, again = had
    assert one == again != other
