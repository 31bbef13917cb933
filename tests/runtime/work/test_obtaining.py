"""An aggregate that `obtain` has made is stored once something was done with it; until then it was only read."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from remit import Aggregate, Claim, Claims, Command, Context, DomainEvent, Query, Refusal, Repository, System
from remit.hosting.assembly import assemble
from remit.testing import given

Way = Literal["looks", "adds", "records", "claims", "changes", "changes and back", "removes", "removes and looks"]


class Bid(Command[int]):
    by: str
    lot: str


class Enter(Command[None]):
    who: str
    how: Way


class Known(Query[bool]):
    who: str


class Warned(DomainEvent):
    who: str


class Taken(Refusal):
    pass


class Bidder(Aggregate[str, Warned]):
    unpaid: int = 0


class Lot(Aggregate[str]):
    bids: int = 0


class Paddle(Claim[int, Bidder]):
    """One bidder per paddle."""


async def do(command: Enter, bidder: Bidder, bidders: Repository[Bidder], paddles: Claims[Paddle]) -> None:
    """What is done with an aggregate that was obtained."""
    match command.how:
        case "looks":
            assert await bidders.find(command.who) is bidder
        case "adds":
            bidders.add(bidder)
        case "records":
            bidder.record(Warned(who=command.who))
        case "claims":
            await paddles.take(1, by=bidder, otherwise=Taken())
        case "changes":
            bidder.unpaid += 1
        case "changes and back":
            bidder.unpaid += 1
            bidder.unpaid -= 1
        case "removes":
            bidders.remove(bidder)
        case "removes and looks":
            bidders.remove(bidder)
            await bidders.obtain(command.who)


def auction() -> Context[Any]:
    context = Context("auction")

    @context.handle(Bid)
    async def bid(command: Bid, bidders: Repository[Bidder], lots: Repository[Lot]) -> int:
        bidder, lot = await bidders.obtain(command.by), await lots.obtain(command.lot)
        lot.bids += 1
        return bidder.unpaid

    @context.handle(Enter)
    async def enter(command: Enter, bidders: Repository[Bidder], paddles: Claims[Paddle]) -> None:
        bidder = await bidders.obtain(command.who)
        await do(command, bidder, bidders, paddles)

    @context.answer(Known)
    async def known(query: Known, bidders: Repository[Bidder]) -> bool:
        return await bidders.find(query.who) is not None

    return context


@pytest.mark.parametrize(
    ("how", "is_stored"),
    [
        ("looks", False),
        ("adds", True),
        ("records", True),
        ("claims", True),
        ("changes", True),
        ("changes and back", False),
        ("removes", False),
        ("removes and looks", False),
    ],
)
async def test_an_obtained_aggregate_is_stored_if_something_was_done_with_it(
    how: Way, is_stored: bool, anywhere: str
) -> None:
    host = assemble(System("s", contexts=[auction()]).model(), store=anywhere)
    await host.start()
    try:
        await host.send(Enter(who="ada", how=how))
        assert await host.ask(Known(who="ada")) is is_stored
        assert (await host.stores["auction"].load("auction.Bidder", "ada") is not None) is is_stored
    finally:
        await host.stop()


async def test_one_aggregate_may_be_obtained_to_look_at_and_another_written() -> None:
    async with System("s", contexts=[auction()]).connect(store="memory:") as app:
        assert await app.send(Bid(by="ada", lot="l")) == 0
        assert not await app.ask(Known(who="ada"))
        await app.send(Enter(who="ada", how="changes"))
        assert await app.send(Bid(by="ada", lot="l")) == 1


async def test_an_aggregate_that_is_removed_and_obtained_again_is_as_new() -> None:
    async with System("s", contexts=[auction()]).connect(store="memory:") as app:
        await app.send(Enter(who="ada", how="changes"))
        await app.send(Enter(who="ada", how="removes and looks"))
        assert await app.ask(Known(who="ada"))
        assert await app.send(Bid(by="ada", lot="l")) == 0


async def test_a_removed_aggregate_that_is_only_obtained_stays_removed() -> None:
    async with System("s", contexts=[auction()]).connect(store="memory:") as app:
        await app.send(Enter(who="ada", how="changes"))
        await app.send(Enter(who="ada", how="removes"))
        await app.send(Enter(who="ada", how="looks"))
        assert not await app.ask(Known(who="ada"))


class Looked(DomainEvent):
    n: int


class Glance(Aggregate[str, Looked]):
    n: int = 0


class Look(Command[None]):
    n: int


async def test_what_one_message_has_only_obtained_the_next_one_in_its_transaction_does_not_find() -> None:
    context, found = Context("a"), list[Lot | None]()

    @context.handle(Look)
    async def look(command: Look, glances: Repository[Glance]) -> None:
        glance = await glances.obtain("all")
        for n in range(command.n):
            glance.record(Looked(n=n))

    @context.react(Looked)
    async def note(event: Looked, lots: Repository[Lot]) -> None:
        if event.n % 2:
            found.append(await lots.find("l"))
        else:
            await lots.obtain("l")

    host = assemble(System("s", contexts=[context]).model(), store="memory:")
    await host.start()
    try:
        await host.send(Look(n=4))
        await host.freshness.reach("a")
    finally:
        await host.stop()
    assert found == [None, None]


def test_in_a_test_of_a_handler_it_is_as_in_a_running_system() -> None:
    given(auction()).when(Bid(by="ada", lot="l")).replies(0).leaves(Lot(id="l", bids=1))
