"""`remit parked`: shows parked keys, and lets a person settle them.

Needs no code of the system: the stores know their parked keys.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Self

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.table import Table

from remit import operations
from remit.cli.options import AsJson, Data, Store, StoresOf, Subscription, named, places_of, settled, whole
from remit.cli.screen import cell, say, time_shown
from remit.cli.screen import show as show_on_screen
from remit.errors import visible
from remit.hosting.failures import Failure
from remit.hosting.opening import Places, opened, require_all, require_some
from remit.log import context_of
from remit.observability import is_alive, other_versions
from remit.runtime.failures import NEVER
from remit.stores import Letter, ParkedKey, by_live_names, meant
from remit.stores import Store as OpenStore

MOST_KEYS, MOST_LETTERS = 1000, 100
"""The number of rows that are shown by default."""

app = App(name="parked", help="Show and settle parked keys: messages that could not be handled, and those behind them.")

Key = Annotated[str, Parameter(name="--key", help="The parked key.")]


@app.command(name="list")
def list_(
    subscription: Annotated[str | None, Parameter(name="SUBSCRIPTION", help="Only of this subscription.")] = None,
    system: StoresOf = None,
    /,
    *,
    limit: Annotated[
        int, Parameter(converter=whole, validator=Number(gte=1, lte=1_000_000), help="How many at most.")
    ] = MOST_KEYS,
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """List the parked keys, longest parked first."""
    subscription, _, system = named(subscription, system)
    rows, told, gone = asyncio.run(_list(places_of(system, store, data), subscription, limit + 1))
    for name in gone:
        say(f"the running release has no {name}: run a release that has it, or remit parked discard", error=True)
    if len(rows) > limit:
        say(f"only the {limit} longest parked are shown; --limit shows more", error=True)
        rows = rows[:limit]
    if json:
        print(as_json([KeyReport.of(row, told=told) for row in rows]))
    elif rows:
        show_on_screen(as_table(rows))
        for name in sorted({row.subscription.name for row in rows} & told.keys()):
            say(f"{name} is {told[name]}")
    else:
        say("nothing is parked")
    return 0


@app.command
def show(
    subscription: Annotated[str | None, Parameter(name="SUBSCRIPTION", help="Only of this subscription.")] = None,
    word: Annotated[str | None, Parameter(name="KEY", help="The parked key. A single word is a key.")] = None,
    system: StoresOf = None,
    /,
    *,
    key: Annotated[str | None, Parameter(help="The parked key, instead of KEY.")] = None,
    payload: Annotated[bool, Parameter(negative="", help="Also show the contents of the messages.")] = False,
    store: Store = None,
    data: Data = None,
    json: AsJson = False,
) -> int:
    """Show why a key is parked, and its letters: the waiting messages, in order."""
    about = named(subscription, word, system, key=key, needs_key=True)
    places = places_of(about.system, store, data)
    reports = asyncio.run(_show(places, about.subscription, about.key, payload=payload))
    if json:
        print(as_json(reports))
    else:
        say("\n\n".join(as_text(report) for report in reports))
    return 0


@app.command
def retry(
    subscription: Subscription,
    system: StoresOf = None,
    /,
    *,
    key: Annotated[str | None, Parameter(help="The parked key.")] = None,
    all_: Annotated[bool, Parameter(name="--all", negative="", help="Every parked key of the subscription.")] = False,
    store: Store = None,
    data: Data = None,
) -> int:
    """Make parked keys due now. The service that runs the subscription handles their letters in order."""
    subscription, system = settled(subscription, system)
    if all_ == (key is not None):
        what = "--key and --all cannot be given together" if all_ else "no key was given"
        raise Failure("cli.usage", what, where="remit parked retry", expected="either --key KEY or --all",
                      next=f"remit parked retry {' '.join(filter(None, (subscription, system)))} --all")  # fmt: skip
    due, whose = asyncio.run(_retry(places_of(system, store, data), subscription, key))
    keys = "1 key is due" if due == 1 else f"{due} keys are due"
    say(f"{keys}: {whose}")
    return 0


@app.command
def discard(
    subscription: Subscription,
    system: StoresOf = None,
    /,
    *,
    key: Key,
    reason: Annotated[str, Parameter(help="The reason; it is kept in the store.")],
    source: Annotated[
        str | None, Parameter(help="Only from this source context. Needed if the key is parked for several.")
    ] = None,
    store: Store = None,
    data: Data = None,
) -> int:
    """Discard the first letter of a parked key. The letters behind it become due; a note with the reason is kept."""
    subscription, system = settled(subscription, system)
    say(asyncio.run(_discard(places_of(system, store, data), subscription, key, reason, source)))
    return 0


async def _list(
    places: Places, subscription: str | None, limit: int
) -> tuple[list[ParkedKey], Mapping[str, str], list[str]]:
    """Parked keys, what is told of versions of read models that are not live, and the subscriptions with parked keys
    that no running process has."""
    gone: list[str] = []
    async with opened(places, await _contexts(places, subscription), read_only=True) as stores:
        rows = await operations.parked_keys(stores.values(), subscription, limit=limit)
        told = await _told(stores.values())
        for store in stores.values():
            wanted = None if subscription is None else await meant(store, subscription)
            parking = {each.name for each in await (await by_live_names(store)).parking()}
            names = sorted(name for name in parking - told.keys() if wanted in (None, name))
            if names and await is_alive(store, time.time()):
                gone += [name for name in names if not await is_alive(store, time.time(), name)]
        if subscription is not None and not rows:
            (store,) = stores.values()
            if not await is_alive(store, time.time(), subscription):
                with contextlib.suppress(Failure):  # raised if the places do not tell which contexts exist
                    await operations.require_handled(store, subscription, await places.made())
    return rows, told, gone


async def _told(stores: Iterable[OpenStore]) -> dict[str, str]:
    """What is told of versions of read models that are not live, by the names of their subscriptions."""
    return {name: each.told for store in stores for name, each in (await other_versions(store)).items()}


async def _show(places: Places, subscription: str | None, key: str, *, payload: bool) -> list[KeyReport]:
    async with opened(places, await _contexts(places, subscription), read_only=True) as stores:
        found = await operations.keys_with_letters(stores.values(), key, subscription, limit=MOST_LETTERS)
        told = await _told(stores.values())
    return [
        KeyReport.of(row, [LetterReport.of(each, payload=payload) for each in letters], told=told)
        for row, letters in found
    ]


async def _retry(places: Places, subscription: str, key: str | None) -> tuple[int, str]:
    async with opened(places, await _contexts(places, subscription)) as stores:
        (store,) = stores.values()
        due = await operations.retry(store, subscription, key)
        subscription = await meant(store, subscription)
        if subscription in (told := await _told([store])):
            return due, f"remit rebuild handles it while it follows {told[subscription]}"
        if await is_alive(store, time.time(), subscription):
            return due, "the running service handles it now"
        if await is_alive(store, time.time()):
            return due, f"but the running release has no {subscription}; run a release that has it, or discard letters"
        return due, "but nothing is running; start remit run"


async def _discard(places: Places, subscription: str, key: str, reason: str, source: str | None) -> str:
    async with opened(places, await _contexts(places, subscription)) as stores:
        (store,) = stores.values()
        told = (await _told([store])).get(await meant(store, subscription), "")
        gone = await operations.discard(store, subscription, key, reason=reason, now=time.time(), source=source)
    of = f" of {told}" if told else ""
    return f"discarded {gone.record.type} {gone.record.id}{of}; {gone.behind} behind it, due now"


async def _contexts(places: Places, subscription: str | None) -> list[str]:
    """The context of the subscription, or all contexts with a store."""
    if subscription is not None:
        return require_all(places, [context_of(subscription)])
    return require_some(places, await places.made())


# ── presentation ──────────────────────────────────────────────────────────────────────────────────────────────────────


class LetterReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One letter. `payload` is included only on request, because it may be personal data."""

    id: str
    type: str
    version: int
    at: float
    headers: Any
    payload: Any = msgspec.UNSET

    @classmethod
    def of(cls, letter: Letter, *, payload: bool) -> Self:
        record = letter.record
        shown = _readable(record.payload) if payload else msgspec.UNSET
        return cls(record.id, record.type, record.version, record.at, _readable(record.headers.encode()), shown)


class KeyReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parked key. Times are in seconds since the epoch. `version` tells of a version of a read model that is not
    live."""

    subscription: str
    source: str
    channel: str
    key: str
    since: float
    attempts: int
    retry_at: float
    error: str
    waiting: int
    letters: list[LetterReport] = []
    version: str = ""

    @classmethod
    def of(cls, row: ParkedKey, letters: Sequence[LetterReport] = (), *, told: Mapping[str, str]) -> Self:
        name, source, channel = row.subscription
        return cls(
            name, source, channel.called, row.key, row.since, row.attempts, row.retry_at, row.error,
            waiting=row.letters, letters=list(letters), version=told.get(name, ""),
        )  # fmt: skip


def as_json(reports: Sequence[KeyReport]) -> str:
    """The reports as one line of JSON."""
    return msgspec.json.encode(reports).decode()


def as_table(rows: Sequence[ParkedKey]) -> Table:
    """A table with one parked key per row."""
    table = Table("SUBSCRIPTION", "FROM", "KEY", "SINCE", "ATTEMPTS", "NEXT TRY", "WAITING", box=None, pad_edge=False)
    table.add_column("ERROR", overflow="fold")
    for row in rows:
        name, source, _ = row.subscription
        table.add_row(
            cell(name), cell(source), cell(row.key), _time(row.since), str(row.attempts),
            _time(row.retry_at), str(row.letters), cell(row.error),
        )  # fmt: skip
    return table


def as_text(report: KeyReport) -> str:
    """The full text on a parked key and its letters."""
    lines = [
        visible(f"{report.subscription}, from {report.source}, key {report.key!r}"),
        *([f"  {report.version}"] if report.version else []),
        f"  parked since {_time(report.since)}, attempts {report.attempts}, next try {_time(report.retry_at)}",
        f"  {visible(report.error)}",
        f"  {report.waiting} waiting, first to last:",
    ]
    for letter in report.letters:
        lines.append(visible(f"    {letter.type} version {letter.version}, {_time(letter.at)}, id {letter.id}"))
        lines.append(f"      headers {_text(letter.headers)}")
        if letter.payload is not msgspec.UNSET:
            lines.append(f"      payload {_text(letter.payload)}")
    if len(report.letters) < report.waiting:
        lines.append(f"    and {report.waiting - len(report.letters)} more")
    return "\n".join(lines)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _time(seconds: float) -> str:
    """The time in UTC. 0 stands for a key that is due, `NEVER` for a key that only a person can retry."""
    if seconds >= NEVER:
        return "when you retry it"
    return time_shown(seconds) if seconds else "now"


def _readable(data: bytes) -> Any:
    """The bytes parsed as JSON, or as text if they are not JSON, which may be the reason why the key is parked."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return data.decode(errors="replace")
