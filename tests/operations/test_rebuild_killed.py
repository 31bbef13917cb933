"""A rebuild that is killed several times under live load makes what an independent fold makes."""

import asyncio
import json
import math
from collections import Counter
from typing import Any

from remit.hosting.opening import Places, opened
from remit.log import Channel
from remit.topology.secret import Secret
from tests.operations.market import Fill, Pieces, market
from tests.operations.orchard import Count, Counted, HowMany, once, orchard, twice
from tests.operations.rebuilding import caught_up, fold_of, rebuilding, rebuilt, stored

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
        async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
            await caught_up(stores["farm"], "farm.Box")
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


async def test_one_that_begins_with_states_loses_and_doubles_nothing_either(place: str) -> None:
    filled = Counter({f"b{number}": number + 1 for number in range(BOXES)})
    over = asyncio.Event()
    async with market().connect(store=place) as app:
        for basket, pieces in filled.items():
            await app.send(Fill(basket=basket, pieces=pieces))
        await app.ask(Pieces(basket="b1"), fresh=True)
        async with opened(Places({"default": Secret(place)}), ["market"]) as stores:
            for part, head in (await stores["market"].heads(Channel.PRIVATE)).items():
                await stores["market"].trim(Channel.PRIVATE, part, upto=head.pos, before=math.inf, limit=1000)
        load = asyncio.ensure_future(_fill(app, over, filled))
        try:
            async with rebuilding() as process:
                for states in (5, 30, BOXES + 20):
                    ended = await rebuilt(process, place, states, "0.5 5", name="market.Held")
                    assert ended == "killed", "it was killed amid the states, and while it followed the log"
                assert await rebuilt(process, place, 0, "0.5 5", name="market.Held") == "done"
        finally:
            over.set()
            await load
        async with opened(Places({"default": Secret(place)}), ["market"]) as stores:
            await caught_up(stores["market"], "market.Held")
            documents = await stores["market"].page("market.Held@2", None, 1000)
    assert {id: json.loads(body)["pieces"] for id, _, body in documents} == filled


async def _fill(app: Any, over: asyncio.Event, filled: Counter[str]) -> None:
    """Fills baskets, old and new ones."""
    number = 0
    while not over.is_set():
        number += 1
        basket = f"b{number % BOXES}" if number % 5 else f"n{number % 40}"
        await app.send(Fill(basket=basket, pieces=1))
        filled[basket] += 1
        await asyncio.sleep(0.005)
