"""A schema is migrated by a store that opens, by the command, or by hand with what is printed: the same SQL."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from remit.errors import StoreError
from remit.log import Channel
from remit.stores import Change, Entry, Unit
from remit.stores.postgres import schema as schemas
from remit.stores.postgres.place import address_of
from remit.stores.postgres.roles import role
from remit.stores.postgres.schema import migrate, migrations, script
from remit.stores.postgres.store import PostgresStore

Connection = Any  # asyncpg.Connection takes its parameter in stubs only
ALL = migrations()
NEWEST = max(ALL)


async def use(address: str) -> None:
    store = PostgresStore(address, "billing")
    await store.open()
    await store.commit(Unit([Change("Account", "a", 0, b"{}")]))
    await store.close()


async def as_made_by(number: int, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema as the release with this migration left it."""
    with monkeypatch.context() as older:
        older.setattr(schemas, "migrations", lambda: {each: sql for each, sql in ALL.items() if each <= number})
        assert await migrate(address_of(address, "billing"), "billing") == (0, number)


async def test_it_says_what_it_did(address: str) -> None:
    assert await migrate(address_of(address, "billing"), "billing") == (0, NEWEST)
    assert await migrate(address_of(address, "billing"), "billing") == (NEWEST, NEWEST)
    await use(address)


@pytest.mark.parametrize("number", sorted(ALL)[:-1])
async def test_every_older_schema_is_migrated(number: int, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await as_made_by(number, address, monkeypatch)
    with pytest.raises(StoreError, match="run remit migrate"):
        await PostgresStore(address, "billing").open(read_only=True)
    assert await migrate(address_of(address, "billing"), "billing") == (number, NEWEST)
    await use(address)


async def test_an_older_release_that_has_it_open_goes_on_after_a_migration(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await as_made_by(8, address, monkeypatch)
    old, new = PostgresStore(address, "billing"), PostgresStore(address, "billing")
    with monkeypatch.context() as older:
        older.setattr(schemas, "migrations", lambda: {each: sql for each, sql in ALL.items() if each <= 8})
        await old.open()
    await old.commit(Unit([Change("Account", "a", 0, b"{}")], [event("m0", "{}")]))
    await new.open()
    for number, store in enumerate((old, new, old), 1):
        await store.commit(Unit([Change("Account", "a", number, b"{}")], [event(f"m{number}", "{}")]))
        assert await old.load("Account", "a") == await new.load("Account", "a") == (number + 1, b"{}")
    await new.commit(Unit(entries=[event("e", '{"stream":"s","seq":1}')]))
    assert [each.id for each in await new.stream("s", 0, 0, 9)] == ["e"]
    await new.close()
    await old.close()


def event(id: str, headers: str) -> Entry:
    return Entry(Channel.PRIVATE, "k", id, "billing.Settled", 1, 1.0, headers, b"{}")


@pytest.mark.parametrize("number", [0, *ALL])
async def test_the_printed_sql_does_what_is_missing_and_nothing_twice(
    number: int, address: str, schema: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    if number:
        await as_made_by(number, address, monkeypatch)
    for _ in range(2):
        async with connection.transaction():
            await connection.execute(script(schema, "billing"))
    assert await migrate(address_of(address, "billing"), "billing") == (NEWEST, NEWEST)
    await use(address)


async def test_many_that_migrate_at_once_migrate_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await as_made_by(1, address, monkeypatch)
    place = address_of(address, "billing")
    done = await asyncio.gather(*[migrate(place, "billing") for _ in range(6)])
    assert {after for _, after in done} == {NEWEST}
    await use(address)


async def test_what_fails_half_way_leaves_the_older_schema(
    address: str, monkeypatch: pytest.MonkeyPatch, connection: Connection, schema: str
) -> None:
    await as_made_by(1, address, monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr(schemas, "migrations", lambda: {**ALL, NEWEST + 1: "CREATE TABLE remit_half (); SELECT 1 / 0"})
        with pytest.raises(Exception, match="division by zero"):
            await migrate(address_of(address, "billing"), "billing")
    assert await connection.fetchval(f"SELECT value FROM {schema}.remit_meta WHERE name = 'version'") == "1"
    assert await migrate(address_of(address, "billing"), "billing") == (1, NEWEST)


async def test_a_role_that_may_not_migrate_uses_what_is_current_and_says_what_is_not(
    address: str, schema: str, server: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await as_made_by(NEWEST - 1 if NEWEST - 1 in ALL else min(ALL), address, monkeypatch)
    await connection.execute(role(schema, f"{schema}_role"))
    theirs = address.replace("postgres@", f"{schema}_role@", 1)
    try:
        with pytest.raises(StoreError, match="run remit migrate") as refused:
            await PostgresStore(theirs, "billing").open()
        assert f"this release needs version {NEWEST}" in str(refused.value)
        await migrate(address_of(address, "billing"), "billing")
        await use(theirs)
    finally:
        await connection.execute(f"DROP OWNED BY {schema}_role; DROP ROLE {schema}_role")


async def test_a_newer_schema_is_refused(address: str, schema: str, connection: Connection) -> None:
    await migrate(address_of(address, "billing"), "billing")
    await connection.execute(f"UPDATE {schema}.remit_meta SET value = '999' WHERE name = 'version'")
    with pytest.raises(StoreError, match="version 999"):
        await migrate(address_of(address, "billing"), "billing")


async def test_names_are_quoted_in_the_sql(server: str, connection: Connection) -> None:
    name = 'it\'s "ours"'
    async with connection.transaction():
        await connection.execute(script(name, name))
    try:
        store = PostgresStore(server, name)
        await store.open()
        await store.close()
        await connection.execute(role(name, name))
        await connection.execute(role(name, name))
        intruder = await asyncpg.connect(server.replace("postgres@", "it's%20%22ours%22@", 1))
        assert await intruder.fetchval('SELECT count(*) FROM "it\'s ""ours""".remit_log') == 0
        await intruder.close()
    finally:
        await connection.execute('DROP SCHEMA "it\'s ""ours""" CASCADE; DROP ROLE "it\'s ""ours"""')
