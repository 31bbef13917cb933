"""A server that is restarted, killed, full or closed to writes: clear errors, nothing lost, and no restart of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from remit.errors import OutcomeUnknown, RemitError, StoreError, StoreUnavailable
from remit.log import Channel
from remit.stores import Change, Entry, Unit
from remit.stores.postgres.store import PostgresStore
from tests.servers.postgres import Server


def new(name: str, key: str = "k") -> Unit:
    entry = Entry(Channel.PRIVATE, key, name, "billing.Settled", 1, 1.0, "{}", b"{}")
    return Unit([Change("Account", name, 0, b"{}")], [entry])


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server that these tests may treat badly."""
    with Server({"max_connections": "20", "superuser_reserved_connections": "3"}) as server:
        yield server


@pytest.fixture
async def store(own: Server, schema_of_own: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(f"{own.url(user='ordinary')}?schema={schema_of_own}", "billing")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def schema_of_own(own: Server, request: pytest.FixtureRequest) -> str:
    async with connected(own) as connection:
        if not await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = 'ordinary'"):
            await connection.execute("CREATE ROLE ordinary LOGIN; GRANT CREATE ON DATABASE postgres TO ordinary")
    return f"test_{abs(hash(request.node.name))}"


@asynccontextmanager
async def connected(server: Server) -> AsyncGenerator[Any]:
    connection = await asyncpg.connect(server.url())
    yield connection
    await connection.close()


async def until_it_works(what: Callable[[], Awaitable[object]]) -> None:
    """Tries again and again, as the runtime does; what does not come back is ended by the test's own time limit."""
    while True:
        try:
            await what()
        except StoreUnavailable:
            await asyncio.sleep(0.02)
        else:
            return


async def until_it_is_not_lost(what: Callable[[], Awaitable[object]]) -> None:
    """Tries until no connection is used any more that has just been ended."""
    while True:
        try:
            await what()
        except StoreUnavailable as error:
            if "lost" not in error.what and "reached" not in error.what:
                raise
            await asyncio.sleep(0.02)
        else:
            return


async def test_a_restart_is_seen_through(own: Server, store: PostgresStore) -> None:
    await store.commit(new("a"))
    await store.load("Account", "a")
    await asyncio.to_thread(own.stop)
    for write in (store.commit(new("b")), store.load("Account", "a"), store.beat("p", 1.0, "{}")):
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await write
    await asyncio.to_thread(own.start)
    # Each connection pauses after a failure, so each of them comes back in its own time.
    for use in (lambda: store.commit(new("b")), lambda: store.load("Account", "a"), lambda: store.beat("p", 1.0, "{}")):
        await until_it_works(use)
    assert await store.load("Account", "a") == (1, b"{}")
    assert [record.id for part in range(16) for record in await store.read(Channel.PRIVATE, part, 0, 9)] == ["a", "b"]


async def test_a_killed_server_loses_nothing_and_doubles_nothing(own: Server, store: PostgresStore) -> None:
    """Every commit that was told as written is there once, every one that was told as not written is not."""
    told: dict[str, str] = {}
    stopped = asyncio.Event()
    hundred = asyncio.Semaphore(0)

    async def write(number: int) -> None:
        turn = 0
        while not stopped.is_set():
            name = f"{number}.{turn}"
            try:
                await store.commit(new(name, key=str(number)))
                told[name] = "written"
                hundred.release()
            except StoreUnavailable:
                told[name] = "not written"
                await asyncio.sleep(0.01)
            except OutcomeUnknown:
                told[name] = "unknown"
            turn += 1

    async def torture() -> None:
        for _ in range(4):
            for _ in range(100):
                await hundred.acquire()
            await asyncio.to_thread(own.kill)
            await asyncio.to_thread(own.start)
        stopped.set()

    await asyncio.gather(torture(), *[write(number) for number in range(16)])
    await until_it_works(lambda: store.commit(new("last")))
    await until_it_works(lambda: store.read(Channel.PRIVATE, 0, 0, 1))  # over another connection
    log = [record for part in range(16) for record in await store.read(Channel.PRIVATE, part, 0, 1_000_000)]
    ids = [record.id for record in log]
    assert len(ids) == len(set(ids)), "nothing is doubled"
    assert {name for name, outcome in told.items() if outcome == "written"} <= set(ids), "nothing is lost"
    assert not {name for name, outcome in told.items() if outcome == "not written"} & set(ids), (
        "nothing is told wrongly"
    )
    assert "unknown" not in told.values(), "the server came back in time to be asked"
    for key in map(str, range(16)):
        turns = [int(record.id.split(".")[1]) for record in log if record.key == key]
        assert turns == sorted(turns), "and each key's messages are in order"


async def test_a_server_closed_to_writes_is_waited_for(own: Server, store: PostgresStore) -> None:
    await store.commit(new("before"))
    async with connected(own) as connection:
        await connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await connection.execute("SELECT pg_reload_conf()")
        # The setting reaches open connections a moment later.
        number = 0
        with pytest.raises(StoreUnavailable, match="takes no writes"):  # noqa: PT012  until it does
            while True:
                number += 1
                await store.commit(new(str(number)))
        assert await store.load("Account", "before") == (1, b"{}"), "it can still be read"
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await connection.execute("SELECT pg_reload_conf()")
    await until_it_works(lambda: store.commit(new("after")))


async def test_what_was_opened_while_a_server_took_no_writes_does_not_stay_so(
    own: Server, store: PostgresStore
) -> None:
    """As after a failover, when the address has led to a standby for a moment: every connection is made anew there."""
    await store.commit(new("before"))
    await store.load("Account", "before")
    async with connected(own) as connection:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute("ALTER ROLE ordinary SET default_transaction_read_only = on")
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'ordinary'"
        await connection.execute(ended)
        try:
            with pytest.raises(StoreUnavailable, match="takes no writes"):
                await until_it_is_not_lost(lambda: store.commit(new("meanwhile")))
            assert await store.load("Account", "before") == (1, b"{}"), "it can still be read"
            with pytest.raises(StoreUnavailable, match="takes no writes"):
                await store.first_begun("web", "k", 1.0)
        finally:
            await connection.execute("ALTER ROLE ordinary RESET default_transaction_read_only")
    await until_it_works(lambda: store.commit(new("after")))
    await until_it_works(lambda: store.first_begun("web", "k", 1.0))
    await until_it_works(lambda: store.beat("p", 1.0, "{}"))


async def test_a_server_without_a_connection_left_is_waited_for(own: Server, store: PostgresStore) -> None:
    async def two_at_once() -> None:
        """The second needs a connection that is not made yet."""
        await asyncio.gather(store.load("Account", "a"), store.load("Account", "b"))

    taken: list[Any] = []
    with pytest.raises(asyncpg.TooManyConnectionsError):  # noqa: PT012  however many that are
        while True:
            taken.append(await asyncpg.connect(own.url(user="ordinary")))
    with pytest.raises(StoreUnavailable, match="no connection left"):
        await two_at_once()
    await store.commit(new("a"))
    for connection in taken:
        await connection.close()
    await until_it_works(two_at_once)


async def test_a_full_disk_is_waited_for(own: Server, store: PostgresStore) -> None:
    """The server says what it says when a disk is full; the disk of the tests is not filled for it."""
    async with connected(own) as connection:
        schema = store._place.schema
        await connection.execute(f"""
            CREATE FUNCTION {schema}.full() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER "full" BEFORE INSERT ON {schema}.remit_log EXECUTE FUNCTION {schema}.full();
        """)
        with pytest.raises(StoreUnavailable, match="disk is full"):
            await store.commit(new("a"))
        assert await store.load("Account", "a") is None
        await connection.execute(f'DROP TRIGGER "full" ON {schema}.remit_log')
    await store.commit(new("a"))


async def test_a_lock_that_is_held_for_long_is_an_error_soon(own: Server, store: PostgresStore) -> None:
    async with connected(own) as connection, connection.transaction():
        await connection.execute(f"LOCK {store._place.schema}.remit_state IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable, match="locked for too long"):
            await store.commit(new("a"))
    await store.commit(new("a"))


async def test_a_schema_that_was_taken_away_is_a_mistake(own: Server, store: PostgresStore) -> None:
    async with connected(own) as connection:
        await connection.execute(f"DROP SCHEMA {store._place.schema} CASCADE")
    for attempt in (store.commit(new("a")), store.load("Account", "a")):
        with pytest.raises(StoreError) as told:
            await attempt
        assert isinstance(told.value, RemitError)
