"""`remit status`: shows how far each subscription is, read from the stores."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import msgspec
from rich.table import Table

from remit.cli.options import AsJson, Data, Store, SystemName, located
from remit.cli.screen import UNWELL, cell, say, show, time_shown
from remit.hosting.assembly import placed_on, relayed
from remit.hosting.finding import HERE
from remit.hosting.opening import Places, opened, require_some
from remit.log import SubscriptionId
from remit.observability import ModelVersions, SubscriptionStatus, read_status, read_versions
from remit.runtime import compile_system
from remit.runtime.plan import ContextPlan, FoldPlan, LaterPlan, TranslationPlan
from remit.stores.versions import shown_in

COLOURS = {"running": "green", "lagging": "yellow"}


def status(system: SystemName = HERE, /, *, store: Store = None, data: Data = None, json: AsJson = False) -> int:
    """Show how far each subscription is, and what holds it up. SYSTEM may be a topology file.

    Reads only the stores: no handler runs, and the service need not run. States: running, lagging (messages wait),
    stale (a read model is older than it promises), parked (keys wait for a person or the next try), stalled, paused,
    source-silent (its source cannot be seen), silent (no process runs it), wedged (what a read model writes is lost),
    regressed (its source was restored from a backup), lost-source (messages were deleted that it has not handled), gone
    (keys are parked for a subscription that was removed or renamed). The exit code is 1 if any of the
    last ten is shown. Below are the read models that were rebuilt, or whose code has changed.
    """
    found, places, topology = located(system, store, data)
    model = found.hosting().model()
    compiled = compile_system(model)
    plans = {id: plan for context in compiled.values() for id, plan in context.follows.items()}
    follows = [*plans, *(relayed(placed_on(topology, model)) if topology else ())]
    folds = {id for id, plan in plans.items() if isinstance(plan, FoldPlan)}
    later = {id for id, plan in plans.items() if isinstance(plan, LaterPlan)}
    foreign = {id for id, plan in plans.items() if isinstance(plan, TranslationPlan)}
    promises = {id: promised for id, plan in plans.items() if (promised := _promised(plan)) is not None}
    read = partial(read_status, projections=folds, later=later, foreign=foreign, promises=promises)
    rows, models = asyncio.run(_read(places, compiled, follows, read))
    if json:
        told = {"system": model.name, "well": _are_well(rows), "subscriptions": rows, "models": models}
        print(msgspec.json.encode(told).decode())
    else:
        show(_table(rows))
        for each in models:
            if text := _told(each):
                say(text)
    return 0 if _are_well(rows) else UNWELL


async def _read(
    places: Places,
    plans: Mapping[str, ContextPlan],
    follows: Sequence[SubscriptionId],
    read: Callable[..., Awaitable[list[SubscriptionStatus]]],
) -> tuple[list[SubscriptionStatus], list[ModelVersions]]:
    async with opened(places, require_some(places, [*plans]), read_only=True) as stores:
        return await read(follows, stores, time.time()), await read_versions(plans, stores)


def _told(found: ModelVersions) -> str:
    """What there is to say of the versions of a read model; empty if it was never rebuilt, and its code is the same."""
    parts: list[str] = []
    if found.building is not None:
        parked = _parked(found.model, found.building, found.building_parked)
        parts.append(f"version {found.building} is being built, or its rebuild was interrupted{parked}")
    if found.old is not None and found.kept_until is not None:
        parked = _parked(found.model, found.old, found.old_parked)
        until = time_shown(found.kept_until)
        parts.append(f"version {found.old} is kept until {until} for remit rebuild --back{parked}")
    if found.changed:
        parts.append(
            f"other code has folded it than this release has. Unless that is newer: remit rebuild SYSTEM {found.model}"
        )
    if not parts and found.live == 1:
        return ""
    return f"{found.model}: " + "; ".join([f"version {found.live} is live", *parts])


def _parked(model: str, version: int, keys: int) -> str:
    if not keys:
        return ""
    return f" ({'1 key is' if keys == 1 else f'{keys} keys are'} parked: remit parked list {shown_in(model, version)})"


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
