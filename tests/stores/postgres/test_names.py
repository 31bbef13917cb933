"""Databases, schemas and roles may have any name: what is printed and run quotes it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from remit.errors import OutboxError
from remit.hosting.databases import apply_rights, migrate, migration, reading, rights
from remit.log import Channel
from remit.stores import Change, Entry, Unit
from remit.stores.postgres.published import PostgresPublishedLogs
from remit.stores.postgres.store import PostgresStore
from remit.stores.staging import Staged, stage_async
from remit.stores.tables import quoted
from remit.topology.secret import Secret
from remit.topology.stores import Reader, StorePlace, store_at

Connection = Any  # asyncpg.Connection takes its parameter in stubs only

ODD = "Up-per \"d\" 's' $$ {b} % ; é"
UNIT = Unit(
    [Change("Account", "a", 0, b"{}")],
    [Entry(channel, "k", f"m{channel}", "billing.Settled", 1, 1.0, "{}", b"{}") for channel in Channel],
)


@dataclass
class Named:
    """A database, and the stores of two contexts in it; each name is one that has to be quoted."""

    server: str
    database: str
    billing: StorePlace
    learning: StorePlace


@pytest.fixture
async def named(server: str, connection: Connection) -> AsyncIterator[Named]:
    mark = uuid.uuid4().hex[:6]
    database, host = f"{ODD} db {mark}", urlsplit(server).netloc.rpartition("@")[2]
    users = {context: f"{ODD} {context} {mark}" for context in ("billing", "learning")}
    at = f"@{host}/{quote(database, safe='')}"
    stores = {
        context: store_at(
            f"postgresql://{quote(user, safe='')}{at}?schema={quote(f'{ODD} {context}', safe='')}", context
        )
        for context, user in users.items()
    }
    await connection.execute(f"CREATE DATABASE {quoted(database)}")
    yield Named(server, database, **stores)
    await connection.execute(f"DROP DATABASE {quoted(database)} WITH (FORCE)")
    for user in users.values():
        await connection.execute(f"DROP ROLE IF EXISTS {quoted(user)}")


async def used(named: Named) -> None:
    """Each role uses its own schema, and learning reads what billing publishes and nothing else of it."""
    store = PostgresStore(named.billing.url.value, "billing")
    await store.open()
    await store.commit(UNIT)
    assert await store.load("Account", "a") == (1, b"{}")
    await store.close()
    logs = PostgresPublishedLogs(named.learning.url.value, "learning")
    heads = await logs.of("billing", named.billing.schema).heads(Channel.PUBLISHED)
    assert [pos for pos, _ in heads.values()] == [1]
    await logs.of("billing", named.billing.schema).report("learning.follow", Channel.PUBLISHED, {0: 1}, 1.0)
    await logs.close()
    intruder = await asyncpg.connect(named.learning.url.value.partition("?")[0])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await intruder.fetch(f"SELECT FROM {quoted(named.billing.schema)}.remit_log")
    await intruder.close()


async def test_what_is_run_quotes_every_name(named: Named) -> None:
    administrator, stores = Secret(named.server), {"billing": named.billing, "learning": named.learning}
    for context, place in stores.items():
        await migrate(context, place, administrator)
    for _ in range(2):
        await apply_rights(stores, {"billing": [Reader("learning", named.learning.user)]}, administrator)
    await used(named)


async def test_what_is_printed_quotes_every_name(named: Named) -> None:
    connection = await asyncpg.connect(named.server, database=named.database)
    for context, place in (("billing", named.billing), ("learning", named.learning)):
        await connection.execute(migration(context, place))
        await connection.execute(rights(context, place))
    await connection.execute(reading("billing", named.billing, [Reader("learning", named.learning.user)]))
    await connection.close()
    await used(named)


async def test_what_a_user_without_rights_is_told_to_type_quotes_every_name(named: Named) -> None:
    await migrate("billing", named.billing, Secret(named.server))
    await migrate("learning", named.learning, Secret(named.server))
    await apply_rights({"learning": named.learning}, {}, Secret(named.server))
    owner = await asyncpg.connect(named.server, database=named.database)
    user = await asyncpg.connect(named.learning.url.value.partition("?")[0])
    row = Staged("1", "k", uuid.uuid4().hex, "billing.Settled", 1, 1.0, "{}", "{}")
    with pytest.raises(OutboxError, match="may not publish") as refused:
        async with user.transaction():
            await stage_async(user, named.billing.schema, row)
    await owner.execute(refused.value.next.replace("<user>", quoted(named.learning.user)))
    async with user.transaction():
        await stage_async(user, named.billing.schema, row)
    assert await owner.fetchval(f"SELECT count(*) FROM {quoted(named.billing.schema)}.remit_staging") == 1
    await user.close()
    await owner.close()
