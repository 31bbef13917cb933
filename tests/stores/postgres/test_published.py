"""A context reads what another one publishes from its schema, by the right to do just that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import asyncpg
import pytest

from remit.errors import StoreError
from remit.log import Channel
from remit.stores import Entry, Unit, partition_of
from remit.stores.postgres.published import PostgresPublishedLogs, PublishedLog
from remit.stores.postgres.roles import reader, role
from remit.stores.postgres.store import PostgresStore
from remit.transports.store_feed import StoreFeed

Connection = Any  # asyncpg.Connection takes its parameter in stubs only
SECRET = "nobody's business"


class Contexts(NamedTuple):
    """Billing, entered by its owner, and learning, entered by a role that may read what billing publishes."""

    billing: PostgresStore
    learning: str
    schema: str
    role: str


@pytest.fixture
async def contexts(address: str, schema: str, server: str, connection: Connection) -> AsyncIterator[Contexts]:
    billing = PostgresStore(address, "billing", partitions=4)
    await billing.open()
    own, user = f"{schema}_learning", f"{schema}_role"
    await connection.execute(f"CREATE SCHEMA {own}")
    await connection.execute(role(schema, f"{user}_billing"))
    await connection.execute(f"CREATE ROLE {user} LOGIN")
    await connection.execute(reader(schema, user, "learning"))
    yield Contexts(billing, server.replace("postgres@", f"{user}@", 1) + f"?schema={own}", schema, user)
    await billing.close()
    await connection.execute(f"DROP SCHEMA {own}; DROP OWNED BY {user}; DROP ROLE {user}")
    await connection.execute(f"DROP OWNED BY {user}_billing; DROP ROLE {user}_billing")


@pytest.fixture
async def log(contexts: Contexts) -> AsyncIterator[PublishedLog]:
    logs = PostgresPublishedLogs(contexts.learning, "learning")
    yield logs.of("billing", contexts.schema)
    await logs.close()


def entry(number: int, channel: Channel = Channel.PUBLISHED) -> Entry:
    body = b"{}" if channel == Channel.PUBLISHED else SECRET.encode()
    return Entry(channel, f"k{number % 7}", f"m{number}", "billing.Settled", 1, float(number), "{}", body)


async def test_what_is_published_is_read_as_its_owner_reads_it(contexts: Contexts, log: PublishedLog) -> None:
    assert await log.heads(Channel.PUBLISHED) == {}
    await contexts.billing.commit(Unit(entries=[entry(n, channel) for n in range(40) for channel in Channel]))
    assert await log.heads(Channel.PUBLISHED) == await contexts.billing.heads(Channel.PUBLISHED)
    for part in range(4):
        for after, limit in ((0, 100), (2, 3)):
            records = await log.read(Channel.PUBLISHED, part, after, limit)
            assert records == await contexts.billing.read(Channel.PUBLISHED, part, after, limit)
    with pytest.raises(StoreError, match="not published"):
        await log.heads(Channel.PRIVATE)


async def test_where_it_begins_is_seen_and_the_source_hears_who_reads(contexts: Contexts, log: PublishedLog) -> None:
    await contexts.billing.commit(Unit(entries=[entry(n) for n in (0, 7, 14, 21)]))
    part = partition_of("k0", 4)
    await contexts.billing.trim(Channel.PUBLISHED, part, upto=3, before=99.0, limit=10)
    feed = StoreFeed("billing", Channel.PUBLISHED, log)
    known, floors = await feed.standing("learning.follow", 25.0, {part: 2})
    assert (known, floors) == (False, {part: (3, "m14", 14.0)})
    assert (await feed.standing("learning.follow", 26.0, {part: 4})).known
    (subscriber,) = await contexts.billing.subscribers()
    assert subscriber == ("learning.follow", Channel.PUBLISHED, {part: 4}, 26.0)
    await contexts.billing.trim(Channel.PUBLISHED, part, upto=4, before=99.0, limit=10)
    assert await log.heads(Channel.PUBLISHED) == {part: (4, 21.0)}


async def test_news_is_heard(contexts: Contexts, log: PublishedLog) -> None:
    woken = asyncio.Event()
    end = log.watch(woken.set)
    await contexts.billing.commit(Unit(entries=[entry(1)]))
    async with asyncio.timeout(10):
        await woken.wait()
    end()


async def test_a_log_that_may_not_be_read_any_more_is_said_and_so_is_its_return(
    contexts: Contexts, log: PublishedLog, connection: Connection
) -> None:
    woken = asyncio.Event()
    log.watch(woken.set)
    await connection.execute(f"REVOKE ALL ON {contexts.schema}.remit_published FROM {contexts.role}")
    async with asyncio.timeout(10):
        await woken.wait()
    with pytest.raises(StoreError, match=f"{contexts.schema} publishes cannot be read") as refused:
        await log.heads(Channel.PUBLISHED)
    assert "remit migrate --roles --apply" in refused.value.next
    await connection.execute(reader(contexts.schema, contexts.role, "learning"))
    async with asyncio.timeout(10):
        while True:  # until it is woken by what it can see
            woken.clear()
            await woken.wait()
            try:
                assert await log.heads(Channel.PUBLISHED) == {}
            except StoreError:
                continue
            break


async def test_a_reader_sees_the_published_channel_and_nothing_else(contexts: Contexts, connection: Connection) -> None:
    await contexts.billing.commit(Unit(entries=[entry(1), entry(2, Channel.PRIVATE)]))
    own = await asyncpg.connect(contexts.learning.partition("?")[0])
    try:
        rows = await own.fetch(f"SELECT * FROM {contexts.schema}.remit_published")
        assert [row["payload"] for row in rows] == ["{}"]
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", contexts.schema)
        views = [f"remit_published{each}" for each in ("", "_floor", "_subscriber")]
        denied = [f"{kind} {contexts.schema}.{row[0]}" for row in tables for kind in ("SELECT * FROM", "DELETE FROM")]
        denied += [f"DELETE FROM {contexts.schema}.{view}" for view in views]
        denied += [f"INSERT INTO {contexts.schema}.{view} DEFAULT VALUES" for view in views[:2]]
        denied += [f"UPDATE {contexts.schema}.{view} SET at = 0" for view in views[:2]]
        for statement in denied:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await own.execute(statement)
    finally:
        await own.close()


async def test_no_function_of_the_readers_sees_what_the_reader_may_not(contexts: Contexts) -> None:
    """It would be called on rows before they are judged, if the view were no barrier."""
    await contexts.billing.commit(Unit(entries=[entry(1), entry(2, Channel.PRIVATE)]))
    own = await asyncpg.connect(contexts.learning.partition("?")[0])
    heard: list[str] = []
    try:
        own.add_log_listener(lambda _, message: heard.append(str(message)))
        await own.execute(
            "CREATE FUNCTION pg_temp.peep(text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS"
            " $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
        )
        await own.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")  # an index would pass them over
        await own.fetch(f"SELECT * FROM {contexts.schema}.remit_published WHERE pg_temp.peep(payload)")
    finally:
        await own.close()
    assert any("{}" in message for message in heard)
    assert not any(SECRET in message for message in heard)


async def test_a_reader_says_how_far_it_is_of_the_published_channel_only(contexts: Contexts) -> None:
    await contexts.billing.report("billing.own", Channel.PRIVATE, {0: 1}, 1.0)
    own = await asyncpg.connect(contexts.learning.partition("?")[0])
    view = f"{contexts.schema}.remit_published_subscriber"
    try:
        assert await own.fetch(f"SELECT * FROM {view}") == []
        await own.execute(f"UPDATE {view} SET positions = '[]'")
        with pytest.raises(asyncpg.WithCheckOptionViolationError):
            await own.execute(f"INSERT INTO {view} VALUES ('learning.x', 0, '[]', 1.0)")
    finally:
        await own.close()
    (kept,) = await contexts.billing.subscribers()
    assert (kept.name, kept.positions) == ("billing.own", {0: 1})


async def test_a_reader_says_how_far_it_is_itself_and_nobody_else(contexts: Contexts, log: PublishedLog) -> None:
    """Otherwise one could have deleted what another one has not handled yet."""
    await contexts.billing.report("shipping.ship", Channel.PUBLISHED, {0: 1}, 1.0)
    await contexts.billing.report("learning2.follow", Channel.PUBLISHED, {0: 1}, 1.0)
    await log.report("learning.follow", Channel.PUBLISHED, {0: 3}, 1.0)
    assert [each.name for each in await log.subscribers()] == ["learning.follow"]
    for other in ("shipping.ship", "learning2.follow", "billing.own", "learning", ""):
        if other != "learning":
            with pytest.raises(StoreError):
                await log.report(other, Channel.PUBLISHED, {0: 99}, 2.0)
    own = await asyncpg.connect(contexts.learning.partition("?")[0])
    try:
        await own.execute(f"UPDATE {contexts.schema}.remit_published_subscriber SET at = 9")
        with pytest.raises(asyncpg.WithCheckOptionViolationError):
            await own.execute(f"UPDATE {contexts.schema}.remit_published_subscriber SET subscription = 'shipping.more'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await own.execute(f"INSERT INTO {contexts.schema}.remit_reader VALUES ('{contexts.role}', 'shipping')")
    finally:
        await own.close()
    found = {each.name: (each.positions, each.at) for each in await contexts.billing.subscribers()}
    assert found == {
        "shipping.ship": ({0: 1}, 1.0), "learning2.follow": ({0: 1}, 1.0), "learning.follow": ({0: 3}, 9.0),
    }  # fmt: skip


async def test_an_owner_reads_the_logs_of_all_that_it_owns(contexts: Contexts, address: str) -> None:
    """One user for everything, and no grants: as it is before roles are made."""
    logs = PostgresPublishedLogs(address, "learning")
    log = logs.of("billing", contexts.schema)
    await log.report("learning.follow", Channel.PUBLISHED, {0: 3}, 1.0)
    await log.report("shipping.ship", Channel.PUBLISHED, {0: 3}, 1.0)
    assert len(await log.subscribers()) == 2
    await logs.close()


async def test_reading_touches_no_more_rows_than_it_returns(contexts: Contexts, connection: Connection) -> None:
    await contexts.billing.commit(Unit(entries=[entry(n) for n in range(500)]))
    await connection.execute(f"ANALYZE {contexts.schema}.remit_log; SET enable_seqscan = off")
    sql = f"SELECT pos FROM {contexts.schema}.remit_published WHERE part = 1 AND pos > 50 ORDER BY pos LIMIT 10"
    plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) {sql}"))
    assert "Index Cond: ((channel = 1) AND (part = 1) AND (pos > 50))" in plan
    assert "Filter" not in plan
