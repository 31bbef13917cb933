"""`remit status`: shows how far each subscription is, read from the stores."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
from rich.table import Table

from remit.cli.options import AsJson, Data, Store, SystemName, located
from remit.cli.screen import UNWELL, cell, show
from remit.hosting.assembly import placed_on, relayed
from remit.hosting.finding import HERE
from remit.hosting.opening import Places, opened, require_some
from remit.log import SubscriptionId
from remit.observability import SubscriptionStatus, read_status
from remit.runtime import compile_system
from remit.runtime.plan import FoldPlan, LaterPlan, TranslationPlan

COLOURS = {"running": "green", "lagging": "yellow"}


def status(system: SystemName = HERE, /, *, store: Store = None, data: Data = None, json: AsJson = False) -> int:
    """Show how far each subscription is, and what holds it up. SYSTEM may be a topology file.

    Reads only the stores: no handler runs, and the service need not run. States: running, lagging (messages wait),
    stale (a read model is older than it promises), parked (keys wait for a person or the next try), stalled, paused,
    source-silent (its source cannot be seen), silent (no process runs it), wedged (what a read model writes is lost),
    regressed (its source was restored from a backup), lost-source (messages were deleted that it has not handled), gone
    (keys are parked for a subscription that was removed or renamed). The exit code is 1 if any of the
    last ten is shown.
    """
    found, places, topology = located(system, store, data)
    model = found.hosting().model()
    plans = {id: plan for context in compile_system(model).values() for id, plan in context.follows.items()}
    follows = [*plans, *(relayed(placed_on(topology, model)) if topology else ())]
    folds = {id for id, plan in plans.items() if isinstance(plan, FoldPlan)}
    later = {id for id, plan in plans.items() if isinstance(plan, LaterPlan)}
    foreign = {id for id, plan in plans.items() if isinstance(plan, TranslationPlan)}
    promises = {id: promised for id, plan in plans.items() if (promised := _promised(plan)) is not None}
    read = partial(read_status, projections=folds, later=later, foreign=foreign, promises=promises)
    rows = asyncio.run(_read(places, [context.name for context in model.contexts], follows, read))
    if json:
        print(msgspec.json.encode({"system": model.name, "well": _are_well(rows), "subscriptions": rows}).decode())
    else:
        show(_table(rows))
    return 0 if _are_well(rows) else UNWELL


async def _read(
    places: Places,
    contexts: Sequence[str],
    follows: Sequence[SubscriptionId],
    read: Callable[..., Awaitable[list[SubscriptionStatus]]],
) -> list[SubscriptionStatus]:
    async with opened(places, require_some(places, contexts), read_only=True) as stores:
        return await read(follows, stores, time.time())


def _promised(plan: object) -> tuple[float, float] | None:
    promised = plan.projection.freshness if isinstance(plan, FoldPlan) else None
    return None if promised is None else (promised.warn, promised.critical)


def _are_well(rows: list[SubscriptionStatus]) -> bool:
    return all(row.well for row in rows)


def _age(row: SubscriptionStatus) -> str:
    """The age of a read model, and how old it may be."""
    if row.promised is None:
        return ""
    return f"{'unknown' if row.age is None else f'{row.age:.1f}'} of {row.promised[1]:g} s"


def _table(rows: list[SubscriptionStatus]) -> Table:
    table = Table("SUBSCRIPTION", "FOLLOWS", box=None, pad_edge=False)
    promises = any(row.promised for row in rows)
    for title in ("HEAD", "POSITION", "LAG", "SECONDS", "PARKED", *(["AGE"] if promises else [])):
        table.add_column(title, justify="right")
    table.add_column("STATE")
    table.add_column("NOTE", overflow="fold")
    for row in rows:
        table.add_row(
            cell(row.name), cell(f"{row.source} {row.channel}"), str(row.head), str(row.position), str(row.lag),
            f"{row.lag_seconds:.1f}", str(row.parked), *([_age(row)] if promises else []),
            f"[{COLOURS.get(row.state, 'bold red')}]{row.state}[/]", cell(row.note),
        )  # fmt: skip
    return table
