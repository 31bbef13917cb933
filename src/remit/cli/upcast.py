"""`remit upcast`: rewrites old states of aggregates, projections and records in the form of their newest version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.table import Table

from remit import operations
from remit.cli.options import AsJson, Data, Store, SystemName, located
from remit.cli.progress import progress
from remit.cli.screen import UNWELL, cell, say, show
from remit.contexts import Context
from remit.contexts.annotations import aggregates_of, projections_of, records_of, row_models_of, sourced_of
from remit.errors import one_of
from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.finding import HERE
from remit.hosting.opening import Places, opened, require_some
from remit.messages import VersionedCodec
from remit.operations import Rewritten
from remit.runtime import compile_system
from remit.runtime.upcasting import state_codec
from remit.stores import Store as OpenStore
from remit.stores import load_versions
from remit.stores.versions import name_in, table_in


def upcast(
    system: SystemName = HERE,
    /,
    *contexts: Annotated[str, Parameter(name="CONTEXT", help="Only the stores of these contexts. Default: all.")],
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """Rewrite old states in the form of the newest version of their classes. SYSTEM may be a topology file.

    Safe beside running services: a state that is written meanwhile is read again. Run it after the new release has
    replaced the old one everywhere: the old one cannot read what is rewritten. Run it again if it was interrupted.
    """
    found, places, _ = located(system, store, data)
    done = asyncio.run(_rewrite(found, places, contexts))
    if json:
        print(msgspec.json.encode(done).decode())
    elif done:
        show(_table(done))
        for of, failure in ((each, failure) for each in done for failure in each.failures):
            say(f"{of.kind} {failure.id!r} stays as it is: {failure.why}", error=True)
    else:
        say("no class of a state has a version above 1: there is nothing to rewrite")
    asyncio.run(_refuse_old_rows(found, places, contexts))
    return UNWELL if any(each.failed for each in done) else 0


async def _rewrite(system: System, places: Places, names: Collection[str]) -> list[Rewritten]:
    known = {context.name: context for context in system.hosting().contexts}
    for name in names:
        if name not in known:
            raise Failure("cli.usage", f"the system has no context {name!r}", where="remit upcast",
                          expected=one_of(known), next="name one of them, or none for all")  # fmt: skip
    kinds = {name: list(_kinds(known[name])) for name in names or known}
    kinds = {name: those for name, those in kinds.items() if those}
    done: list[Rewritten] = []
    if not kinds:
        return done
    async with opened(places, require_some(places, list(kinds))) as stores:
        for context, store in stores.items():
            for kind, codec in [each async for each in _stored(store, kinds[context])]:
                done.append(await _shown(store, kind, codec))
    return done


async def _shown(store: OpenStore, kind: str, codec: VersionedCodec[Any]) -> Rewritten:
    states = await store.count_states(kind)
    with progress("states") as show:
        return await operations.rewrite(
            store, kind, codec, step=lambda done: show(kind, done.states, max(states, done.states))
        )  # some may have been added meanwhile


async def _stored(
    store: OpenStore, kinds: Collection[tuple[str, VersionedCodec[Any]]]
) -> AsyncIterator[tuple[str, VersionedCodec[Any]]]:
    """The kinds as they are stored. A projection that was rebuilt has several: what is live, what was live before, and
    what is being built."""
    for kind, codec in kinds:
        _, found = await load_versions(store, kind)
        for number in sorted({found.live, found.old, found.building} - {0}):
            yield name_in(kind, number), codec


def _kinds(context: Context[Any]) -> Iterator[tuple[str, VersionedCodec[Any]]]:
    """The kinds of states of a context whose class has a version above 1. The row of an event-sourced aggregate is a
    cache, which is made anew. The rows of a row model are not here: a rebuild makes them anew."""
    sourced, rows = sourced_of(context), row_models_of(context)
    stored: list[Any] = [each for each, _ in aggregates_of(context) if each not in sourced]
    stored += [*projections_of(context), *(each for each, _ in records_of(context))]
    for each in dict.fromkeys(stored):
        codec = state_codec(each, context.upcasters)
        if isinstance(codec, VersionedCodec) and each not in rows:
            yield f"{context.name}.{each.__name__}", codec


async def _refuse_old_rows(system: System, places: Places, names: Collection[str]) -> None:
    """Raises `OldRows` for a row model whose live rows have an older version than its class."""
    rows = {
        name: [
            (each.kind, each.table, codec.version)
            for each in plan.row_models
            if isinstance(codec := each.codec, VersionedCodec)
        ]
        for name, plan in compile_system(system.hosting().model()).items()
        if not names or name in names
    }
    if not (wanted := [name for name, those in rows.items() if those]):
        return
    async with opened(places, require_some(places, wanted)) as stores:
        for context, store in stores.items():
            for model, table, version in rows[context]:
                _, found = await load_versions(store, model)
                await operations.refuse_old_rows(store, model, table_in(table, found.live), version)


def _table(rows: Collection[Rewritten]) -> Table:
    table = Table("KIND", "VERSION", box=None, pad_edge=False)
    for title in ("STATES", "REWRITTEN", "FAILED"):
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(cell(row.kind), str(row.version), str(row.states), str(row.rewritten), str(row.failed))
    return table
