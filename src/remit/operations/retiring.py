"""Deletes versions of read models that nothing needs any more, in pages, so that services hardly wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from math import inf
from typing import Protocol

import msgspec

from remit.errors import Conflict
from remit.log import Log
from remit.operations.from_state import forget_base, has_base
from remit.runtime.plan import FoldPlan, RowPlan
from remit.runtime.ports import Ports
from remit.stores import Forget, RowChange, Selection, Store, Unit, load_versions, write_versions
from remit.stores.port import Members, Retention
from remit.stores.versions import name_in, subscription_in, table_in

PAGE = 500
"""Documents or rows that are deleted in one transaction."""

NEWS_SECONDS = 6.0
"""Processes that run give signs of life at least so often: every 5 s."""
GONE_SECONDS = 600.0
"""A process without a sign of life for so long counts as ended."""
LOOK_SECONDS = 0.2


class Reported(Log, Retention, Protocol):
    """A log whose subscriptions report their progress."""


async def retire(store: Store, model: str, follows: Sequence[FoldPlan], *, old: bool) -> int:
    """Deletes the documents, rows, checkpoints and parked keys of the versions of a read model that were dropped; with
    `old`, of the one that was live before too, to which nothing goes back then. Returns how many versions were deleted.

    A run that was interrupted is repeated. `follows` is what version 1 follows. Raises `Conflict` if another process
    changes the versions meanwhile, `StoreError` and `StoreUnavailable`.
    """
    expected, versions = await load_versions(store, model)
    if old and versions.old:
        dropped = (*versions.dropped, versions.old)
        versions = msgspec.structs.replace(versions, old=0, dropped=dropped)
        await write_versions(store, model, expected, versions)  # from here on, nothing goes back to it
    numbers = versions.dropped
    for number in numbers:
        await _delete(store, follows, number)
        expected, versions = await load_versions(store, model)
        await write_versions(store, model, expected, versions.without(number))
    return len(numbers)


async def silent_since(store: Members, ports: Ports, switched: float) -> list[str]:
    """The processes that may not have noticed a switch: they ran, and have given no sign of life since that time
    (seconds since the epoch). Processes that have ended are none of them. It waits up to 6 s for signs. Raises as the
    store does."""
    loop = asyncio.get_running_loop()
    until = loop.time() + NEWS_SECONDS
    while True:
        since, gone = ports.clock.seconds() - GONE_SECONDS, ports.machine.is_gone
        beats = (await store.beats()).items()
        silent = sorted(process for process, (at, _) in beats if since < at < switched and not gone(process))
        if not silent or loop.time() >= until:
            return silent
        await asyncio.sleep(LOOK_SECONDS)


async def forget_reports(
    logs: Mapping[str, Reported], model: str, follows: Sequence[FoldPlan], *, but: int = 0, before: float = inf
) -> None:
    """Removes the reports of progress that killed rebuilds of a read model have left at its sources, where they keep
    messages in the log: those from before a time (seconds since the epoch), and not those of the version `but`.

    A rebuild that runs reports again within seconds. `logs` are the stores of the sources. Raises as they do.
    """
    for log in [logs[source] for source in {each.id.source for each in follows} & logs.keys()]:
        for each in await log.subscribers():
            of, _, number = each.name.rpartition("@")
            if of == model and number != str(but) and each.at < before:
                await log.forget(each.name)


async def _delete(store: Store, follows: Sequence[FoldPlan], number: int) -> None:
    projection, ids = follows[0].projection, [subscription_in(each.id, number) for each in follows]
    if not isinstance(projection, RowPlan):
        kind = name_in(projection.kind, number)
        while page := await store.page(kind, None, PAGE):
            await _commit(store, Unit(forgets=[Forget(kind, id, version) for id, version, _ in page]))
    elif any([await store.checkpoints(id) for id in ids]) or await has_base(store, ids[0].name):
        # otherwise it may have no table
        table = table_in(projection.table, number)
        while rows := await store.select_rows(Selection(table, ()), None, PAGE):
            found = await store.load_rows(table, [id for id, _ in rows])
            gone = [RowChange(table, id, version, 0, b"", ()) for id, (version, _) in found.items()]
            await _commit(store, Unit(rows=gone))
    await forget_base(store, ids[0].name)
    for id in ids:
        await store.erase(id)


async def _commit(store: Store, unit: Unit) -> None:
    """A process that still follows into the version may have written it: the next look reads it again."""
    try:
        await store.commit(unit)
    except Conflict:
        await asyncio.sleep(0.05)
