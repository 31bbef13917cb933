"""`remit log`: shows where logs begin and end and who follows them, and settles what needs a decision."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from rich.table import Table

from remit import operations
from remit.cli.options import AsJson, Data, Store, StoresOf, Subscription, SystemName, located, places_of, settled
from remit.cli.screen import cell, say, show, time_shown
from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.finding import HERE
from remit.hosting.opening import Places, opened, require_all, require_some
from remit.log import context_of
from remit.observability import LogStatus, SubscriberStatus, read_logs, read_subscribers

app = App(name="log", help="Show where logs begin and end and who follows them; settle what needs a decision.")

Source = Annotated[str, Parameter(name="--source", help="The context whose log it follows.")]


@app.command
def heads(system: SystemName = HERE, /, *, store: Store = None, data: Data = None, json: AsJson = False) -> int:
    """Show how many messages each log has written, deleted and kept. SYSTEM may be a topology file. Writes nothing."""
    rows = asyncio.run(_heads(*located(system, store, data)[:2]))
    if json:
        print(msgspec.json.encode(rows).decode())
    else:
        show(_table_of_logs(rows))
    return 0


@app.command
def subscribers(system: SystemName = HERE, /, *, store: Store = None, data: Data = None, json: AsJson = False) -> int:
    """Show the followers of each log, their positions, and when each last reported. SYSTEM may be a topology file."""
    rows = asyncio.run(_subscribers(*located(system, store, data)[:2]))
    if json:
        print(msgspec.json.encode(rows).decode())
    elif rows:
        show(_table_of_subscribers(rows))
    else:
        say("no subscription has reported yet")
    return 0


@app.command
def forget(
    subscription: Subscription,
    system: StoresOf = None,
    /,
    *,
    source: Source,
    store: Store = None,
    data: Data = None,
) -> int:
    """Stop keeping a log for a subscription that is gone for good. One that still runs reports again."""
    subscription, system = settled(subscription, system)
    asyncio.run(_forget(places_of(system, store, data), subscription, source))
    say(f"the log of {source} is no longer kept for {subscription}")
    return 0


@app.command
def accept(
    subscription: Subscription,
    system: StoresOf = None,
    /,
    *,
    source: Source,
    begin: Annotated[
        str,
        Parameter(
            name="--from",
            help="Where it continues: floor (everything that is left), head (only new messages), or a time, such as "
            "2026-03-01T04:00Z (messages written after it). Or here: moves nothing, and counts the documents of an "
            "incomplete projection as complete from now on.",
        ),
    ],
    store: Store = None,
    data: Data = None,
) -> int:
    """Let a lost-source or regressed subscription continue, accepting what it misses or handles again.

    Moves only the partitions in which it cannot continue by itself. A process that runs it continues at once. A
    projection that misses messages stays incomplete until you accept that too, with --from here.
    """
    subscription, system = settled(subscription, system)
    places = places_of(system, store, data)
    if begin == "here":
        done = asyncio.run(_accept_incomplete(places, subscription, source))
    else:
        done = asyncio.run(_go_on(places, subscription, source, _time(begin)))
    for line in done:
        say(line)
    return 0


async def _heads(system: System, places: Places) -> list[LogStatus]:
    async with opened(places, require_some(places, system.names), read_only=True) as stores:
        return await read_logs(stores)


async def _subscribers(system: System, places: Places) -> list[SubscriberStatus]:
    async with opened(places, require_some(places, system.names), read_only=True) as stores:
        return await read_subscribers(stores, time.time())


async def _forget(places: Places, subscription: str, source: str) -> None:
    async with opened(places, require_some(places, [source])) as stores:
        await operations.forget(stores[source], source, subscription)


async def _go_on(places: Places, subscription: str, source: str, begin: str | float) -> list[str]:
    consumer = context_of(subscription)
    async with opened(places, require_all(places, [consumer, source])) as stores:
        moved = await operations.go_on(
            stores[consumer], subscription, stores[source], source, begin=begin, now=time.time()
        )
    return [f"partition {part}: from {before} to {after}" for part, before, after in moved]


async def _accept_incomplete(places: Places, subscription: str, source: str) -> list[str]:
    consumer = context_of(subscription)
    async with opened(places, require_some(places, [consumer])) as stores:
        missed = await operations.accept_incomplete(stores[consumer], subscription, source, now=time.time())
    return [f"partition {part}: messages deleted up to {pos} no longer count as missed" for part, pos in missed]


def _time(begin: str) -> str | float:
    if begin in ("floor", "head"):
        return begin
    try:
        time = datetime.fromisoformat(begin)
    except ValueError:
        raise Failure("cli.usage", f"{begin!r} is not a place to continue from", where="remit log accept --from",
                      expected="floor, head, here, or a time", next="--from 2026-03-01T04:00Z") from None  # fmt: skip
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()


def _table_of_logs(rows: list[LogStatus]) -> Table:
    table = Table("CONTEXT", "CHANNEL", box=None, pad_edge=False)
    for title in ("WRITTEN", "DELETED", "KEPT"):
        table.add_column(title, justify="right")
    table.add_column("LAST")
    for row in rows:
        table.add_row(cell(row.context), row.channel, str(row.written), str(row.deleted), str(row.kept), _shown(row.at))
    return table


def _table_of_subscribers(rows: list[SubscriberStatus]) -> Table:
    table = Table("SUBSCRIPTION", "FOLLOWS", box=None, pad_edge=False)
    for title in ("POSITION", "LAG"):
        table.add_column(title, justify="right")
    table.add_column("HEARD")
    table.add_column("NOTE")
    for row in rows:
        note = "" if row.keeps else "has not reported for 30 days: nothing is kept for it"
        source = cell(f"{row.source} {row.channel}")
        table.add_row(cell(row.subscription), source, str(row.position), str(row.lag), _shown(row.heard), note)
    return table


def _shown(at: float) -> str:
    return time_shown(at) if at else "never"
