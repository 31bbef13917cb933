"""`remit history`: what happened to one event-sourced aggregate, and what it was after so many events."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from remit import operations
from remit.cli.options import AsJson, Data, Store, SystemName, located, whole
from remit.cli.screen import say, time_shown
from remit.contexts.annotations import aggregates_of, sourced_of
from remit.errors import nearest, one_of
from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.finding import HERE
from remit.hosting.opening import Places, opened, require_all
from remit.operations import History, not_sourced
from remit.runtime.plan import AggregatePlan
from remit.runtime.streams import aggregate_plan

MOST = 100
"""The number of events that are shown by default."""


def history(
    aggregate: Annotated[
        str, Parameter(name="AGGREGATE", help="The aggregate: CONTEXT.CLASS, or the class alone if one context has it.")
    ],
    id: Annotated[str, Parameter(name="ID", help="The identity, as text.")],
    system: SystemName = HERE,
    /,
    *,
    at: Annotated[
        int | None,
        Parameter(converter=whole, validator=Number(gte=0), help="Only up to this event, and the state after it."),
    ] = None,
    life: Annotated[
        int | None,
        Parameter(converter=whole, validator=Number(gte=1), help="Only this life of the identity. Default: all."),
    ] = None,
    limit: Annotated[
        int, Parameter(converter=whole, validator=Number(gte=1, lte=1_000_000), help="How many events at most.")
    ] = MOST,
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """Show what happened to an event-sourced aggregate, and its state. SYSTEM may be a topology file. Writes nothing.

    Shows the last events. The fields of events may be personal data.
    """
    found, places, _ = located(system, store, data)
    context, plan = _named(found, aggregate)
    told = asyncio.run(_read(places, context, plan, id, at=at, life=life, limit=limit))
    if json:
        print(msgspec.json.encode(told).decode())
    else:
        say(as_text(told))
    return 0


async def _read(places: Places, context: str, plan: AggregatePlan, id: str, **wanted: Any) -> History:
    async with opened(places, require_all(places, [context]), read_only=True) as stores:
        return await operations.read_history(stores[context], plan, id, **wanted)


def _named(system: System, name: str) -> tuple[str, AggregatePlan]:
    """The event-sourced aggregate of this name, and its context. Raises `Failure` and `NoHistory`."""
    kept = [(context, each) for context in system.hosting().model().contexts for each, _ in aggregates_of(context)]
    known = {f"{context.name}.{each.__name__}": (context, each) for context, each in kept}
    found = [each for each in known if name in (each, each.partition(".")[2])]
    if len(found) != 1:
        near = nearest(name, [*known, *(each.partition(".")[2] for each in known)])
        several = f"{name} is an aggregate of several contexts" if found else f"there is no aggregate {name!r}"
        raise Failure(
            "cli.usage", several, where="remit history",
            expected=one_of(found or sorted(known), "an aggregate, and this system has none"),
            next=f"did you mean {found[0] if found else near}?" if found or near else "name one of them",
        )  # fmt: skip
    context, aggregate = known[found[0]]
    if aggregate not in sourced_of(context):
        raise not_sourced(found[0], sorted(each for each, (of, kind) in known.items() if kind in sourced_of(of)))
    return context.name, aggregate_plan(aggregate, context)


def as_text(told: History) -> str:
    """The history as lines."""
    lines = [f"{told.aggregate} {told.id}"]
    for life in told.lives:
        removed = ", removed" if life.is_over else ""
        lines += ["", f"life {life.life}: {_count(life.number)}{removed}"] if len(told.lives) > 1 else []
        before = life.events[0].number - 1 if life.events else life.number
        if before:
            lines.append(f"  {_count(before)} before; --limit shows more")
        wide = len(str(life.events[-1].number)) if life.events else 0
        for each in life.events:
            name = each.type.partition(".")[2] + (f" v{each.version}" if each.version > 1 else "")
            lines.append(f"  {each.number:>{wide}}  {time_shown(each.at)}  {name} {bytes(each.fields).decode()}")
            lines.append(f"  {'':>{wide}}  cause {each.cause or '-'}, trace {each.trace or each.id}")
    over = " (removed)" if told.lives[-1].is_over and told.at == told.lives[-1].number else ""
    return "\n".join([*lines, "", f"state after event {told.at}{over}: {bytes(told.state).decode()}"])


def _count(events: int) -> str:
    return "1 event" if events == 1 else f"{events} events"
