"""Compares two versions of a read model, beside live traffic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from remit.log import SubscriptionId
from remit.runtime.plan import ProjectionPlan, RowPlan
from remit.runtime.work.stored import stored
from remit.stores import Selection, Store

PAGE = 1_000
"""Documents that are read at a time."""
SAMPLE = 100
"""The most documents that differed at first and are looked at again."""
FEW = 5
"""The most differences that are told one by one."""
LOOKS = 20
"""How often a document is looked at that live traffic may just be changing."""
LOOK_SECONDS = 0.05
"""Between two of these looks."""


class Side(NamedTuple):
    """One version: how it is stored, and its subscriptions."""

    plan: ProjectionPlan | None
    """None if nothing was folded into it yet, so that it may have no table."""
    ids: Sequence[SubscriptionId]


class Compared(NamedTuple):
    """The documents of two versions."""

    live: int
    new: int
    differences: list[str]
    """The first ones, each with the key of its document."""
    undecided: int
    """How many were not the same when they were looked at, although the versions may be."""


async def compared(store: Store, live: Side, new: Side, *, bodies: bool) -> Compared:
    """Counts the documents of both versions. With `bodies`, the documents themselves are compared too.

    Both versions go on meanwhile, one behind the other. So what differs is looked at again, for about a second. It is a
    difference if the two say different things at the same place of the logs, and no key is parked.
    """
    suspects: list[str] = []
    counts = [0, 0]
    async for id, of_live, of_new in _together(store, live.plan, new.plan):
        counts[0] += of_live is not None
        counts[1] += of_new is not None
        if bodies and of_live != of_new and len(suspects) < SAMPLE:
            suspects.append(id)
    if not suspects or live.plan is None or new.plan is None:
        return Compared(counts[0], counts[1], [], 0)
    looking = _Looking(store, live, new, suspects)
    for number in range(LOOKS):
        if await looking.look() or len(looking.differences) >= FEW:
            break
        if number < LOOKS - 1:
            await asyncio.sleep(LOOK_SECONDS)
    return Compared(counts[0], counts[1], looking.differences[:FEW], len(looking.open))


async def _together(
    store: Store, live: ProjectionPlan | None, new: ProjectionPlan | None
) -> AsyncIterator[tuple[str, Any, Any]]:
    """The documents of both versions in the order of their keys; None where one version has none."""
    lives, news = _all(store, live), _all(store, new)
    one, other = await anext(lives, None), await anext(news, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None  # noqa: S101  # one of them is there
            yield one[0], one[1], None
            one = await anext(lives, None)
        elif one is None or other[0] < one[0]:
            yield other[0], None, other[1]
            other = await anext(news, None)
        else:
            yield one[0], one[1], other[1]
            one, other = await anext(lives, None), await anext(news, None)


async def _all(store: Store, plan: ProjectionPlan | None) -> AsyncIterator[tuple[str, Any]]:
    after: str | None = None
    while plan is not None:
        if isinstance(plan, RowPlan):
            place = None if after is None else ((), after)
            rows = await store.select_rows(Selection(plan.table, ()), place, PAGE)
            page: list[tuple[str, bytes]] = [
                (id, body if isinstance(body, bytes) else body.encode()) for id, body in rows
            ]
        else:
            page = [(id, body) for id, _, body in await store.page(plan.kind, after, PAGE)]
        for each in page:
            yield each
        if len(page) < PAGE:
            return
        after = page[-1][0]
        await asyncio.sleep(0)


Stands = Mapping[tuple[int, int], int]
"""The position of a version in each partition of each of its sources, by their numbers."""


class _Seen(NamedTuple):
    """Two versions of a document, as they were stored."""

    live: tuple[int, bytes] | None
    new: tuple[int, bytes] | None
    goal: Stands
    """Neither version was further than here."""

    def is_as(self, live: tuple[int, bytes] | None, new: tuple[int, bytes] | None) -> bool:
        """Whether nothing was written to either version of the document since. The numbers of their rows tell it, so
        that what was changed and changed back does not count."""
        return (self.live, self.new) == (live, new)


class _Looking:
    """Looks again and again at documents that differed.

    A look remembers the documents, and the goal: how far the further version was. At a later look both versions have
    reached the goal. If nothing was written to the document between these looks, no message up to the later look was
    about it, so both versions of it are those at the goal.
    """

    def __init__(self, store: Store, live: Side, new: Side, suspects: Sequence[str]) -> None:
        self._store, self._sides = store, (live, new)
        self.open = dict[str, _Seen | None].fromkeys(suspects)
        """What is not decided yet, and how it was seen."""
        self.differences: list[str] = []

    async def look(self) -> bool:
        """Looks once. Returns whether all is decided."""
        reached = await self._stands(min)
        found = {id: (await self._row(id, 0), await self._row(id, 1)) for id in self.open}
        goal, parked = await self._stands(max), await self._any_parked()
        for id, (live, new) in found.items():
            seen = self.open[id]
            if self._says(0, live) == self._says(1, new):
                del self.open[id]
            elif seen is None or not seen.is_as(live, new):
                self.open[id] = _Seen(live, new, goal)
            elif not parked and all(reached.get(place, 0) >= pos for place, pos in seen.goal.items()):
                del self.open[id]
                what = "differs" if _is_there(live) and _is_there(new) else "is new" if _is_there(new) else "is missing"
                self.differences.append(f"{id!r} {what}")
        return not self.open

    async def _stands(self, of_both: Callable[[int, int], int]) -> Stands:
        """Where both versions stand, put together by `min` or `max`."""
        one, other = [
            {
                (number, part): place.pos
                for number, id in enumerate(side.ids)
                for part, place in (await self._store.checkpoints(id)).items()
            }
            for side in self._sides
        ]
        return {place: of_both(one.get(place, 0), other.get(place, 0)) for place in {*one, *other}}

    async def _any_parked(self) -> bool:
        return any([await self._store.count_parked(id) for side in self._sides for id in side.ids])

    async def _row(self, id: str, side: int) -> tuple[int, bytes] | None:
        plan = self._sides[side].plan
        return None if plan is None else await stored(self._store, plan, id)

    def _says(self, side: int, row: tuple[int, bytes] | None) -> Any:
        plan = self._sides[side].plan
        return _value(plan, row[1]) if plan is not None and row is not None and row[1] else None


def _is_there(row: tuple[int, bytes] | None) -> bool:
    return row is not None and bool(row[1])


def _value(plan: ProjectionPlan, body: bytes) -> Any:
    try:
        return plan.codec.restore(body)[0]
    except msgspec.MsgspecError:
        return body
