"""Tables that years have filled: what they cost whoever commits or follows, and what housekeeping does beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from statistics import median
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from remit.log import Channel
from remit.runtime.upkeep.pruning import prune, trim
from remit.stores import Change, Entry, KeyClaim, Unit
from remit.stores.postgres.store import PostgresStore
from tests.servers.postgres import Server
from tests.soak.following import FOLLOWED, Following, following
from tests.stores.postgres.crowd import PARTITIONS, crowd, park

__all__ = ["SETTINGS", "Size", "measure", "show_size"]

SCHEMA, EMPTY = "crowded", "empty"
AT_ONCE = 32
WINDOW = 3.0
"""Seconds without housekeeping, and as many with it, again and again."""
TURNS, TURN, MESSAGES = 10, 0.3, 1000
"""For each pair of windows, turns of an empty store and the full one: so many seconds of commits each, and so many
messages for a subscription. Short ones, because others work on the machine, and what they do shall meet both."""
TICK = 0.5
"""Seconds between two chunks, as in a running system."""
MOST_MILLISECONDS = 50.0
MOST_LOSS = 0.10

SETTINGS = {"shared_preload_libraries": "pg_stat_statements", "track_io_timing": "on", "max_wal_size": "4GB"}

_LONGEST = """
    SELECT round(max_exec_time::numeric, 1)::float8, calls, rows, round(mean_exec_time::numeric, 1)::float8
    FROM pg_stat_statements WHERE query LIKE $1 ORDER BY max_exec_time DESC LIMIT 1
"""
_STATEMENTS = {
    "deleting messages": "%DELETE FROM remit_log%",
    "deleting outcomes": "%DELETE FROM remit_idempotency%",
    "deleting notes of letters": "%DELETE FROM remit_letter%",
    "asking which keys are parked": "%remit_parked%UNION ALL (SELECT%",
    "asking which keys are due": "%remit_parked%retry_at <=%",
}
_WAITING = """
    SELECT count(*) FROM pg_stat_activity w, pg_stat_activity h
    WHERE w.wait_event_type = 'Lock' AND h.application_name = $1 AND h.pid = ANY (pg_blocking_pids(w.pid))
"""
_BYTES = "SELECT pg_database_size(current_database())"


_Rate = Callable[[], Awaitable[float]]


@dataclass
class Size:
    """What was measured."""

    rows: int
    others: int
    filled_seconds: float = 0.0
    gigabytes: float = 0.0
    full: list[float] = field(default_factory=list[float])
    """Commits per second of each turn."""
    empty: list[float] = field(default_factory=list[float])
    """Those in a store without any rows."""
    without: list[float] = field(default_factory=list[float])
    """Commits per second of each window."""
    beside: list[float] = field(default_factory=list[float])
    """Those beside housekeeping."""
    followed_empty: list[float] = field(default_factory=list[float])
    """Messages handled per second of each turn, by a subscription without parked keys in such a store."""
    followed: list[float] = field(default_factory=list[float])
    started: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds until a subscription has handled its first message after the start, by schema."""
    deleted: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict[str, float])
    """The longest statement of each kind, by the server's own clock."""
    means: dict[str, float] = field(default_factory=dict[str, float])
    waited: int = 0
    """How often somebody was seen waiting for a lock that housekeeping held."""

    @property
    def loss(self) -> float:
        """The share of the commits that housekeeping costs while it deletes as fast as it can."""
        return _lost(self.beside, self.without)

    @property
    def loss_by_size(self) -> float:
        """The share of the commits that is lost because so many rows are there."""
        return _lost(self.full, self.empty)

    @property
    def loss_by_parked_keys(self) -> float:
        """The share of the messages that a subscription handles less because so many of its keys are parked."""
        return _lost(self.followed, self.followed_empty)

    @property
    def findings(self) -> list[str]:
        found = [f"{what} took {ms} ms" for what, ms in self.milliseconds.items() if ms > MOST_MILLISECONDS]
        losses = {
            "commits beside housekeeping": self.loss,
            "commits by so many rows": self.loss_by_size,
            "a subscription by so many parked keys": self.loss_by_parked_keys,
        }
        found += [f"{what} lost {loss:.0%}" for what, loss in losses.items() if loss > MOST_LOSS]
        if self.waited:
            found.append(f"commits waited for housekeeping {self.waited} times")
        if not self.deleted:
            found.append("nothing was deleted")
        return found


def _lost(these: list[float], those: list[float]) -> float:
    """What these have less than those: each with its neighbour, because the machine has other work too."""
    return 1.0 - median(this / that for this, that in zip(these, those, strict=True))


def measure(rows: int, others: int, windows: int, progress: Callable[[int], None]) -> Size:
    """Fills a server of its own, and measures. `windows` are pairs of windows, without housekeeping and with it."""
    with Server(SETTINGS) as server:
        return asyncio.run(_measure(server.url(), Size(rows, others), windows, progress))


async def _measure(address: str, size: Size, windows: int, progress: Callable[[int], None]) -> Size:
    store, empty = (
        PostgresStore(f"{address}?schema={name}", "billing", partitions=PARTITIONS) for name in (SCHEMA, EMPTY)
    )
    await store.open()
    await empty.open()
    connection = await asyncpg.connect(address, server_settings={"search_path": f"{SCHEMA},public"})
    try:
        await connection.execute("CREATE EXTENSION pg_stat_statements SCHEMA public")
        begun, now = time.monotonic(), time.time()
        each = await crowd(connection, now=now, rows=size.rows, others=size.others)
        await park(connection, FOLLOWED, now=now, keys=size.others)
        for channel in Channel:
            await store.report("mail.desk", channel, dict.fromkeys(range(PARTITIONS), each), now)
        size.filled_seconds = round(time.monotonic() - begun, 1)
        size.gigabytes = round(await connection.fetchval(_BYTES) / 2**30, 2)
        await _commit(store, WINDOW)  # warms up
        for window in range(windows):
            if window % 2:  # whatever changes on the machine shall favour neither
                size.beside.append(await _beside(store, connection, size))
            size.without.append(await _commit(store, WINDOW))
            if window % 2 == 0:
                size.beside.append(await _beside(store, connection, size))
            progress(window + 1)
        await _by_turns(
            windows * TURNS, partial(_commit, store, TURN), size.full, partial(_commit, empty, TURN), size.empty
        )
        await _follow(address, size, windows * TURNS)
        for what, pattern in _STATEMENTS.items():
            longest, _, _, mean = await connection.fetchrow(_LONGEST, pattern) or (0.0, 0, 0, 0.0)
            size.milliseconds[what], size.means[what] = longest, mean
        return size
    finally:
        await connection.close()
        await store.close()
        await empty.close()


async def _by_turns(turns: int, one: _Rate, ones: list[float], other: _Rate, others: list[float]) -> None:
    for turn in range(turns):
        for rate, rates in [(one, ones), (other, others)][:: 1 if turn % 2 else -1]:
            rates.append(await rate())


async def _follow(address: str, size: Size, turns: int) -> None:
    """The same subscription over both schemas, by turns."""
    async with AsyncExitStack() as stack:
        both: dict[str, Following] = {}
        for name in (EMPTY, SCHEMA):
            store = PostgresStore(f"{address}?schema={name}", "billing", partitions=PARTITIONS)
            hear = partial(size.started.__setitem__, name)
            both[name] = await stack.enter_async_context(following(store, hear))
            await both[name].follow(MESSAGES)  # warms up
        full, empty = (partial(both[name].follow, MESSAGES) for name in (SCHEMA, EMPTY))
        await _by_turns(turns, full, size.followed, empty, size.followed_empty)


async def _beside(store: PostgresStore, connection: Any, size: Size) -> float:
    """Commits per second beside housekeeping, and beside somebody who looks who waits for whom."""
    rows = "SELECT (SELECT sum(pos) FROM remit_floor), (SELECT count(*) FROM remit_idempotency WHERE at < $1)"
    before = await connection.fetchrow(rows, time.time() - 8 * 86_400)
    tasks = [asyncio.create_task(task) for task in (_prune(store), _trim(store), _watch(connection, size))]
    rate = await _commit(store, WINDOW)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    after = await connection.fetchrow(rows, time.time() - 8 * 86_400)
    size.deleted += int((after[0] or 0) - (before[0] or 0)) + before[1] - after[1]
    return rate


async def _prune(store: PostgresStore) -> None:
    while True:
        await prune(store, time.time())
        await asyncio.sleep(TICK)


async def _trim(store: PostgresStore) -> None:
    while True:
        await trim(store, time.time(), timedelta(days=7))
        await asyncio.sleep(TICK)


async def _watch(connection: Any, size: Size) -> None:
    while True:
        size.waited += await connection.fetchval(_WAITING, f"remit {SCHEMA} reader")
        await asyncio.sleep(0.02)


_numbers = count()


async def _commit(store: PostgresStore, seconds: float) -> float:
    """Commits for so long; how many in a second."""
    loop = asyncio.get_running_loop()
    begun, done = loop.time(), 0

    async def work() -> None:
        nonlocal done
        while loop.time() - begun < seconds:
            name, at = f"new {next(_numbers)}", time.time()
            entry = Entry(Channel.PUBLISHED, name, name, "billing.Settled", 1, at, "{}", b'{"amount":120}')
            claim = KeyClaim("web", name, b"fingerprint", b'{"reply":null}', at)
            await store.commit(Unit([Change("billing.Account", name, 0, b'{"owed":120}')], [entry], claim))
            done += 1

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return round(done / (loop.time() - begun), 1)


def show_size(size: Size) -> None:
    """A table of what housekeeping did and cost, and what does not hold."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    rows: dict[str, object] = {
        "messages in the log": f"{size.rows:,}",
        "outcomes of commands, states, parked keys, letters, and notes of letters, each": f"{size.others:,}",
        "gigabytes": size.gigabytes,
        "rows deleted": f"{size.deleted:,}",
        "commits per second without housekeeping (median)": f"{median(size.without):,.0f}",
        "commits per second beside it": f"{median(size.beside):,.0f}",
        "of the throughput lost": f"{size.loss:.1%}",
        "commits per second": f"{median(size.full):,.0f}",
        "commits per second in an empty store": f"{median(size.empty):,.0f}",
        "lost by so many rows": f"{size.loss_by_size:.1%}",
        "messages a second, of a subscription without parked keys": f"{median(size.followed_empty):,.0f}",
        "of one with so many": f"{median(size.followed):,.0f}",
        "lost by so many parked keys": f"{size.loss_by_parked_keys:.1%}",
        "s: from start to first message, without parked keys": size.started[EMPTY],
        "s: with so many": size.started[SCHEMA],
        **{f"ms: the longest statement {what}": longest for what, longest in size.milliseconds.items()},
        "times somebody waited for it": size.waited,
    }
    for what, found in rows.items():
        table.add_row(str(found), what)
    console = Console(highlight=False)
    console.print(table)
    for finding in size.findings:
        console.print(f"WRONG: {finding}", style="bold red", markup=False, soft_wrap=True)
    console.print("something does not hold" if size.findings else "everything holds")
