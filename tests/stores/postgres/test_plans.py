"""However much there is, and however long a snapshot has been open: every hot query looks at a few pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from remit.log import Channel, SubscriptionId
from remit.stores import Advance, Change, Entry, KeyClaim, Unit
from remit.stores.postgres import statements, writer
from remit.stores.postgres.columns import call_for, joined
from remit.stores.postgres.lookups import LOAD, OUTCOME, RECALL
from remit.stores.postgres.store import PostgresStore

Connection = Any  # asyncpg.Connection takes its parameter in stubs only

QUERIES: dict[str, tuple[str, tuple[object, ...]]] = {
    "load": (LOAD.one, ("Account", "a1")),
    "loads": (LOAD.many, tuple(joined([["Account"], ["a1"]]))),
    "outcome": (OUTCOME.one, ("web", "k1")),
    "recall": (RECALL.one, ("web", "k1", "Account", "a1")),
    "recalls": (RECALL.many, tuple(joined([["web"], ["k1"], ["Account"], ["a1"]]))),
    "outcomes": (OUTCOME.many, tuple(joined([["web"], ["k1"]]))),
    "read": (statements.READ, (Channel.PRIVATE, 0, 100, 10)),
    "heads": (statements.HEADS, (1, Channel.PRIVATE)),
    "look": (writer._HEADS, ([0, 1], 1)),
    "checkpoints": (statements.CHECKPOINTS, ("mail", "billing", 1)),
    "parked among": (statements.AMONG, ("mail", "billing", 1, 0, ["k"])),
    "due": (statements.DUE, ("mail", "billing", 1, 10.0, 70.0, 100)),
    "letters": (statements.LETTERS, ("mail", "billing", 1, "k", 10)),
}


def move(pos: int) -> Unit:
    before = f"m{pos - 1}" if pos > 1 else ""
    entry = Entry(Channel.PRIVATE, "k", f"e{pos}", "billing.Settled", 1, 1.0, "{}", b"{}")
    advance = Advance(SubscriptionId("mail", "billing", Channel.PUBLISHED), 0, pos - 1, before, pos, f"m{pos}", 1.0)
    return Unit(
        [Change("Account", f"a{pos}", 0, b"{}")], [entry], KeyClaim("web", f"k{pos}", b"f", b"{}", 1.0), advance
    )


@pytest.fixture
async def postgres(address: str) -> AsyncIterator[PostgresStore]:
    postgres = PostgresStore(address, "billing", partitions=1)
    await postgres.open()
    yield postgres
    await postgres.close()


@pytest.fixture
async def session(server: str, schema: str, postgres: PostgresStore) -> AsyncIterator[Connection]:
    """A connection with the settings of a store's own."""
    session = await asyncpg.connect(server)
    settings = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"
    await session.execute(f"SET search_path TO {schema}, pg_temp; {settings}")
    yield session
    await session.close()


async def explained(session: Connection, sql: str, values: tuple[object, ...]) -> dict[str, Any]:
    plan = await session.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *values)
    found: dict[str, Any] = json.loads(plan)[0]["Plan"]
    return found


def nodes(plan: dict[str, Any]) -> list[str]:
    return [plan["Node Type"], *[node for below in plan.get("Plans", []) for node in nodes(below)]]


def pages(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@pytest.mark.parametrize("query", QUERIES)
async def test_hot_queries_use_indexes(postgres: PostgresStore, session: Connection, query: str) -> None:
    await postgres.commit(move(1))
    plan = await explained(session, *QUERIES[query])
    assert "Seq Scan" not in nodes(plan)
    assert [node for node in nodes(plan) if "Index" in node]


async def test_what_is_asked_often_is_planned_once(postgres: PostgresStore) -> None:
    for pos in (1, 2, 3):
        await postgres.commit(move(pos))
        await postgres.load("sales.Order", str(pos))
    assert postgres._writing is not None
    assert postgres._reading is not None
    for session in (postgres._writing.session, postgres._reading.lookups):
        link = await session.link()
        plans = await link.connection.fetch("SELECT generic_plans, custom_plans FROM pg_prepared_statements")
        assert max(generic for generic, _ in plans) >= 3
        assert sum(custom for _, custom in plans) == 0


async def test_a_migration_by_a_newer_release_leaves_no_statement_behind(
    postgres: PostgresStore, session: Connection
) -> None:
    assert postgres._reading is not None
    statement = "SELECT * FROM remit_state"
    await postgres._reading.lookups.fetch(statement)
    await session.execute("ALTER TABLE remit_state ADD COLUMN later text")
    assert await postgres._reading.lookups.fetch(statement) == []


async def test_an_old_snapshot_slows_nothing_down(postgres: PostgresStore, session: Connection, server: str) -> None:
    async def commit(pos: int) -> int:
        """Pages that a commit touches."""
        call = call_for([move(pos)], 1)
        await session.execute("BEGIN")
        plan = await explained(session, call.statement, tuple(call.values))
        await session.execute("COMMIT")
        return pages(plan)

    for pos in range(1, 11):
        await postgres.commit(move(pos))
    await commit(11)
    young = {name: pages(await explained(session, *query)) for name, query in QUERIES.items()}
    young["commit"] = await commit(12)
    old = await asyncpg.connect(server)
    async with old.transaction(isolation="repeatable_read"):
        await old.fetch("SELECT 1 FROM pg_class LIMIT 1")
        for pos in range(13, 2013):
            await postgres.commit(move(pos))
        aged = {name: pages(await explained(session, *query)) for name, query in QUERIES.items()}
        aged["commit"] = await commit(2013)
    await old.close()
    assert {name: count for name, count in aged.items() if count > 2 * young[name] + 10} == {}, young


async def test_what_checkpoints_leave_behind_is_swept_up(
    postgres: PostgresStore, session: Connection, connection: Connection
) -> None:
    for pos in range(1, 1101):
        await postgres.commit(move(pos))
    for _ in iter(int, 1):
        if await session.fetchval("SELECT count(*) FROM remit_checkpoint") < 500:
            break
    found = await postgres.checkpoints(SubscriptionId("mail", "billing", Channel.PUBLISHED))
    assert found[0].pos == 1100
