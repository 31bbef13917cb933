"""Identities and keys that some store could not hold are refused where they enter, on every store alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Later,
    Projection,
    Query,
    Repository,
    Sender,
    System,
    View,
)
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.errors import BadKey, HandlerFailed
from remit.hosting.assembly import assemble
from remit.log import Channel
from remit.relations import Partnership
from remit.runtime import Host
from tests.edges.shop import call
from tests.runtime.talk import until_parked

Way = Literal["get", "find", "obtain", "add", "event", "later", "call"]
WAYS: tuple[Way, ...] = ("get", "find", "add", "obtain", "event", "later", "call")
BAD = ["a\0b", "k" * 513, "\u00e9" * 257, "\ud800"]


class Do(Command[None]):
    way: Way
    text: str


class Done(DomainEvent, key="text"):
    text: str


class Told(IntegrationEvent, version=1):
    text: str


class Say(Command[None], key="text"):
    text: str


class Look(Query[bool]):
    text: str
    document: bool = False


class Thing(Aggregate[str, Done]):
    count: int = 0


class Note(Aggregate[str]):
    count: int = 0


class Notes(Projection[str, Told]):
    count: int = 0

    @staticmethod
    def key(event: Told) -> str:
        return event.text * 2

    def evolve(self, event: Told) -> None:
        self.count += 1


one, two = Context("one"), Context("two")
one_edge = HttpEdge(one)
one_edge.post("/do", Do)
two.project(Notes)


@one.handle(Do)
async def do(command: Do, things: Repository[Thing], later: Later[Say], sender: Sender) -> None:
    match command.way:
        case "get":
            await things.get(command.text)
        case "find":
            await things.find(command.text)
        case "obtain":
            await things.obtain(command.text)
        case "add":
            things.add(Thing(id=command.text))
        case "event":
            thing = await things.obtain("fine")
            thing.count += 1
            thing.record(Done(text=command.text))
        case "later":
            later.send(Say(text=command.text))
        case "call":
            await sender.send(Say(text="fine"), key=command.text)


@one.publish(Done)
def publish(event: Done) -> Told:
    return Told(text=event.text)


@two.handle(Say)
async def say(command: Say, notes: Repository[Note]) -> None:
    (await notes.obtain(command.text)).count += 1


@two.react(Told)
async def follow(event: Told, notes: Repository[Note]) -> None:
    await notes.obtain(event.text * 2)


@two.answer(Look)
async def look(query: Look, notes: Repository[Note], documents: View[Notes]) -> bool:
    return await (documents if query.document else notes).find(query.text) is not None


system = System("s", contexts=[one, two], edges=[one_edge], relations=[Partnership(one, two)])


@pytest.fixture
async def app(anywhere: str) -> AsyncIterator[Host]:
    runtime = assemble(system.model(), store=anywhere)
    await runtime.start()
    yield runtime
    await runtime.stop()


async def test_what_a_handler_makes_an_identity_or_key_of_is_refused_and_nothing_is_changed(app: Host) -> None:
    for way in WAYS:
        for text in BAD:
            its_own_call = way in ("later", "call")  # whose key is no mistake of the message
            with pytest.raises(HandlerFailed if its_own_call else BadKey, match=r"key .*(bytes|NUL|half)|512 bytes"):
                await app.send(Do(way=way, text=text))
    await app.send(Do(way="find", text="fine"), key="learnt")  # now it is foreseen what is loaded first
    for text in BAD[:3]:
        with pytest.raises(BadKey, match="at most 512 bytes"):
            await app.send(Do(way="find", text=text), key=f"k{len(text)}")
    assert await app.stores["one"].load("one.Thing", "fine") is None
    assert [await app.stores[each].heads(channel) for each in ("one", "two") for channel in Channel] == [{}] * 4


async def test_a_key_or_identity_that_somebody_asks_with_is_refused(app: Host) -> None:
    for text in BAD:
        with pytest.raises(BadKey):
            await app.send(Say(text="fine"), key=text)
        with pytest.raises(BadKey):
            await app.ask(Look(text="fine"), fresh=text)
        for document in (False, True):
            with pytest.raises(BadKey):
                await app.ask(Look(text=text, document=document))
    assert await app.ask(Look(text="fine")) is False


async def test_an_empty_idempotency_key_is_not_taken_for_none(app: Host) -> None:
    with pytest.raises(BadKey, match="empty"):
        await app.send(Say(text="fine"), key="")
    with pytest.raises(HandlerFailed, match="BadKey: the idempotency key is empty"):
        await app.send(Do(way="call", text=""), key="k")


async def test_an_idempotency_key_that_is_no_text_is_refused(app: Host) -> None:
    key: Any = 3
    with pytest.raises(BadKey, match="3 is not a text"):
        await app.send(Say(text="fine"), key=key)


@pytest.mark.parametrize("text", ["k" * 512, "\U0001f600" * 128, "\x01'\"\\%_\n\u2028\ufeff"])
async def test_every_other_text_is_an_identity_and_a_key(app: Host, text: str) -> None:
    await app.send(Say(text=text), key=text)
    await app.send(Say(text=text), key=text)
    assert await app.ask(Look(text=text), fresh=text) is True
    assert (await app.stores["two"].load("two.Note", text) or (0,))[0] == 1
    for way in WAYS[1:]:
        await app.send(Do(way=way, text=text), key=f"{way} {len(text)}")


async def test_an_identity_that_a_reaction_or_a_projection_makes_parks_its_message_and_nothing_else(
    app: Host,
) -> None:
    text = "k" * 300
    await app.send(Do(way="event", text=text))
    await app.send(Do(way="event", text="fine"))
    await until_parked(app.stores["two"], 2)
    parked = await app.stores["two"].parked()
    assert sorted((row.subscription.name, row.key, row.error[:7]) for row in parked) == [
        ("two.Notes", text, "BadKey:"),
        ("two.follow", text, "BadKey:"),
    ]
    assert await app.ask(Look(text="finefine", document=True), fresh="fine") is True


@pytest.mark.parametrize("text", ["a\\u0000b", "k" * 513])
async def test_a_client_of_the_edge_is_told_that_its_request_is_bad(text: str) -> None:
    runtime = assemble(system.model(), store="memory:")
    await runtime.start()
    edge: Any = HttpApp(system, runtime)
    answer = await call(edge, "POST", "/do", f'{{"way":"get","text":"{text}"}}'.encode())
    await runtime.stop()
    assert (answer.status, answer.json["code"]) == (400, "key.invalid")
    assert "512 bytes" in answer.json["expected"]
