"""A system whose read models park the box "bad", and stores in which several versions of a model have parked keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from remit.hosting.assembly import assemble
from remit.hosting.opening import Places, opened
from remit.log import Channel, MessageRecord, SubscriptionId
from remit.runtime import Host
from remit.stores import Park, Store, Unit, Versions, load_versions, write_versions
from tests.operations.orchard import Count, Counted, lived, orchard

BOX = "farm.Box"
LIVE = SubscriptionId(BOX, "farm", Channel.PRIVATE)


def picky(event: Counted) -> int:
    if event.box == "bad":
        raise ValueError("no")
    return event.apples


picking = orchard(picky)


@asynccontextmanager
async def service(place: str) -> AsyncGenerator[Host]:
    host = assemble(picking.model(), store=place)
    try:
        await host.start()
        yield host
    finally:
        await host.stop()


async def has_parked(host: Host) -> None:
    """Sends an event that no model takes, and waits until its key is parked for both."""
    await host.send(Count(boxes=[Counted(box="bad", apples=1)]))
    async with asyncio.timeout(20):
        while len(await host.stores["farm"].parking()) < 2:  # noqa: ASYNC110  # what is parked rings no bell
            await asyncio.sleep(0.01)


@asynccontextmanager
async def parking(place: str, versions: Versions, *numbers: int) -> AsyncGenerator[Store]:
    """A store in which each of these versions has a parked key that is called like it."""
    await lived(picking, place)
    async with opened(Places.at(place), ["farm"]) as stores:
        store = stores["farm"]
        expected, _ = await load_versions(store, BOX)
        await write_versions(store, BOX, expected, versions)
        for number in numbers:
            name, key = BOX if number == 1 else f"{BOX}@{number}", f"k{number}"
            record = MessageRecord(0, number, f"m{number}", "", key, "farm.Counted", 1, 1.0, "{}", b"{}")
            await store.commit(Unit(parks=[Park(LIVE._replace(name=name), key, record, number, "no", 1e9)]))
        yield store


THREE: dict[str, Any] = {"live": 2, "old": 1, "building": 3, "highest": 3}
