"""Rebuilds a read model of many events under live load, killed on the way, and measures what readers notice."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from contextlib import nullcontext
from itertools import pairwise
from statistics import median
from typing import Any, Literal

import msgspec

from remit.hosting.opening import Places, opened
from remit.log import Channel
from remit.operations import Rebuild
from remit.stores import Entry, Store, Unit
from remit.topology.secret import Secret
from tests.operations.orchard import Count, Counted, HowMany, orchard, twice
from tests.operations.rebuilding import fold_of, rebuilding, rebuilt, stored
from tests.servers.postgres import given_or_started

PAUSE_SECONDS = 0.004
"""Between two messages of the live load."""
AT_ONCE = "0.0 4000"
"""A rebuild that never rests, and folds so many messages in one transaction."""
SLOWER_READ = 100.0
"""Milliseconds by which the slowest read may be slower beside a rebuild."""
CALM_SECONDS = 5.0
"""How long reads are measured without a rebuild."""


class Measured(msgspec.Struct):
    """What came out. Times are in milliseconds."""

    events: int
    documents: int
    kills: int
    per_second: int
    """Events folded per second of rebuilding, between the kills and beside the load."""
    reads: int
    lost_reads: int
    """Failed or empty."""
    usual_read: float
    slowest_before: float
    slowest_during: float
    longest_step: float
    """Seconds between two durable steps at most, as far as the rebuild tells."""
    rollback: float
    """Seconds that going back took."""
    is_equal: bool
    """Whether the result equals an independent fold, before and after the rollback."""


def measure_rebuild(events: int, boxes: int, kills: int, store: Literal["sqlite", "postgres"]) -> Measured:
    """Runs it on a fresh database."""
    with (
        tempfile.TemporaryDirectory() as folder,
        nullcontext("") if store == "sqlite" else given_or_started() as server,
    ):
        place = f"{server}?schema=soak_{uuid.uuid4().hex}" if server else f"sqlite:{folder}/{{context}}.db"
        return asyncio.run(_measure(events, boxes, kills, place))


async def _measure(events: int, boxes: int, kills: int, place: str) -> Measured:
    await _seed(events, boxes, place)
    load, steps = _Load(boxes), list[tuple[float, int]]()
    async with orchard(twice).connect(store=place) as app, rebuilding() as process:
        over = asyncio.Event()
        live = asyncio.ensure_future(load.run(app, over))
        await asyncio.sleep(CALM_SECONDS)
        calm, load.reads = load.reads, []
        for kill in range(kills):
            at = (kill + 1) * events // (kills + 1)
            assert await rebuilt(process, place, at, AT_ONCE, steps) == "killed"
        assert await rebuilt(process, place, 0, AT_ONCE, steps) == "done"
        over.set()
        await live
        await app.ask(HowMany(box="b1"), fresh=True)
        events_stored, found = await stored(place, 3)
        is_equal = fold_of(events_stored) == found
    began = time.monotonic()
    async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
        await Rebuild(orchard(twice).model(), "farm.Box", stores, linger=0.0).back()
    rollback = time.monotonic() - began
    events_stored, found = await stored(place, 2)
    is_equal = is_equal and fold_of(events_stored) == found
    moved = [later[0] - earlier[0] for earlier, later in pairwise(steps) if later[1] > earlier[1]]
    return Measured(
        events, boxes, kills, int(events / sum(moved)), len(load.reads), load.lost, 1e3 * median(calm), 1e3 * max(calm),
        1e3 * max(load.reads), max(moved), rollback, is_equal,
    )  # fmt: skip


async def _seed(events: int, boxes: int, place: str) -> None:
    """Writes the events, and lets version 2 be live with all of them."""
    async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
        store: Store = stores["farm"]
        for start in range(0, events, 2000):
            some = range(start, min(start + 2000, events))
            await store.commit(Unit(entries=[_entry(number, boxes) for number in some]))
        await Rebuild(orchard(twice).model(), "farm.Box", stores, linger=0.0).build(pause=0.0)


def _entry(number: int, boxes: int) -> Entry:
    box = f"b{number % boxes}"
    payload = msgspec.json.encode(Counted(box=box, apples=number % 7 + 1))
    headers = '{"cause":"seed","trace":"seed"}'
    return Entry(Channel.PRIVATE, box, f"{number:032x}", "farm.Counted", 1, time.time(), headers, payload)


class _Load:
    """Counts apples and asks for boxes, all the time."""

    def __init__(self, boxes: int) -> None:
        self._boxes = boxes
        self.reads: list[float] = []
        self.lost = 0

    async def run(self, app: Any, over: asyncio.Event) -> None:
        number = 0
        while not over.is_set():
            number += 1
            box = f"b{number % self._boxes}"
            await app.send(Count(boxes=[Counted(box=box, apples=1)]))
            began = time.monotonic()
            try:
                self.lost += await app.ask(HowMany(box=box)) < 1
            except Exception:  # noqa: BLE001  # whatever a reader sees is counted
                self.lost += 1
            self.reads.append(time.monotonic() - began)
            await asyncio.sleep(PAUSE_SECONDS)
