"""A parked key makes an answer stale for who needs it, and for nobody else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from remit import Context, Query, Sender, System
from remit.errors import CallError, Stale
from remit.hosting.assembly import assemble
from remit.runtime import Host
from tests.runtime.shop import Buyer, OrderId, Owed, Place, Shop, make_shop
from tests.runtime.talk import until_parked

ADA, BOB = Buyer("ada"), Buyer("bob")


@asynccontextmanager
async def poisoned(shop: Shop, place: str) -> AsyncGenerator[Host]:
    """Ada has an order that billing cannot charge, and one before it that it can."""
    runtime = assemble(shop.system.model(), store=place)
    await runtime.start()
    try:
        shop.poison.add("a-1")
        await runtime.send(Place(order=OrderId("a-0"), buyer=ADA))
        await runtime.send(Place(order=OrderId("a-1"), buyer=ADA))
        await until_parked(runtime.stores["billing"], 1)
        yield runtime
    finally:
        await runtime.stop()


async def test_it_is_stale_for_its_own_key_only(kept: str) -> None:
    async with poisoned(make_shop(), kept) as runtime:
        await runtime.send(Place(order=OrderId("b-0"), buyer=BOB))
        assert await runtime.ask(Owed(buyer=BOB), fresh="bob") == 1
        for fresh in (True, "ada"):
            with pytest.raises(Stale, match=r"billing\.charge: key 'ada' is parked") as stale:
                await runtime.ask(Owed(buyer=ADA), fresh=fresh)
            assert stale.value.next == "remit parked list"


async def test_it_is_fresh_again_once_it_is_settled(kept: str) -> None:
    shop = make_shop()
    async with poisoned(shop, kept) as runtime:
        shop.poison.clear()
        await runtime.stores["billing"].retry("billing.charge", "ada", 0.0)
        await until_parked(runtime.stores["billing"], 0)
        assert await runtime.ask(Owed(buyer=ADA), fresh="ada") == 2
        assert await runtime.ask(Owed(buyer=ADA), fresh=True) == 2


async def test_an_empty_key_is_a_key() -> None:
    async with poisoned(make_shop(), "memory:") as runtime:
        await runtime.send(Place(order=OrderId("b-0"), buyer=BOB))
        assert await runtime.ask(Owed(buyer=BOB), fresh="") == 1


async def test_a_caller_without_a_loop_may_name_a_key(kept: str) -> None:
    with make_shop().system.connect_sync(store=kept) as app:
        app.send(Place(order=OrderId("b-0"), buyer=BOB))
        assert app.ask(Owed(buyer=BOB), fresh="bob") == 1


class Whether(Query[str]):
    key: str


@pytest.mark.parametrize("key", ["ada", ""])
async def test_a_handler_may_not_wait_for_a_key_either(key: str) -> None:
    context = Context("desk")

    @context.answer(Whether)
    async def whether(query: Whether, sender: Sender) -> str:
        try:
            return await sender.ask(query, fresh=query.key)
        except CallError as error:
            return error.what

    async with System("s", contexts=[context]).connect(store="memory:") as app:
        assert await app.ask(Whether(key=key)) == "a handler cannot wait for a fresh answer"
