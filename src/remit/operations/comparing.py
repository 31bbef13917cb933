"""Compares two versions of a read model, beside live traffic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec

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


class Compared(NamedTuple):
    """The documents of two versions."""

    live: int
    new: int
    differences: list[str]
    """The first ones, each with the key of its document."""


async def compared(store: Store, live: ProjectionPlan | None, new: ProjectionPlan | None, *, bodies: bool) -> Compared:
    """Counts the documents of both versions; None is a version without any. With `bodies`, the documents themselves
    are compared too.

    Both versions go on meanwhile, one a little behind the other. So what differs is looked at again, for about a
    second: it is a difference if the two never say the same.
    """
    suspects: list[str] = []
    counts = [0, 0]
    async for id, of_live, of_new in _together(store, live, new):
        counts[0] += of_live is not None
        counts[1] += of_new is not None
        if bodies and of_live != of_new and len(suspects) < SAMPLE:
            suspects.append(id)
    differences: list[str] = []
    for id in suspects:
        if (
            live is not None
            and new is not None
            and len(differences) < FEW
            and (what := await _difference(store, live, new, id))
        ):
            differences.append(f"{id!r} {what}")
    return Compared(counts[0], counts[1], differences)


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


async def _difference(store: Store, live: ProjectionPlan, new: ProjectionPlan, id: str) -> str:
    """What differs, if the two versions of a document never say the same while they are looked at."""
    seen: tuple[list[Any], list[Any]] = [], []
    for number in range(LOOKS):
        for said, plan in zip(seen, (live, new), strict=True):
            row = await stored(store, plan, id)
            said.append(_value(plan, row[1]) if row is not None and row[1] else None)
        if any(one == other for one in seen[0] for other in seen[1]):
            return ""
        if number < LOOKS - 1:
            await asyncio.sleep(LOOK_SECONDS)
    if seen[1][-1] is None:
        return "is missing"
    return "is new" if seen[0][-1] is None else "differs"


def _value(plan: ProjectionPlan, body: bytes) -> Any:
    try:
        return plan.codec.restore(body)[0]
    except msgspec.MsgspecError:
        return body
