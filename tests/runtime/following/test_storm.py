"""Too many keys that fail within a minute: the subscription pauses, and parks no more of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from remit.hosting.assembly import assemble
from remit.runtime import Ports
from remit.stores import Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.shop import Buyer, OrderId, Place, make_shop
from tests.runtime.talk import LoopClock, virtually

MOST = 20
"""Keys that are parked within a minute."""
MINUTE = 60.0
KEYS = 90


class Coarse(LoopClock):
    """Knows whole seconds only, so that many keys fail at one time."""

    def seconds(self) -> float:
        return float(int(super().seconds()))


class Slow(MemoryStore):
    """Takes its time to park a key, and notes when it has."""

    def __init__(self, seconds: float) -> None:
        super().__init__(partitions=16)
        self.parked_at: list[float] = []
        self._seconds = seconds

    async def commit(self, unit: Unit) -> None:
        new = [park.key for park in unit.parks if park.error]
        if new:
            await asyncio.sleep(self._seconds)
        await super().commit(unit)
        self.parked_at += [asyncio.get_running_loop().time()] * len(new)


def most_in_a_minute(times: Sequence[float]) -> int:
    return max(sum(begin <= time < begin + MINUTE for time in times) for begin in times)


@pytest.mark.parametrize("seconds", [0.0, 0.5], ids=["at once", "slowly"])
def test_so_many_keys_are_parked_in_a_minute_and_no_more(seconds: float) -> None:
    """Of all partitions together, whatever a commit takes."""

    async def story() -> None:
        shop, billing = make_shop(), Slow(seconds)
        runtime = assemble(
            shop.system.model(), ports=Ports(Coarse()), stores={"sales": MemoryStore(partitions=16), "billing": billing}
        )
        shop.poison |= {f"o-{n}" for n in range(KEYS)}
        await runtime.start()
        for n in range(KEYS):
            await runtime.send(Place(order=OrderId(f"o-{n}"), buyer=Buyer(f"buyer-{n}")))
        charging = next(each for each in runtime.subscriptions if each.name == "billing.charge")
        await asyncio.sleep(MINUTE / 2)
        assert len(billing.parked_at) == MOST
        assert (charging.state, charging.note[:6]) == ("paused", "storm:")
        await asyncio.sleep(10 * MINUTE)
        assert len(billing.parked_at) == KEYS, "it goes on by itself"
        assert most_in_a_minute(billing.parked_at) == MOST
        assert charging.state == "running"
        await runtime.stop()

    virtually(story())
