"""A real network between two processes is spoilt: calls end by their deadline, and all is well again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from remit.errors import CallError, OutcomeUnknown, Unavailable
from remit.transports.http.calls import HttpCalls
from tests.runtime.apart import Apart, Balance, Buy, Seen, apart, pay
from tests.runtime.talk import until
from tests.transports.proxy import Proxy

PARTS = ("write", "read", "log")


@pytest.fixture
async def proxy() -> AsyncGenerator[Proxy]:
    """The network between the desk and the till."""
    proxy = Proxy("")
    await proxy.heal()
    yield proxy
    await proxy.close()


@pytest.fixture
async def shop(proxy: Proxy) -> AsyncGenerator[Apart]:
    addresses: dict[str, list[str]] = {f"till.{part}": [proxy.place] for part in PARTS}
    desk, till = HttpCalls(addresses), HttpCalls({}, listen="127.0.0.1:0")
    await till.open()
    proxy.target = till.listening or ""
    made = iter((desk, _Open(till)))
    async with apart(lambda: next(made)) as shop:
        yield shop


class _Open(HttpCalls):
    """A channel that is open already, because its port had to be known."""

    def __init__(self, channel: HttpCalls) -> None:
        self.__dict__ = channel.__dict__

    async def open(self) -> None:
        pass


async def spoil(proxy: Proxy, how: str) -> None:
    if how == "cut":
        await proxy.cut()
    elif how == "swallow":
        proxy.swallow()
    else:
        proxy.latency = 5.0


@pytest.mark.parametrize("how", ["cut", "swallow", "latency"])
async def test_a_spoilt_network_ends_calls_in_time_and_heals_by_itself(shop: Apart, proxy: Proxy, how: str) -> None:
    assert await shop.send(Buy(till="t", cents=1), key="before") == 1
    await spoil(proxy, how)
    loop = asyncio.get_running_loop()

    async def ends(n: int) -> Exception:
        begun = loop.time()
        error = await shop.error(pay(1), key=f"during {n}", deadline=0.3)
        assert loop.time() - begun < 1.0, "a call ends by its deadline"
        return error

    errors = [error for _ in range(3) for error in await asyncio.gather(*map(ends, range(10)))]
    assert {type(error) for error in errors} <= {Unavailable, OutcomeUnknown}
    assert shop.desk.said_of("till.write") == ["breaker-opened"]
    await proxy.heal()
    await until(lambda: shop.desk.said_of("till.write")[-1] == "breaker-closed")
    assert {await shop.send(pay(1), key=f"during {n}") for n in range(10)} <= set(range(2, 12))
    assert await shop.ask(Balance(till="t")) == 11
    await caught_up(shop, 11)


async def test_connections_that_are_reset_all_the_time_double_nothing(shop: Apart, proxy: Proxy) -> None:
    done = asyncio.Event()

    async def reset() -> None:
        while not done.is_set():
            proxy.reset()
            await asyncio.sleep(0.005)

    resetting = asyncio.create_task(reset())
    for n in range(100):
        try:
            await shop.send(pay(1), key=str(n), deadline=0.1)
        except CallError:
            continue
    done.set()
    await resetting
    await until(lambda: shop.desk.said_of("till.write")[-1:] in ([], ["breaker-closed"]))
    for n in range(100):
        await again(shop, str(n))
    assert await shop.ask(Balance(till="t")) == 100
    await caught_up(shop, 100)


async def again(shop: Apart, key: str) -> None:
    """Repeats a payment under its key until it is answered."""
    while True:
        try:
            await shop.send(pay(1), key=key)
        except CallError:
            await asyncio.sleep(0.01)
        else:
            return


async def caught_up(shop: Apart, cents: int) -> None:
    """Waits until the desk has seen all that was paid, and sees that it is no more."""
    while await shop.ask(Seen(till="t")) < cents:  # noqa: ASYNC110  # what the test waits for has no event
        await asyncio.sleep(0.01)
    assert await shop.ask(Seen(till="t")) == cents
