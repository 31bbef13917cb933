"""A rebuild that is killed several times under live load makes what an independent fold makes."""

import asyncio
from typing import Any

from tests.operations.orchard import Count, Counted, HowMany, once, orchard, twice
from tests.operations.rebuilding import fold_of, rebuilding, rebuilt, stored

EVENTS = 600
BOXES = 50
KILLS = 5
SLOWLY = "0.7 10"


async def test_a_rebuild_that_is_killed_five_times_under_load_loses_and_doubles_nothing(place: str) -> None:
    async with orchard(once).connect(store=place) as app:
        some = [Counted(box=f"b{number % BOXES}", apples=number) for number in range(EVENTS)]
        await app.send(Count(boxes=some))
        await app.ask(HowMany(box="b1"), fresh=True)
    over = asyncio.Event()
    async with orchard(twice).connect(store=place) as app:
        load = asyncio.ensure_future(_live(app, over))
        try:
            async with rebuilding() as process:
                for kill in range(KILLS):
                    assert await rebuilt(process, place, (kill + 1) * EVENTS // (KILLS + 2), SLOWLY) == "killed"
                assert await rebuilt(process, place, 0, SLOWLY) == "done"
        finally:
            over.set()
            await load
        await app.ask(HowMany(box="b1"), fresh=True)
    events, documents = await stored(place, 2)
    assert documents == fold_of(events)


async def _live(app: Any, over: asyncio.Event) -> None:
    """Counts apples, and asks for what is there. An answer is never missing."""
    number = 0
    while not over.is_set():
        number += 1
        await app.send(Count(boxes=[Counted(box=f"b{number % BOXES}", apples=1)]))
        assert await app.ask(HowMany(box=f"b{number % BOXES}")) > 0
        await asyncio.sleep(0.005)
