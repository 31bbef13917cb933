"""A subscription that only hears of messages: what is pushed to it is all there is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from remit import Aggregate, Command, Context, DomainEvent, Repository, System
from remit.log import Channel, Heads, MessageRecord
from remit.runtime import Host, Ports
from remit.stores.memory.store import MemoryStore
from remit.transports import Feed, Push, Standing

CLOCK = 1_700_000_000.0


class Said(DomainEvent):
    who: str
    number: int


class Say(Command[None]): ...


class Speaker(Aggregate[str, Said]): ...


class PushOnly:
    """A feed that cannot be read. `push` is what a broker does."""

    source, channel = "talk", Channel.PRIVATE

    def __init__(self) -> None:
        self.bell: Callable[[Push | None], None] = lambda _: None
        self.done: list[int] = []

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        return []

    async def heads(self) -> Heads:
        return {}

    async def standing(self, subscription: str, at: float, positions: Mapping[int, int] | None = None) -> Standing:
        return Standing(known=True, floors={})

    def watch(self, bell: Callable[[Push | None], None]) -> Callable[[], None]:
        self.bell = bell
        return lambda: None

    def push(self, pos: int, *, before: str | None = None) -> None:
        self.bell(Push(self.record(pos, before), partial(self.done.append, pos)))

    def record(self, pos: int, before: str | None = None) -> MessageRecord:
        payload = f'{{"who":"ada","number":{pos}}}'.encode()
        if before is None:
            before = f"m{pos - 1}" if pos > 1 else ""
        return MessageRecord(0, pos, f"m{pos}", before, "ada", "talk.Said", 1, CLOCK, "{}", payload)


@asynccontextmanager
async def listening(feed: PushOnly, store: MemoryStore) -> AsyncGenerator[list[int]]:
    """The numbers heard so far."""
    talk, heard = Context("talk"), list[int]()

    @talk.handle(Say)
    async def say(command: Say, speakers: Repository[Speaker]) -> None: ...

    @talk.react(Said)
    async def hear(event: Said, _: Repository[Speaker]) -> None:
        heard.append(event.number)

    model = System("talk", contexts=[talk]).model()

    def feeds(*_: object) -> Feed:
        return feed

    runtime = Host(model, {"talk": store}, Ports(), feeds=feeds)
    await runtime.start()
    try:
        yield heard
    finally:
        await runtime.stop()
