"""What waits for a callee that is away goes on when the breaker has found it again, not when its own pause is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from remit import Command, Context, DomainEvent, Repository, Sender, System
from remit.errors import StoreError, StoreUnavailable, Unavailable
from remit.runtime.work.turns import Pulse
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.runtime.apart import Shelf, Shop, Side, Wire, open_till, pay
from tests.runtime.talk import until, virtually

KEYS = [f"till {n}" for n in range(12)]


class Order(Command[None]):
    till: str


class Ordered(DomainEvent):
    till: str


@dataclass
class Reacting:
    """A desk whose reaction makes the calls, and a till in another process."""

    shop: Shop
    desk: Side
    wire: Wire


@asynccontextmanager
async def reacting(raised: Callable[[], Exception | None] = lambda: None) -> AsyncGenerator[Reacting]:
    """The two, running. What `raised` gives, the reaction raises instead of making its call."""
    desk, till = Context("desk"), Context("till")
    shop = Shop(System("shop", contexts=[desk, till]))
    open_till(shop, till)

    @desk.handle(Order)
    async def order(command: Order, shelves: Repository[Shelf]) -> None:
        (await shelves.obtain(command.till)).record(Ordered(till=command.till))

    @desk.react(Ordered)
    async def on_ordered(event: Ordered, sender: Sender) -> None:
        if error := raised():
            raise error
        await sender.send(pay(1, event.till))

    exchange = Exchange()
    wire = Wire(InProcessCalls(exchange))
    sides = [Side(shop.system, "desk", wire), Side(shop.system, "till", InProcessCalls(exchange))]
    await asyncio.gather(*(side.start() for side in sides))
    try:
        yield Reacting(shop, sides[0], wire)
    finally:
        for side in sides:
            await side.stop()


async def failed_for_long(tries: list[float], gap: float = 8.0) -> None:
    """Returns just after a try that has failed, when the pauses between two have become long."""
    await until(lambda: len(tries) > 1 and tries[-1] - tries[-2] >= gap)


def test_reactions_go_on_as_soon_as_the_breaker_is_closed() -> None:
    """In all partitions, although each would have slept for 10 to 30 s."""

    async def story() -> None:
        async with reacting() as sides:
            sides.wire.down = True
            for key in KEYS:
                await sides.desk.host.send(Order(till=key))
            await asyncio.sleep(600)
            assert "breaker-opened" in sides.desk.said_of("till.write")
            sides.wire.down = False
            await until(lambda: "breaker-closed" in sides.desk.said_of("till.write"))
            await asyncio.sleep(0.5)
            assert {command.till for command in sides.shop.paying} == set(KEYS)

    virtually(story())


def test_a_reaction_goes_on_soon_when_its_callee_hung_and_too_few_calls_failed_to_open_the_breaker() -> None:
    """Nobody finds the way back for it, so that it looks itself."""

    async def story() -> None:
        async with reacting() as sides:
            sides.wire.silent = True
            await sides.desk.host.send(Order(till="t"))
            await asyncio.sleep(600)
            assert "breaker-opened" not in sides.desk.said_of("till.write")
            before = sides.wire.asked("command")
            await until(lambda: sides.wire.asked("command") > before)
            before = sides.wire.asked("command")
            await asyncio.sleep(10.1)  # the call that is under way has no answer either
            sides.wire.silent = False
            await asyncio.sleep(5.1)
            assert sides.wire.asked("command") > before
            (state,) = [each.state for each in sides.desk.host.subscriptions if each.name == "desk.on_ordered"]
            assert state == "running"

    virtually(story())


def test_the_pause_of_a_call_that_failed_ends_with_the_pulse() -> None:
    assert virtually_tried_again(Unavailable("the test")) is True


@pytest.mark.parametrize("error", [StoreUnavailable("the test"), StoreError("the test"), ConnectionError()])
def test_other_pauses_do_not(error: Exception) -> None:
    """What a store or somebody outside does is not known to be over."""
    assert virtually_tried_again(error) is False


def virtually_tried_again(error: Exception) -> bool:
    """Whether a reaction that raises this is tried again at once when a breaker is closed."""
    found: list[bool] = []

    async def story() -> None:
        tries: list[float] = []

        def raised() -> Exception:
            tries.append(asyncio.get_running_loop().time())
            return error

        async with reacting(raised) as sides:
            sides.desk.host.shared.avoids = lambda: True
            await sides.desk.host.send(Order(till="t"))
            await failed_for_long(tries)
            before = len(tries)
            sides.desk.host.shared.recovered.ring()
            await asyncio.sleep(0.1)
            found.append(len(tries) > before)

    virtually(story())
    return found[0]


async def test_a_pulse_wakes_who_waits_now_and_nobody_later() -> None:
    pulse = Pulse()
    waiting = [asyncio.create_task(pulse.wait(60)) for _ in range(3)]
    await asyncio.sleep(0)
    pulse.ring()
    pulse.ring()
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await pulse.wait(60)
    await pulse.wait(0.001)
