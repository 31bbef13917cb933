"""Housekeeping on tables that years have filled: what it deletes, how long it takes, and what commits lose by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from statistics import median
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from remit.runtime.pruning import prune, trim
from remit.stores import PRIVATE, PUBLISHED, Change, Claim, Entry, Unit
from remit.stores.postgres import PostgresStore
from tests.servers.postgres import Server
from tests.stores.postgres.crowd import PARTITIONS, crowd

__all__ = ["SETTINGS", "Size", "measure", "show_size"]

SCHEMA = "crowded"
AT_ONCE = 32
WINDOW = 3.0
"""Seconds without housekeeping, and as many with it, again and again."""
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
}
_WAITING = """
    SELECT count(*) FROM pg_stat_activity w, pg_stat_activity h
    WHERE w.wait_event_type = 'Lock' AND h.application_name = $1 AND h.pid = ANY (pg_blocking_pids(w.pid))
"""
_BYTES = "SELECT pg_database_size(current_database())"


@dataclass
class Size:
    """What was measured."""

    rows: int
    others: int
    filled_seconds: float = 0.0
    gigabytes: float = 0.0
    without: list[float] = field(default_factory=list[float])
    """Commits per second of each window."""
    beside: list[float] = field(default_factory=list[float])
    deleted: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict[str, float])
    """The longest statement of each kind, by the server's own clock."""
    means: dict[str, float] = field(default_factory=dict[str, float])
    waited: int = 0
    """How often somebody was seen waiting for a lock that housekeeping held."""

    @property
    def loss(self) -> float:
        """The share of the commits that housekeeping costs while it deletes as fast as it can."""
        pairs = zip(self.beside, self.without, strict=True)  # each with its neighbour: the machine has other work too
        return 1.0 - median(beside / without for beside, without in pairs)

    @property
    def findings(self) -> list[str]:
        found = [f"{what} took {ms} ms" for what, ms in self.milliseconds.items() if ms > MOST_MILLISECONDS]
        if self.loss > MOST_LOSS:
            found.append(f"commits lost {self.loss:.0%} beside housekeeping")
        if self.waited:
            found.append(f"commits waited for housekeeping {self.waited} times")
        if not self.deleted:
            found.append("nothing was deleted")
        return found


def measure(rows: int, others: int, windows: int, progress: Callable[[int], None]) -> Size:
    """Fills a server of its own, and measures. `windows` are pairs of windows, without housekeeping and with it."""
    with Server(SETTINGS) as server:
        return asyncio.run(_measure(server.url(), Size(rows, others), windows, progress))


async def _measure(address: str, size: Size, windows: int, progress: Callable[[int], None]) -> Size:
    store = PostgresStore(f"{address}?schema={SCHEMA}", "billing", partitions=PARTITIONS)
    await store.open()
    connection = await asyncpg.connect(address, server_settings={"search_path": f"{SCHEMA},public"})
    try:
        await connection.execute("CREATE EXTENSION pg_stat_statements SCHEMA public")
        begun, now = time.monotonic(), time.time()
        each = await crowd(connection, now=now, rows=size.rows, others=size.others)
        for channel in (PRIVATE, PUBLISHED):
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
        for what, pattern in _STATEMENTS.items():
            longest, _, _, mean = await connection.fetchrow(_LONGEST, pattern) or (0.0, 0, 0, 0.0)
            size.milliseconds[what], size.means[what] = longest, mean
        return size
    finally:
        await connection.close()
        await store.close()


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
            entry = Entry(PUBLISHED, name, name, "billing.Settled", 1, at, "{}", b'{"amount":120}')
            claim = Claim("web", name, b"fingerprint", b'{"reply":null}', at)
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
        "outcomes of commands, states, and letters, each": f"{size.others:,}",
        "gigabytes": size.gigabytes,
        "rows deleted": f"{size.deleted:,}",
        "commits per second without housekeeping (median)": f"{median(size.without):,.0f}",
        "commits per second beside it": f"{median(size.beside):,.0f}",
        "of the throughput lost": f"{size.loss:.1%}",
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
