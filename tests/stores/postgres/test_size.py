"""However much there is: what is done all the time looks at a few rows, and finds them by an index.

The plans are those that the server has used, also for the statements inside of `remit_commit`, on tables with analysed
statistics, after the server has had the choice of a plan for all values.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from math import inf
from typing import Any, NamedTuple

import asyncpg
import pytest

from remit.log import Channel, SubscriptionId
from remit.runtime.upkeep.pruning import CHUNK
from remit.stores import Advance, Change, Entry, KeyClaim, Unit
from remit.stores.postgres import statements
from remit.stores.postgres.columns import call_for, joined
from remit.stores.postgres.lookups import LOAD, OUTCOME
from remit.stores.postgres.session import _BOUNDS
from remit.stores.postgres.store import PostgresStore
from tests.stores.postgres.crowd import PARTITIONS, crowd

Connection = Any  # asyncpg.Connection takes its parameter in stubs only

ROWS, OTHERS = 200_000, 20_000
NOW = time.time()
FEW = 130
"""Rows that a statement may look at which is done all the time."""
SCHEMA = "remit_test_crowded"
CROWDED = ("crowded.7", "billing", 1)
"""A subscription with parked keys."""
ONE = "c4ca4238a0b923820dcc509a6f75849b"
"""An identity and a key that are there."""

QUERIES: dict[str, tuple[str, tuple[object, ...]]] = {
    "load": (LOAD.one, ("billing.Account", ONE)),
    "loads": (LOAD.many, tuple(joined([["billing.Account"] * 2, [ONE, "none"]]))),
    "outcome": (OUTCOME.one, ("web", ONE)),
    "outcomes": (OUTCOME.many, tuple(joined([["web"] * 2, [ONE, "none"]]))),
    "read": (statements.READ, (Channel.PRIVATE, 3, 100, 100)),
    "read the end": (statements.READ, (Channel.PRIVATE, 3, 1_000_000, 100)),
    "heads": (statements.HEADS, (PARTITIONS, Channel.PRIVATE)),
    "checkpoints": (statements.CHECKPOINTS, SubscriptionId("mail.desk", "billing", Channel.PUBLISHED)),
    "parked among": (statements.AMONG, (*CROWDED, 7, ["key 7", "key 107", "key 8", *(f"no {n}" for n in range(97))])),
    "parked among none": (statements.AMONG, ("mail.desk", *CROWDED[1:], 7, ["key 7"])),
    "due": (statements.DUE, (*CROWDED, NOW, NOW + 60, 100)),
    "due many": (statements.DUE, (*CROWDED, inf, inf, 1)),
    "letters": (statements.LETTERS, ("crowded.7", "billing", 1, "key 7", 10)),
    "floors": (statements.FLOORS, (Channel.PRIVATE,)),
    "keep": (statements.KEEP, (NOW, "web", ONE)),
}
DELETING: dict[str, tuple[str, tuple[object, ...]]] = {
    "trim": (statements.TRIM, (Channel.PRIVATE, 3, 1_000_000, NOW - 7 * 86_400.0, CHUNK)),
    **{f"prune {number}": (sql, (NOW - 7 * 86_400.0, CHUNK)) for number, sql in enumerate(statements.PRUNE) if number},
}
"""All but that of signs of life, of which there are few."""


class Look(NamedTuple):
    """How a plan looked at one of our tables."""

    table: str
    node: str
    rows: int
    """Rows it found, and those that it looked at in vain."""


@pytest.fixture(scope="module")
def crowded(server: str) -> Iterator[str]:
    """A schema with many rows."""

    async def make() -> None:
        made = PostgresStore(f"{server}?schema={SCHEMA}", "billing")
        await made.open()
        await made.close()
        connection = await asyncpg.connect(server, server_settings={"search_path": SCHEMA})
        await crowd(connection, now=NOW, rows=ROWS, others=OTHERS)
        await connection.close()

    async def drop() -> None:
        connection = await asyncpg.connect(server)
        await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
        await connection.close()

    asyncio.run(make())
    yield SCHEMA
    asyncio.run(drop())


@pytest.fixture
async def session(server: str, crowded: str) -> AsyncIterator[Connection]:
    """A connection with the settings of a store's own."""
    session = await asyncpg.connect(server, statement_cache_size=0)
    await session.execute("; ".join(f"SET {setting}" for setting in (*_BOUNDS, f"search_path = {crowded}, pg_temp")))
    yield session
    await session.close()


async def looks(session: Connection, sql: str, *values: tuple[object, ...]) -> list[Look]:
    """How the statement was done with the last of these values; the others come before."""
    plans: list[str] = []

    def hear(_: object, message: Any) -> None:
        if "plan:" in message.message:
            plans.append(message.message.split("plan:\n", 1)[1])

    await session.execute(
        "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;"
        "SET auto_explain.log_nested_statements = on; SET auto_explain.log_format = json;"
        "SET auto_explain.log_timing = off; SET client_min_messages = log"
    )
    statement = await session.prepare(sql)
    session.add_log_listener(hear)
    async with Rolled(session):
        for each in values:
            plans.clear()
            await statement.fetch(*each)
    session.remove_log_listener(hear)
    found = [look for plan in plans for look in scans(json.loads(plan)["Plan"])]
    assert found
    return found


class Rolled:
    """A transaction of which nothing stays."""

    def __init__(self, session: Connection) -> None:
        self._transaction = session.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.start()

    async def __aexit__(self, *_: object) -> None:
        await self._transaction.rollback()


def scans(plan: dict[str, Any]) -> Iterator[Look]:
    below = plan.get("Plans", [])
    if "Scan" in plan["Node Type"] and "Function" not in plan["Node Type"]:
        loops = plan.get("Actual Loops", 1)
        vain = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        yield Look(plan.get("Relation Name", ""), plan["Node Type"], round((plan["Actual Rows"] + vain) * loops))
    for each in below:
        yield from scans(each)


def bad(found: list[Look], most: int) -> list[Look]:
    """Those of our tables that were not looked at by an index, or by too many rows."""
    ours = [look for look in found if look.table.startswith("remit_")]
    assert ours
    return [look for look in ours if look.rows > most or look.node == "Seq Scan"]


@pytest.mark.parametrize("query", QUERIES)
async def test_what_is_done_all_the_time_looks_at_few_rows(session: Connection, query: str) -> None:
    sql, values = QUERIES[query]
    assert bad(await looks(session, sql, *[values] * 7), FEW) == []


@pytest.mark.parametrize("query", DELETING)
async def test_deleting_looks_at_no_more_than_it_deletes(session: Connection, query: str) -> None:
    sql, values = DELETING[query]
    assert bad(await looks(session, sql, *[values] * 7), CHUNK + PARTITIONS) == []


def unit(number: int, nth: int, known: str) -> Unit:
    """What a commit writes: new rows, and changes of others that are there."""
    name = f"{number}.{nth}"
    before = f"m{number}" if number else ""
    move = Advance(
        SubscriptionId("mail.desk", "billing", Channel.PUBLISHED),
        nth,
        number,
        before,
        number + 1,
        f"m{number + 1}",
        1.0,
    )
    changes = [Change("billing.Account", name, 0, b"{}"), Change("billing.Account", known, 1, b"{}")]
    entries = [Entry(channel, name, name, "billing.Settled", 1, NOW, "{}", b"{}") for channel in Channel]
    return Unit(changes, entries, KeyClaim("web", name, b"f", b"{}", NOW), move)


async def test_a_group_of_commits_looks_at_few_rows(session: Connection) -> None:
    """Each statement inside, with what is new and what is there."""
    known = [str(id) for (id,) in await session.fetch("SELECT id FROM remit_state LIMIT 100")]
    calls = [
        call_for([unit(number, nth, known[8 * number + nth]) for nth in range(8)], PARTITIONS) for number in range(9)
    ]
    found = await looks(session, calls[0].statement, *[tuple(call.values) for call in calls])
    tables = {look.table for look in found}
    assert tables >= {"remit_state", "remit_log", "remit_checkpoint"}
    assert bad(found, FEW) == []


async def test_a_commit_alone_looks_at_few_rows(session: Connection) -> None:
    known = [str(id) for (id,) in await session.fetch("SELECT id FROM remit_state LIMIT 10")]
    units = [unit(number, 0, known[number]) for number in range(9)]
    calls = [call_for([Unit(each.changes[1:], each.entries, each.claim)], PARTITIONS) for each in units]
    found = await looks(session, calls[0].statement, *[tuple(call.values) for call in calls])
    assert {look.table for look in found} >= {"remit_state", "remit_log"}
    assert bad(found, FEW) == []
