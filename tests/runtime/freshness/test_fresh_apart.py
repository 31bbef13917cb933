"""A fresh answer over several processes: who is away is waited for, and everybody tells what it calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from remit import System
from remit.checks import model_of
from remit.contexts import ContextMap, Model
from remit.errors import DeadlineExceeded, Unavailable
from remit.relations import Partnership
from remit.runtime import compile_system
from remit.runtime.freshness.influence import Influence, Needs, influence_of
from remit.runtime.freshness.reaching import Reached
from remit.testing.in_process.calls import Exchange, InProcessCalls
from remit.transports import CallRequest
from tests.runtime.apart import Apart, Balance, Seen, Side, apart, pay
from tests.runtime.sales import Count, CountByOthers, Place, billing_of, selling
from tests.runtime.talk import now, on_virtual_time

# ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def both(*, nested: bool) -> AsyncGenerator[tuple[Side, Side]]:
    """Sales and billing, each in a process."""
    exchange = Exchange()
    sales, billing = selling(nested=nested), billing_of()
    relations = [Partnership(sales, billing)]
    system = System("s", contexts=[sales, billing], relations=relations)
    sides = [Side(system, name, InProcessCalls(exchange)) for name in ("sales", "billing")]
    await asyncio.gather(*(side.start() for side in sides))
    try:
        yield sides[0], sides[1]
    finally:
        for side in sides:
            await side.stop()


@on_virtual_time
async def test_a_call_of_a_reaction_elsewhere_is_waited_for_wherever_one_asks() -> None:
    async with both(nested=True) as (sales, billing):
        for number, side in enumerate((sales, billing), start=1):
            await sales.host.send(Place())
            assert await side.host.ask(Count(), fresh=True) == number


@on_virtual_time
async def test_what_is_asked_elsewhere_for_the_answer_is_fresh_too() -> None:
    async with both(nested=False) as (sales, billing):
        await sales.host.send(Place())
        assert await billing.host.ask(CountByOthers(), fresh=True) == 1


def known(model: Model, *hosted: str) -> Influence:
    """What a process knows that runs nothing, or these contexts only."""
    plans = {name: plan for name, plan in compile_system(model).items() if name in hosted}
    return influence_of(model, plans, lambda _: True)


def test_who_may_call_is_read_from_declarations_as_from_plans() -> None:
    sales, billing = selling(), billing_of()
    model = System("s", contexts=[sales, billing]).model()
    for hosted in ((), ("sales",), ("billing",), ("sales", "billing")):
        influence = known(model, *hosted)
        assert influence.callers == ("sales",)
        assert sorted(influence.everybody) == ["billing", "sales"]


def test_who_is_not_known_may_call() -> None:
    model = model_of(ContextMap(name="s", contexts=(billing_of(),), elsewhere=("mail",)))
    assert known(model, "billing").callers == ("mail",)


def test_what_an_answer_is_taken_from_is_known_where_it_is_given() -> None:
    influence = known(System("s", contexts=[selling(), billing_of()]).model(), "sales", "billing")
    assert influence.of("billing", "billing.Count") == Needs(asks=False, views=frozenset({"billing.Invoices"}))
    assert influence.of("sales", "sales.CountByOthers").asks
    assert influence.of("sales", "sales.Unknown") == Needs(asks=True, views=None)


@on_virtual_time
async def test_a_context_here_that_follows_nobody_is_not_looked_for_elsewhere() -> None:
    async with apart() as shop:
        shop.wire.down = True
        await shop.till.host.send(pay(5))
        shop.till.channel.call = shop.wire.call  # type: ignore[method-assign]  # the till hears of nobody
        assert await shop.till.host.ask(Balance(till="t"), fresh=True) == 5


# ── who is away ───────────────────────────────────────────────────────────────────────────────────────────────────────


@on_virtual_time
async def test_who_comes_back_in_time_is_waited_for() -> None:
    async with apart() as shop:
        await shop.till.host.send(pay(5))
        await asyncio.sleep(2)
        shop.wire.down = True
        asyncio.get_running_loop().call_later(4, setattr, shop.wire, "down", False)
        begun = now()
        assert await shop.ask(Seen(till="t"), fresh=True) == 5
        assert 4 <= now() - begun < 6


@on_virtual_time
async def test_who_stays_away_is_named_at_the_deadline() -> None:
    async with apart() as shop:
        shop.wire.down = True
        begun = now()
        with pytest.raises(Unavailable, match=r"till\.log is away") as away:
            await shop.ask(Seen(till="t"), fresh=True, deadline=3.0)
        assert 3 <= now() - begun < 3.1
        assert away.value.next == "remit status"


@on_virtual_time
async def test_what_is_not_done_elsewhere_is_named_at_the_deadline() -> None:
    async with both(nested=False) as (sales, billing):
        for _ in range(20):
            await sales.host.send(Place())
        with pytest.raises(DeadlineExceeded, match=r"sales\.invoice has not handled all that sales had written"):
            await billing.host.ask(Count(), fresh=True, deadline=3.0)


# ── other releases ────────────────────────────────────────────────────────────────────────────────────────────────────


async def asked(shop: Apart, body: bytes) -> Any:
    request = CallRequest("reach", {"remit-timeout-ms": "5000"}, body)
    return await shop.wire.call("till.log", request, 5.0)


async def test_who_asks_without_a_word_asks_for_everything() -> None:
    async with apart() as shop:
        answer = await asked(shop, b"")
        assert answer.status == "ok"
        assert msgspec.msgpack.decode(answer.body, type=Reached).flaws == []


async def test_a_question_that_cannot_be_read_is_told_so() -> None:
    async with apart() as shop:
        assert (await asked(shop, b"\xc1")).status == "message.invalid"


async def test_a_newer_release_may_ask_more() -> None:
    async with apart() as shop:
        assert (await asked(shop, msgspec.msgpack.encode({"part": "calls", "more": 1}))).status == "ok"
