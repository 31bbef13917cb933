"""Each context works at its own place: its store, its forms of messages, its services, whoever has it work."""

from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Query, Repository, System
from remit.log import Channel
from remit.observability import BatchHandled, UnitCommitted
from remit.runtime import Host, Ports
from remit.stores.memory.store import MemoryStore
from tests.runtime.heard import Heard
from tests.runtime.talk import on_virtual_time, until

NAMES = ("east", "north", "west")


class Badge:
    """A service that each context has of its own, under the same type."""

    def __init__(self, text: str) -> None:
        self.text = text


class Office:
    """A context that counts words, and notes which badge it was given."""

    def __init__(self, name: str) -> None:
        self.context = context = Context(name)
        self.noted: list[str] = []

        class Say(Command[str]):
            word: str

        class Said(DomainEvent):
            word: str

        class Counted(DomainEvent):  # nobody declares what comes of it
            times: int

        class Told(IntegrationEvent, version=1):
            word: str

        class Times(Query[int]):
            word: str

        class Word(Aggregate[str, Said | Counted]):
            times: int = 0

        class Note(Aggregate[str]):
            times: int = 0

        self.say, self.times = Say, Times
        context.provide(Badge, lambda: Badge(name))

        @context.handle(Say)
        async def say(command: Say, words: Repository[Word], badge: Badge) -> str:
            word = await words.obtain(command.word)
            word.times += 1
            word.record(Said(word=command.word))
            word.record(Counted(times=word.times))
            return badge.text

        @context.publish(Said)
        def told(event: Said) -> Told:
            return Told(word=event.word)

        @context.react(Said)
        async def note(event: Said, notes: Repository[Note], badge: Badge) -> None:
            self.noted.append(badge.text)
            (await notes.obtain(event.word)).times += 1

        @context.answer(Times)
        async def times(query: Times, words: Repository[Word]) -> int:
            word = await words.find(query.word)
            return 0 if word is None else word.times


async def rows_of(store: MemoryStore, name: str) -> dict[str, Any]:
    """What a context has left in a store."""
    written = [
        record.type
        for channel in Channel
        for part in sorted(await store.heads(channel))
        for record in await store.read(channel, part, 0, 9)
    ]
    states = [kind for kind in ("Word", "Note") if await store.load(f"{name}.{kind}", "yes") is not None]
    return {"log": written, "state": states, "kept": await store.outcome(f"{name}.Say ", "wish") is not None}


@pytest.mark.parametrize("name", NAMES)
@on_virtual_time
async def test_what_a_context_does_stays_with_it(name: str) -> None:
    offices, stores, heard = {each: Office(each) for each in NAMES}, {each: MemoryStore() for each in NAMES}, Heard()
    model = System("offices", contexts=[office.context for office in offices.values()]).model()
    host, here = Host(model, stores, Ports(), listeners=[heard]), offices[name]
    await host.start()
    assert await host.send(here.say(word="yes"), key="wish") == name
    await until(lambda: bool(heard.of(BatchHandled)))
    times = {each: await host.ask(office.times(word="yes")) for each, office in offices.items()}
    await host.stop()
    assert times == {each: int(each == name) for each in NAMES}
    assert {each: office.noted for each, office in offices.items()} == {
        each: [name] if each == name else [] for each in NAMES
    }
    assert {unit.context for unit in heard.of(UnitCommitted)} == {name}
    everything = {"log": [f"{name}.Said", f"{name}.Counted", f"{name}.Told"], "state": ["Word", "Note"], "kept": True}
    nothing: dict[str, Any] = {"log": [], "state": [], "kept": False}
    for each, store in stores.items():
        assert await rows_of(store, name) == (everything if each == name else nothing), each
