"""A projection that began after messages had been deleted is incomplete, and that is known for ever."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Projection,
    Query,
    Repository,
    System,
    View,
)
from remit.errors import Stale
from remit.hosting.assembly import assemble
from remit.log import Channel, Checkpoint, SubscriptionId
from remit.observability import read_status
from remit.runtime import Host
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.runtime.apart import Side
from tests.runtime.talk import on_virtual_time

FAR = 10**12


class Put(Command[None]):
    amount: int


class Was(DomainEvent):
    amount: int


class WasPut(IntegrationEvent, version=1, key="at"):
    at: str
    amount: int


class Account(Aggregate[str, Was]):
    amount: int = 0


class Total(Projection[str, Was]):
    amount: int = 0

    @staticmethod
    def key(event: Was) -> str:
        return "all"

    def evolve(self, event: Was) -> None:
        self.amount += event.amount


class PublicTotal(Projection[str, WasPut]):
    amount: int = 0

    @staticmethod
    def key(event: WasPut) -> str:
        return "all"

    def evolve(self, event: WasPut) -> None:
        self.amount += event.amount


class Sum(Query[int]):
    pass


class Balance(Query[int]):
    pass


class PublicSum(Query[int]):
    pass


@dataclass(frozen=True)
class Bank:
    """A bank, and whether it has learned to sum up."""

    sums: bool
    reacts: bool = False

    def system(self) -> System:
        bank, press = Context("bank"), Context("press")
        self.fill(bank)
        if self.sums:
            press.project(PublicTotal)

            @press.answer(PublicSum)
            async def public_sum(query: PublicSum, totals: View[PublicTotal]) -> int:
                found = await totals.find("all")
                return found.amount if found else 0

        return System("s", contexts=[bank, press])

    def fill(self, bank: Context[Any]) -> None:
        @bank.handle(Put)
        async def put(command: Put, accounts: Repository[Account]) -> None:
            account = await accounts.obtain("a")
            account.amount += command.amount
            account.record(Was(amount=command.amount))

        @bank.publish(Was)
        def publish(event: Was) -> WasPut:
            return WasPut(at="a", amount=event.amount)

        @bank.answer(Balance)
        async def balance(query: Balance, accounts: Repository[Account]) -> int:
            return (await accounts.get("a")).amount

        if self.reacts:

            @bank.react(Was)
            async def nothing(event: Was) -> None: ...

        if self.sums:
            bank.project(Total)

            @bank.answer(Sum)
            async def sum_up(query: Sum, totals: View[Total]) -> int:
                found = await totals.find("all")
                return found.amount if found else 0


@asynccontextmanager
async def running(bank: Bank, place: str) -> AsyncGenerator[Host]:
    runtime = assemble(bank.system().model(), store=place)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


async def trimmed(place: str, *, trim: bool = True) -> None:
    """The bank has run for a while, and what is old was deleted."""
    async with running(Bank(sums=False), place) as runtime:
        for _ in range(3):
            await runtime.send(Put(amount=1))
        store = runtime.stores["bank"]
        for channel in Channel if trim else ():
            for part in await store.heads(channel):
                assert await store.trim(channel, part, upto=2, before=FAR, limit=10) == 2


async def note_of(runtime: Host, name: str) -> str:
    ids = [each.id for each in runtime.subscriptions]
    rows = await read_status(ids, runtime.stores, runtime.ports.clock.seconds(), projections=ids)
    return next(row.note for row in rows if row.name == name)


@pytest.mark.parametrize(("query", "name"), [(Sum(), "bank.Total"), (PublicSum(), "press.PublicTotal")])
async def test_it_is_known_at_once_and_after_a_restart(kept: str, query: Query[int], name: str) -> None:
    await trimmed(kept)
    for _ in range(2):
        async with running(Bank(sums=True), kept) as runtime:
            with pytest.raises(Stale, match=rf"{name}: incomplete: messages of bank were deleted") as stale:
                await runtime.ask(query, fresh=True)
            assert stale.value.next == f"remit log accept {name} --source bank --from here"
            with pytest.raises(Stale):
                await runtime.ask(query, fresh="somebody")
            assert await runtime.ask(query) == 1, "who does not insist is answered"
            assert await runtime.ask(Balance(), fresh=True) == 3, "the answer is not taken from it"
            assert await note_of(runtime, name) == "incomplete: messages of bank were deleted before it had seen them"


async def test_it_is_accepted_as_it_is(kept: str) -> None:
    await trimmed(kept)
    async with running(Bank(sums=True), kept) as runtime:
        store, place = runtime.stores["bank"], SubscriptionId("bank.Total", "bank", Channel.PRIVATE)
        assert list((await store.accept_missed(place, 1.0)).values()) == [2]
        assert await runtime.ask(Sum(), fresh=True) == 1
        assert await note_of(runtime, "bank.Total") == ""
        assert await store.accept_missed(place, 1.0) == {}
    async with running(Bank(sums=True), kept) as runtime:
        assert await runtime.ask(Sum(), fresh=True) == 1


async def test_it_may_miss_some_again(kept: str) -> None:
    async with running(Bank(sums=False), kept) as runtime:
        store, place = runtime.stores["bank"], SubscriptionId("bank.Total", "bank", Channel.PRIVATE)
        for pos in (2, 5):
            await store.note_missed(place, {3: Checkpoint(pos, f"m{pos}", 1.0)})
            await store.note_missed(place, {3: Checkpoint(pos + 1, "later", 1.0)})
            assert await store.missed(place) == {3: pos}, "what is known stays"
            await store.accept_missed(place, 1.0)


async def test_who_has_missed_nothing_is_fresh(kept: str) -> None:
    await trimmed(kept, trim=False)
    async with running(Bank(sums=True), kept) as runtime:
        assert await runtime.ask(Sum(), fresh=True) == 3
        assert await runtime.ask(PublicSum(), fresh=True) == 3


async def test_a_reaction_that_begins_with_what_is_there_misses_nothing(kept: str) -> None:
    await trimmed(kept)
    async with running(Bank(sums=False, reacts=True), kept) as runtime:
        assert await runtime.ask(Balance(), fresh=True) == 3
        assert await note_of(runtime, "bank.nothing") == ""


@on_virtual_time
async def test_another_process_that_asks_is_told() -> None:
    exchange = Exchange()
    before = Side(Bank(sums=False).system(), "bank", InProcessCalls(exchange))
    await before.start()
    await before.host.send(Put(amount=1))
    store = before.store
    for part in await store.heads(Channel.PUBLISHED):
        await store.trim(Channel.PUBLISHED, part, upto=1, before=FAR, limit=10)
    press = Side(Bank(sums=True).system(), "press", InProcessCalls(exchange))
    asker = Side(Bank(sums=True).system(), "nobody", InProcessCalls(exchange))
    await press.start()
    await asker.start()
    try:
        with pytest.raises(Stale, match=r"press\.PublicTotal: incomplete"):
            await asker.host.ask(PublicSum(), fresh=True)
    finally:
        await asker.stop()
        await press.stop()
        await before.stop()
