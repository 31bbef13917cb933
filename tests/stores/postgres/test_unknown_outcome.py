"""A commit whose connection is lost: what became of it is found out, and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from remit.errors import OutcomeUnknown, StoreUnavailable
from remit.log import Channel, MessageRecord, SubscriptionId
from remit.stores import Change, Entry, KeyClaim, Park, Unit
from remit.stores.postgres.store import PostgresStore
from tests.stores.postgres.waiting import waits
from tests.stores.postgres.wire import Wire, wire_to


def new(name: str) -> Unit:
    entry = Entry(Channel.PRIVATE, "k", name, "billing.Settled", 1, 1.0, "{}", b"{}")
    return Unit([Change("Account", name, 0, b"{}")], [entry])


def claimed(name: str) -> Unit:
    return Unit([Change("Account", name, 0, b"{}")], claim=KeyClaim("web", name, b"f", b"{}", 1.0))


def parked(name: str) -> Unit:
    record = MessageRecord(0, 1, name, "", "k", "billing.Settled", 1, 1.0, "{}", b"{}")
    return Unit(
        [Change("Account", name, 0, b"{}")],
        parks=[Park(SubscriptionId("s", "billing", Channel.PUBLISHED), "k", record, 1.0, "broken", 2.0)],
    )


@pytest.fixture
async def wire(address: str) -> AsyncIterator[Wire]:
    async with wire_to(address) as wire:
        yield wire


@pytest.fixture
async def store(wire: Wire) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(wire.address, "billing")
    await store.open()
    await store.commit(new("first"))
    yield store
    await store.close()


@pytest.mark.parametrize("make", [new, claimed])
async def test_a_lost_answer_to_what_was_written_is_no_loss(
    store: PostgresStore, wire: Wire, make: Callable[[str], Unit]
) -> None:
    wire.cut_at("answer", "Account")
    assert await asyncio.gather(*[store.commit(make(name)) for name in "abc"]) == [None] * 3
    assert wire.cuts == 1
    for name in "abc":
        assert await store.load("Account", name) == (1, b"{}")


@pytest.mark.parametrize("make", [new, claimed])
async def test_a_lost_question_has_written_nothing(
    store: PostgresStore, wire: Wire, make: Callable[[str], Unit]
) -> None:
    wire.cut_at("question", "Account")
    outcomes = await asyncio.gather(*[store.commit(make(name)) for name in "abc"], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3, "each caller has an error, and a traceback, of its own"
    await asyncio.gather(*[store.commit(make(name)) for name in "abc"])


async def test_what_leaves_no_trace_of_its_own_stays_unknown(store: PostgresStore, wire: Wire) -> None:
    wire.cut_at("answer", "Account")
    with pytest.raises(OutcomeUnknown):
        await store.commit(Unit([Change("Account", "a", 0, b"{}")]))


async def test_a_commit_by_itself_is_asked_for_by_its_number(store: PostgresStore, wire: Wire) -> None:
    wire.cut_at("answer", "COMMIT\0")
    await store.commit(parked("a"))
    assert wire.cuts == 1
    assert len(await store.parked()) == 1
    wire.cut_at("question", "COMMIT\0")
    with pytest.raises(StoreUnavailable):
        await store.commit(parked("b"))
    assert await store.load("Account", "b") is None


async def test_what_still_waits_for_a_lock_is_ended_first(
    store: PostgresStore, wire: Wire, server: str, connection: asyncpg.Connection[asyncpg.Record], schema: str
) -> None:
    """It would be written later, after its caller was told that it was not."""
    async with connection.transaction():
        await connection.execute(f"LOCK {schema}.remit_state IN ACCESS EXCLUSIVE MODE")
        commit = asyncio.create_task(store.commit(new("a")))
        assert await waits(server, commit)
        wire.cut_all()
        with pytest.raises(StoreUnavailable):
            await commit
    assert await store.load("Account", "a") is None
    await store.commit(new("a"))
