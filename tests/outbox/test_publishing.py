"""What existing code publishes in its own transaction arrives once and in order, or never: with each library."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from remit import Outbox
from tests.outbox.libraries import LIBRARIES, Changed, Code, async_outbox, settled
from tests.outbox.shop import Closed, Heard, Remind, Shop, heard, make_system

Connection = Any  # asyncpg.Connection takes its parameter in stubs only

LOG = "SELECT key, type, version, headers, payload FROM billing_{}.remit_log ORDER BY part, pos"


async def invoices(connection: Connection, shop: Shop) -> list[int]:
    return [number for (number,) in await connection.fetch(f"SELECT number FROM {shop.table} ORDER BY number")]


@pytest.mark.parametrize("code", LIBRARIES, ids=lambda code: code.__name__)
async def test_what_is_committed_arrives_once_and_in_order(code: Code, shop: Shop, connection: Connection) -> None:
    async with shop.running() as app:
        await code(shop, range(1, 4), False)
        await code(shop, range(4, 7), False)
        assert await heard(app, "ada", 6) == [1, 2, 3, 4, 5, 6]
        assert await app.ask(Heard(student="ada"), fresh=True) == [1, 2, 3, 4, 5, 6]
    assert await invoices(connection, shop) == [1, 2, 3, 4, 5, 6]
    assert await connection.fetchval(f"SELECT count(*) FROM {shop.schema}.remit_staging") == 0


@pytest.mark.parametrize("code", LIBRARIES, ids=lambda code: code.__name__)
async def test_what_is_rolled_back_is_never_sent(code: Code, shop: Shop, connection: Connection) -> None:
    async with shop.running() as app:
        with pytest.raises(Changed):
            await code(shop, range(1, 4), True)
        await code(shop, [9], False)
        assert await heard(app, "ada", 1) == [9]
        assert await app.ask(Heard(student="ada"), fresh=True) == [9]
    assert await invoices(connection, shop) == [9]


async def test_only_what_a_savepoint_keeps_is_sent(shop: Shop, connection: Connection) -> None:
    outbox = async_outbox(shop)
    async with shop.running() as app:
        async with connection.transaction():
            await outbox.publish(connection, settled(1))
            savepoint = connection.transaction()
            await savepoint.start()
            await outbox.publish(connection, settled(2))
            await savepoint.rollback()
            await outbox.publish(connection, settled(3))
        assert await app.ask(Heard(student="ada"), fresh=True) == [1, 3]


async def test_a_command_is_applied_later_and_in_turn(shop: Shop, connection: Connection) -> None:
    outbox = async_outbox(shop)
    async with shop.running() as app:
        async with connection.transaction():
            for number in range(1, 30):
                await outbox.send(connection, Remind(student="ada", number=number), key="ada")
        assert await app.ask(Heard(student="ada"), fresh=True) == [-number for number in range(1, 30)]


async def test_a_message_is_logged_as_others_are(shop: Shop, connection: Connection) -> None:
    """Ordered by the field that its class names, or by the key that is given; with its own identity as the cause."""
    outbox = async_outbox(shop)
    async with shop.running() as app:
        async with connection.transaction():
            await outbox.publish(connection, settled(1))
            await outbox.publish(connection, Closed(student="ada"), key="käse")
            await outbox.send(connection, Remind(student="ada", number=2), key="ada")
        await heard(app, "ada", 2)
    rows = [tuple(row) for row in await connection.fetch(LOG.format(shop.mark))]
    headers = {type: json.loads(text) for _, type, _, text, _ in rows}
    assert {(key, type, version, payload) for key, type, version, _, payload in rows} == {
        ("ada", "billing.Settled", 1, '{"student":"ada","number":1}'),
        ("käse", "billing.Closed", 1, '{"student":"ada"}'),
        ("ada", "mail.Remind", 1, '{"student":"ada","number":2}'),
    }
    assert headers["mail.Remind"]["later"] is True
    assert all(len(each["trace"]) == 32 and each["cause"] == each["trace"] for each in headers.values())


async def test_messages_wait_while_nothing_of_the_system_runs(shop: Shop, connection: Connection) -> None:
    async with shop.running():
        pass
    elsewhere = make_system().outbox("billing", schema=shop.schema)
    async with connection.transaction():
        await elsewhere.publish(connection, settled(1))
    async with shop.running() as app:
        assert await heard(app, "ada", 1) == [1]


async def test_a_fresh_answer_knows_what_was_committed_before_the_question(shop: Shop, connection: Connection) -> None:
    """Also where nobody could ring: the code runs in another process."""
    elsewhere = make_system().outbox("billing", schema=shop.schema)
    async with shop.running() as app:
        for number in range(1, 6):
            async with connection.transaction():
                await elsewhere.publish(connection, settled(number))
            assert await app.ask(Heard(student="ada"), fresh=True) == list(range(1, number + 1))


async def test_a_message_that_nobody_can_read_is_parked_by_who_follows_it(shop: Shop, connection: Connection) -> None:
    """The log takes it: what comes after it, for other keys, is not held up."""
    outbox = async_outbox(shop)
    async with shop.running() as app:
        await connection.execute(
            f"INSERT INTO {shop.schema}.remit_staging (hash, key, id, type, version, at, headers, payload)"
            " VALUES (7, 'broken', 'm1', 'billing.Settled', 1, 0, '{}', 'this is no JSON')"
        )
        async with connection.transaction():
            await outbox.publish(connection, settled(1))
        assert await heard(app, "ada", 1) == [1]
        parked: list[str] = []
        while not parked:
            parked = [key for (key,) in await connection.fetch(f"SELECT key FROM mail_{shop.mark}.remit_parked")]
        assert parked == ["broken"]


async def test_many_writers_and_commits_of_the_context_itself_leave_no_hole(shop: Shop, server: str) -> None:
    """Eight connections publish for four students at once, as fast as they can."""

    async def write(outbox: Outbox, writer: int) -> None:
        connection = await asyncpg.connect(server)
        for number in range(40):
            async with connection.transaction():
                event = settled(writer * 1000 + number).replace(student=f"s{writer % 4}")
                await outbox.publish(connection, event)
        await connection.close()

    async with shop.running() as app:
        outbox = async_outbox(shop)
        await asyncio.gather(*(write(outbox, writer) for writer in range(8)))
        for student in range(4):
            numbers = await app.ask(Heard(student=f"s{student}"), fresh=True)
            for writer in (student, student + 4):
                mine = [number - writer * 1000 for number in numbers if number // 1000 == writer]
                assert mine == list(range(40))
            assert len(numbers) == 80
