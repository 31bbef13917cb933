"""What is old goes by itself, and a call repeated for weeks is still recognised; on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Repository, Sender, System
from remit.runtime import Host, Ports
from remit.runtime.upkeep import housekeeping
from remit.runtime.upkeep.pruning import CHUNK
from remit.stores import KeyClaim, Store, Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, Talk, virtually

DAY = 86_400.0


def test_what_is_old_goes_in_chunks() -> None:
    async def story() -> None:
        talk = Talk()
        now = LoopClock().seconds()
        old, young = now - 7 * DAY - 1.0, now - 7 * DAY + 2 * housekeeping.PRUNE
        for number in range(2 * CHUNK + 1):
            await talk.store.commit(Unit(claim=KeyClaim("web", f"old {number}", b"", b"{}", old)))
        await talk.store.commit(Unit(claim=KeyClaim("web", "young", b"", b"{}", young)))
        await talk.store.beat("gone", now - DAY - 1.0, "[]")
        await talk.store.beat("hung", now - DAY + 2 * housekeeping.PRUNE, "[]")
        async with talk.running() as (app, _, _feed):
            await asyncio.sleep(housekeeping.PRUNE + 0.1)
            left = [number for number in range(2 * CHUNK + 1) if await talk.store.outcome("web", f"old {number}")]
            assert len(left) == CHUNK + 1, "one chunk, then a pause"
            await asyncio.sleep(2.0)
            assert [await talk.store.outcome("web", f"old {number}") for number in left] == [None] * len(left)
            assert await talk.store.outcome("web", "young") is not None
            assert list(await talk.store.beats()) == ["hung", app.process]

    virtually(story())


class Ask(Command[None]):
    who: str


class Asked(DomainEvent):
    who: str


class WasAsked(IntegrationEvent, key="who"):
    who: str


class Pay(Command[None]):
    who: str


class Question(Aggregate[str, Asked]):
    asked: int = 0


class Purse(Aggregate[str]):
    paid: int = 0


def shop() -> System:
    """Answering pays first, by a call to another context, and fails then."""
    front, back, purse = Context("front"), Context("back"), Context("purse")

    @front.handle(Ask)
    async def ask(command: Ask, questions: Repository[Question]) -> None:
        question = await questions.obtain(command.who)
        question.asked += 1
        question.record(Asked(who=command.who))

    @front.publish(Asked)
    def asked(event: Asked) -> WasAsked:
        return WasAsked(who=event.who)

    @back.react(WasAsked)
    async def answer(event: WasAsked, sender: Sender) -> None:
        await sender.send(Pay(who=event.who))
        raise ValueError("nobody knows the answer")

    @purse.handle(Pay)
    async def pay(command: Pay, purses: Repository[Purse]) -> None:
        (await purses.obtain(command.who)).paid += 1

    return System("shop", contexts=[front, back, purse])


def test_a_call_repeated_for_weeks_is_applied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "TICK", 600.0)
    monkeypatch.setattr(housekeeping, "PRUNE", 3600.0)

    async def story() -> None:
        model, ports = shop().model(), Ports(LoopClock())
        stores: dict[str, Store] = {context.name: MemoryStore() for context in model.contexts}
        app = Host(model, stores, ports)
        await app.start()
        await app.send(Ask(who="ada"))
        await asyncio.sleep(20 * DAY)
        (row,) = await stores["back"].parked()
        assert row.attempts > 20
        assert await stores["purse"].load("purse.Purse", "ada") == (1, b'{"id":"ada","paid":1}')
        await app.stop()

    virtually(story())
