"""Opening a schema: it is made once, whoever comes first, and refused where it is not what it should be."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from remit.errors import StoreError, StoreUnavailable
from remit.hosting.technologies import open_published, open_store
from remit.stores import Change, Unit
from remit.stores.postgres import POSTGRESQL
from remit.stores.postgres.place import address_of
from remit.stores.postgres.schema import migrations
from remit.stores.postgres.store import PostgresStore
from remit.topology.stores import store_at

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


async def opened(address: str, context: str = "billing", **options: Any) -> None:
    store = PostgresStore(address, context, **options)
    await store.open()
    await store.close()


async def test_many_that_make_it_at_once_make_it_once(address: str, connection: Connection, schema: str) -> None:
    await asyncio.gather(*[opened(address) for _ in range(8)])
    rows = dict(await connection.fetch(f"SELECT name, value FROM {schema}.remit_meta"))
    assert rows == {"context": "billing", "partitions": "16", "version": str(max(migrations()))}


async def test_a_schema_that_is_there_already_is_used(address: str, connection: Connection, schema: str) -> None:
    """A team that makes schemas itself, with tables of its own in them."""
    await connection.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.theirs (id int)")
    await opened(address)
    await opened(address)


async def test_a_newer_schema_is_refused(address: str, connection: Connection, schema: str) -> None:
    await opened(address)
    await connection.execute(f"UPDATE {schema}.remit_meta SET value = '999' WHERE name = 'version'")
    for read_only in (False, True):
        store = PostgresStore(address, "billing")
        with pytest.raises(StoreError, match="version 999"):
            await store.open(read_only=read_only)


@pytest.mark.parametrize(
    ("context", "partitions", "said"), [("learning", 16, "context 'billing'"), ("billing", 4, "partitions '16'")]
)
async def test_somebody_elses_schema_is_refused(address: str, context: str, partitions: int, said: str) -> None:
    await opened(address)
    with pytest.raises(StoreError, match=said):
        await opened(address, context, partitions=partitions)


async def test_what_is_only_looked_at_must_be_there(address: str, connection: Connection, schema: str) -> None:
    store = PostgresStore(address, "billing")
    with pytest.raises(StoreError, match="there is no schema"):
        await store.open(read_only=True)
    assert await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = $1", schema) == 0
    await opened(address, partitions=4)
    await store.open(read_only=True)
    assert store.partitions == 4
    await store.close()


async def test_a_user_who_may_not_make_it_is_told(address: str, connection: Connection, schema: str) -> None:
    await connection.execute(f"CREATE ROLE {schema} LOGIN PASSWORD 'x'")
    try:
        theirs = address.replace("postgres@", f"{schema}:x@", 1)
        with pytest.raises(StoreError, match="run remit migrate"):
            await opened(theirs)
    finally:
        await connection.execute(f"DROP ROLE {schema}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("postgres@", "nobody_of_this_name@"), "28000|28P01"),
        (("/postgres?", "/no_database_of_this_name?"), "no such database"),
        (("postgresql:", "mysql:"), "not the address of a database"),
        (("schema=", f"schema={'x' * 64}"), "does not name a PostgreSQL schema"),
        (("postgres?", "postgres?sslmode=perhaps&"), "not understood"),
    ],
)
async def test_a_wrong_address_is_a_mistake_and_not_an_incident(
    address: str, change: tuple[str, str], said: str
) -> None:
    with pytest.raises(StoreError, match=said):
        await opened(address.replace(*change, 1))


async def test_a_server_that_is_away_is_an_incident() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await opened("postgresql://postgres@127.0.0.1:1/postgres")


def test_a_password_is_never_said() -> None:
    place = address_of("postgresql://me:secret@db.example/learning?schema=billing&password=secret", "billing")
    assert "secret" not in place.shown + repr(place)
    assert place.shown == "postgresql://db.example/learning schema billing"
    assert place.text == "postgresql://me:secret@db.example/learning?password=secret"


def test_an_address_may_begin_as_other_tools_write_it() -> None:
    place = address_of("postgres://me@db.example/learning", "billing")
    assert (place.shown, place.user) == ("postgresql://db.example/learning schema billing", "me")


def test_an_address_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    place = store_at("postgresql://me:secret@db.example/learning?schema=sales", "billing")

    def again(*_: object) -> None:
        raise AssertionError("it is taken apart again")

    monkeypatch.setattr("remit.stores.postgres.place.urlsplit", again)
    assert open_store(place, "billing").technology is POSTGRESQL
    open_published(place, "billing")
    assert "secret" not in repr(place)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:hu/sh@h/db",
        "postgresql://u:hu?sh@h/db",
        "postgresql://u:hu#sh@h/db",
        "postgresql://u:[hush@h/db",
    ],
)
def test_no_part_of_a_password_that_breaks_the_address_is_said(address: str) -> None:
    with pytest.raises(StoreError, match="percent-encode") as raised:
        address_of(address, "billing")
    assert "hu" not in str(raised.value)


async def test_names_that_need_quotes_are_quoted(server: str, connection: Connection) -> None:
    name = 'Käse "und" Brot'
    store = PostgresStore(server, name)
    await store.open()
    try:
        await store.commit(Unit([Change("Account", "a", 0, b"{}")]))
        assert await store.load("Account", "a") == (1, b"{}")
    finally:
        await store.close()
        await connection.execute('DROP SCHEMA "Käse ""und"" Brot" CASCADE')


async def test_an_old_server_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    version = type("Version", (), {"major": 13})

    def thirteen(_: object) -> object:
        return version

    monkeypatch.setattr(asyncpg.Connection, "get_server_version", thirteen)
    with pytest.raises(StoreError, match="PostgreSQL 13"):
        await opened(address)
