"""What one unit holds, or one caller looks for, fails nobody else: whatever PostgreSQL or the driver says of it."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from typing import Any, cast

import asyncpg
import pytest

from remit.errors import StoreError, StoreUnavailable, Unstorable
from remit.log import Channel
from remit.runtime.failures import is_transient
from remit.stores import Change, Entry, Unit
from remit.stores.postgres.store import PostgresStore
from tests.stores.postgres.wire import wire_to

Connection = Any  # asyncpg.Connection takes its parameter in stubs only

# Raises what the identity of a new state names.
_TRIGGER = """
    CREATE FUNCTION {schema}.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'it is said of a value' USING ERRCODE = substr(NEW.id, 8), DETAIL = NEW.id;
    END $$;
    CREATE TRIGGER spoil BEFORE INSERT ON {schema}.remit_state FOR EACH ROW WHEN (NEW.id LIKE 'spoilt %')
    EXECUTE FUNCTION {schema}.spoil()
"""

OF_VALUES = {"0A", "21", "22", "23", "44", "54", "P0"}
"""Classes of what values can cause: their unit is refused for good."""
OF_ALL = {"08", "25", "26", "28", "3D", "3F", "55", "57", "53100", "53300", "42P01", "42703", "42883"}
"""Classes and states of what the server cannot do for anybody just now, or where the schema is not what it was."""
NEVER_RAISED = {"00", "01", "02"}
"""Success and warnings."""


def sqlstates() -> list[str]:
    """All that PostgreSQL has."""
    known = vars(asyncpg.exceptions).values()
    errors = [each for each in known if isinstance(each, type) and issubclass(each, asyncpg.PostgresError)]
    states = {str(each.sqlstate) for each in errors if each.sqlstate}
    return sorted(state for state in states if state[:2] not in NEVER_RAISED)


def new(name: str) -> Unit:
    return Unit(
        [Change("Account", name, 0, b"{}")], [Entry(Channel.PRIVATE, "k", name, "billing.Settled", 1, 1.0, "{}", b"{}")]
    )


@pytest.fixture
async def billing(address: str) -> AsyncIterator[PostgresStore]:
    billing = PostgresStore(address, "billing")
    await billing.open()
    yield billing
    await billing.close()


async def together(store: PostgresStore, units: list[Unit]) -> list[object]:
    """What each ends with when all are committed at once."""
    return list(await asyncio.gather(*map(store.commit, units), return_exceptions=True))


async def test_whatever_a_value_makes_the_server_say_its_neighbours_are_written(
    billing: PostgresStore, connection: Connection, schema: str
) -> None:
    """Every SQLSTATE there is. Those of the server's own state fail the group, which is tried again as a whole."""
    await connection.execute(_TRIGGER.format(schema=schema))
    for state in sqlstates():
        before, mine, after = await together(billing, [new(f"a {state}"), new(f"spoilt {state}"), new(f"b {state}")])
        of_all = state in OF_ALL or state[:2] in OF_ALL
        assert (before is None, after is None) == (not of_all, not of_all), state
        assert isinstance(mine, (StoreError, StoreUnavailable, Unstorable)), state
        assert isinstance(mine, Unstorable) is (state[:2] in OF_VALUES), state
        assert is_transient(mine) is isinstance(mine, StoreUnavailable)
        assert f"a {state}" not in str(mine), "what others hold is nobody's affair"


SPOILT = {
    "NUL": Change("Account", "a\0b", 0, b"{}"),
    "NUL in a body": Change("Account", "x", 0, b'{"a":"\0"}'),
    "half of a surrogate pair": Change("Account", "a\ud800b", 0, b"{}"),
    "bytes that are no text": Change("Account", "x", 0, b"\xff"),
    "too long for an index": Change("Account", "".join(map(chr, range(0x4E00, 0x4E00 + 6000))), 0, b"{}"),
    "a number that is too large": Change("Account", "x", 1 << 63, b"{}"),
    "a number that is far too large": Change("Account", "x", 1 << 200, b"{}"),
    "a body that is none": Change("Account", "x", 0, cast("bytes", None)),
    "a body of another type": Change("Account", "x", 0, cast("bytes", 5)),
    "a kind that cannot be compared": Change(cast("str", ["Account"]), "x", 0, b"{}"),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
async def test_a_value_that_nothing_takes_fails_its_own_unit(billing: PostgresStore, spoilt: Change) -> None:
    for turn in range(2):
        names = [f"{turn} {number}" for number in range(20)]
        units = [new(name) for name in names]
        outcomes = await together(billing, [*units[:13], Unit([spoilt]), *units[13:]])
        mine = outcomes.pop(13)
        assert isinstance(mine, Unstorable)
        assert outcomes == [None] * 20
        assert not [name for name in names if f"{name}\x1f" in str(mine)]
        assert mine.__context__ is None, "that would tell of the values of all"


@pytest.mark.parametrize(
    "entry", [("key", 5), ("key", "\ud800"), ("version", 1 << 40), ("at", "soon"), ("headers", "\0")]
)
async def test_so_does_a_message(billing: PostgresStore, entry: tuple[str, Any]) -> None:
    (good,) = new("x").entries
    outcomes = await together(billing, [new("a"), Unit(entries=[good._replace(**dict([entry]))]), new("b")])
    assert [type(outcome) for outcome in outcomes] == [type(None), Unstorable, type(None)]


async def test_so_does_a_character_that_the_database_has_not(server: str, connection: Connection, schema: str) -> None:
    """In a database with another encoding than UTF-8: 22P05."""
    await connection.execute(f"CREATE DATABASE {schema} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    store = PostgresStore(server.rpartition("/")[0] + f"/{schema}", "billing")
    try:
        await store.open()
        outcomes = await together(store, [new("ä"), new("€"), new("ö")])
        assert [type(outcome) for outcome in outcomes] == [type(None), Unstorable, type(None)]
        found = await asyncio.gather(*[store.load("Account", id) for id in "ä€ö"], return_exceptions=True)
        assert [found[0], found[2]] == [(1, b"{}")] * 2
        assert isinstance(found[1], Unstorable)
    finally:
        await store.close()
        await connection.execute(f"DROP DATABASE {schema} WITH (FORCE)")


async def test_who_looks_for_what_nothing_can_have_fails_alone(billing: PostgresStore) -> None:
    ids = [f"student-{number}" for number in range(100)]
    await together(billing, [new(id) for id in ids])
    asked = [*ids[:50], "a\0b", *ids[50:], "a\ud800b"]
    found = await asyncio.gather(*[billing.load("Account", id) for id in asked], return_exceptions=True)
    refused = [found.pop(50), found.pop()]
    assert found == [(1, b"{}")] * 100
    for error in refused:
        assert isinstance(error, Unstorable)
        assert "student" not in f"{error}{error.__cause__}{error.__context__}"


async def test_each_of_those_who_ask_in_vain_has_an_error_of_its_own(address: str) -> None:
    """One that several tasks raise would gather the tracebacks of all of them."""
    async with wire_to(address) as wire:
        store = PostgresStore(wire.address, "billing")
        await store.open()
        await wire.close()
        found = await asyncio.gather(*[store.load("Account", str(n)) for n in range(50)], return_exceptions=True)
        assert {type(error) for error in found} == {StoreUnavailable}
        assert len({id(error) for error in found}) == 50
        depths = {len(traceback.extract_tb(error.__traceback__)) for error in found if isinstance(error, Exception)}
        assert len(depths) == 1
        await store.close()
