"""What others stage is moved to the log once, whole and in order, whatever the order in which transactions end.

Nothing sequences by itself here: the store is only read, and each test moves when it wants to.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from remit.errors import StoreError
from remit.log import Channel
from remit.stores import Entry, Unit, partition_of
from remit.stores.postgres.columns import call_for
from remit.stores.postgres.sequencer import MOST, SEQUENCE, Front
from remit.stores.postgres.store import PostgresStore
from remit.stores.staging import Staged, stage_async
from tests.runtime.talk import until
from tests.stores.postgres.waiting import waits

Connection = Any  # asyncpg.Connection takes its parameter in stubs only

PARTITIONS = 2


@pytest.fixture
async def store(address: str) -> AsyncIterator[PostgresStore]:
    made = PostgresStore(address, "billing", partitions=PARTITIONS)
    await made.open()
    await made.close()
    store = PostgresStore(address, "billing", partitions=PARTITIONS)
    await store.open(read_only=True)
    yield store
    await store.close()


class Code:
    """Existing code with a connection of its own, or a sequencer."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self.connection = connection
        self._schema = schema
        self._transaction: Any = None

    async def begin(self, *, writing: bool = False) -> None:
        """`writing` gives the transaction its number now, before all that begin later."""
        self._transaction = self.connection.transaction()
        await self._transaction.start()
        if writing:
            await self.connection.execute("SELECT pg_current_xact_id()")

    async def publish(self, id: str, key: str = "k", payload: str = "{}") -> None:
        row = Staged(str(partition_of(key, 2**32)), key, id, "billing.Settled", 1, 1.0, "{}", payload)
        await stage_async(self.connection, self._schema, row)

    async def commit(self) -> None:
        await self._transaction.commit()

    async def roll_back(self) -> None:
        await self._transaction.rollback()

    async def move(self, most: int = 500) -> int:
        return int(await self.connection.fetchval("SELECT moved FROM remit_sequence($1, 0)", most))

    async def move_above(self, front: Front) -> int:
        """As the store does it, which remembers where nothing can come any more."""
        (found,) = await self.connection.fetch(SEQUENCE, *front.values())
        front.saw(*found)
        return int(found[0])

    async def append(self, id: str, key: str = "k") -> None:
        """What the context itself commits."""
        entry = Entry(Channel.PUBLISHED, key, id, "billing.Settled", 1, 1.0, "{}", b"{}")
        call = call_for([Unit(entries=[entry])], PARTITIONS)
        await self.connection.fetchrow(call.statement, *call.values)


@pytest.fixture
async def codes(store: PostgresStore, server: str, schema: str) -> AsyncIterator[list[Code]]:
    connections = [await asyncpg.connect(server, server_settings={"search_path": schema}) for _ in range(3)]
    yield [Code(connection, schema) for connection in connections]
    for connection in connections:
        await connection.close()


async def logged(store: PostgresStore) -> list[str]:
    """The identities in the log, partition after partition; fails where the log has a hole or names no predecessor."""
    found: list[str] = []
    for part in range(PARTITIONS):
        before = (0, "")
        for record in await store.read(Channel.PUBLISHED, part, 0, 100_000):
            assert (record.pos, record.prev) == (before[0] + 1, before[1])
            before = (record.pos, record.id)
            found.append(record.id)
    return found


async def test_what_commits_later_is_moved_later(store: PostgresStore, codes: list[Code]) -> None:
    first, second, sequencer = codes
    await first.begin()
    await first.publish("1")
    await second.begin()
    await second.publish("2")
    await second.commit()
    assert await sequencer.move() == 1
    assert await logged(store) == ["2"]
    await first.commit()
    assert await sequencer.move() == 1
    assert await logged(store) == ["2", "1"]
    assert await sequencer.move() == 0


async def test_an_older_transaction_that_stages_later_is_not_left_out(store: PostgresStore, codes: list[Code]) -> None:
    first, second, sequencer = codes
    await first.begin(writing=True)
    await second.begin()
    await second.publish("1")
    await second.commit()
    assert await sequencer.move() == 1
    await first.publish("2")
    await first.commit()
    assert await sequencer.move() == 1
    assert await logged(store) == ["1", "2"]


async def test_an_older_transaction_that_stages_second_comes_second(store: PostgresStore, codes: list[Code]) -> None:
    first, second, sequencer = codes
    await first.begin(writing=True)
    await second.begin()
    await second.publish("1")
    await second.commit()
    await first.publish("2")
    await first.commit()
    assert await sequencer.move() == 2
    assert await logged(store) == ["1", "2"]


async def test_who_waits_for_a_row_of_another_comes_after_it(
    store: PostgresStore, codes: list[Code], server: str, connection: Connection, schema: str
) -> None:
    """Locks of the business rows order what is told of them: the row first, then the message."""
    first, second, sequencer = codes
    await connection.execute(f"CREATE TABLE {schema}.invoice (number int); INSERT INTO {schema}.invoice VALUES (0)")

    async def change(code: Code, id: str) -> None:
        await code.begin()
        await code.connection.execute("UPDATE invoice SET number = number + 1")
        await code.publish(id)

    await change(first, "1")
    changing = asyncio.create_task(change(second, "2"))
    assert await waits(server, changing)
    await first.commit()
    await changing
    await second.commit()
    assert await sequencer.move() == 2
    assert await logged(store) == ["1", "2"]


async def test_what_is_rolled_back_is_never_moved(store: PostgresStore, codes: list[Code]) -> None:
    first, second, sequencer = codes
    await first.begin()
    await first.publish("1")
    await second.begin()
    await second.publish("2")
    await first.roll_back()
    await second.commit()
    assert await sequencer.move() == 1
    assert await logged(store) == ["2"]


async def test_publishing_waits_for_nobody(store: PostgresStore, codes: list[Code]) -> None:
    """Neither for others who publish the same key, nor for a sequencer, nor for a commit of the context."""
    first, second, sequencer = codes
    await first.begin()
    await first.publish("1")
    await first.commit()
    await sequencer.begin()
    await sequencer.move()
    await first.begin()
    await first.publish("2")
    async with asyncio.timeout(10):
        await second.begin()
        await second.publish("3")
        await second.commit()
    await first.commit()
    await sequencer.commit()
    assert await sequencer.move() == 2
    assert await logged(store) == ["1", "2", "3"]


async def test_two_sequencers_take_turns(store: PostgresStore, codes: list[Code], server: str) -> None:
    code, one, other = codes
    await code.begin()
    await code.publish("1")
    await code.publish("2")
    await code.commit()
    await one.begin()
    assert await one.move(most=1) == 1
    moving = asyncio.create_task(other.move(most=1))
    assert await waits(server, moving)
    await one.commit()
    assert await moving == 1, "what was committed before the call is there after it"
    assert await logged(store) == ["1", "2"]


async def test_what_a_sequencer_leaves_undone_another_does(
    store: PostgresStore, codes: list[Code], server: str
) -> None:
    code, one, other = codes
    await code.begin()
    await code.publish("1")
    await code.commit()
    await one.begin()
    assert await one.move() == 1
    moving = asyncio.create_task(other.move())
    assert await waits(server, moving)
    await one.roll_back()
    assert await moving == 1
    assert await logged(store) == ["1"]


async def test_moving_and_the_contexts_own_commits_share_one_order(
    store: PostgresStore, codes: list[Code], server: str
) -> None:
    """Whoever is first in a partition lets the other wait: no position is given twice, and none is seen too early."""
    code, sequencer, own = codes
    await code.begin()
    await code.publish("1")
    await code.commit()
    await own.begin()
    await own.append("2")
    moving = asyncio.create_task(sequencer.move())
    assert await waits(server, moving)
    await own.commit()
    assert await moving == 1
    await sequencer.begin()
    await code.begin()
    await code.publish("3")
    await code.commit()
    assert await sequencer.move() == 1
    appending = asyncio.create_task(own.append("4"))
    assert await waits(server, appending)
    await sequencer.commit()
    await appending
    assert await logged(store) == ["2", "1", "3", "4"]


async def test_positions_go_on_after_the_log_was_trimmed(
    store: PostgresStore, codes: list[Code], connection: Connection, schema: str
) -> None:
    code, sequencer, _ = codes
    part = partition_of("k", PARTITIONS)
    await connection.execute(f"INSERT INTO {schema}.remit_floor VALUES (1, {part}, 41, 'm41', 1.0)")
    await code.begin()
    await code.publish("m42")
    await code.commit()
    await sequencer.move()
    (record,) = await store.read(Channel.PUBLISHED, part, 0, 10)
    assert (record.pos, record.prev) == (42, "m41")


async def test_what_was_deleted_is_not_walked_through_again(store: PostgresStore, codes: list[Code]) -> None:
    """Also while somebody reads an old snapshot, as a dump does."""
    code, reader, sequencer = codes
    old = reader.connection.transaction(isolation="repeatable_read", readonly=True)
    await old.start()
    await reader.connection.fetchval("SELECT count(*) FROM remit_log")
    front = Front()
    for number in range(1, 4):
        await code.begin()
        await code.publish(str(number))
        await code.commit()
        assert await sequencer.move_above(front) == 1
        assert await sequencer.move_above(front) == 0
        assert front.above == number
    await old.rollback()
    assert await logged(store) == ["1", "2", "3"]


async def test_what_may_still_come_is_looked_for_below_what_has_come(store: PostgresStore, codes: list[Code]) -> None:
    """A transaction that began later has drawn a lower number, and commits last of all."""
    first, second, sequencer = codes
    front = Front()
    await second.begin(writing=True)
    await first.begin(writing=True)
    await first.publish("1")
    await second.publish("2")
    await second.commit()
    assert await sequencer.move_above(front) == 1
    for _ in range(3):
        assert await sequencer.move_above(front) == 0
    assert front.above == 0
    await first.commit()
    assert await sequencer.move_above(front) == 1
    assert await logged(store) == ["2", "1"]
    assert await sequencer.move_above(front) == 0
    assert front.above == 2


async def test_a_full_page_says_nothing_of_what_is_behind_it(store: PostgresStore, codes: list[Code]) -> None:
    front = Front()
    front.saw(MOST, 700, 10, 20)
    front.saw(MOST, 1200, 30, 40)
    assert front.above == 0
    front.saw(3, 1203, 50, 60)
    assert front.above == 700


async def test_a_transaction_has_its_number_before_its_first_row_has_one(codes: list[Code]) -> None:
    """The front relies on it: defaults are made in the order of the columns."""
    columns = "hash, key, id, type, version, at, headers, payload"
    insert = f"INSERT INTO remit_staging ({columns}) VALUES (1, '', '', '', 1, 1, '', '')"
    plan = "\n".join(row[0] for row in await codes[0].connection.fetch(f"EXPLAIN (VERBOSE) {insert}"))
    assert 0 < plan.index("pg_current_xact_id()") < plan.index("nextval")


async def test_nothing_is_lost_or_doubled_among_many(store: PostgresStore, codes: list[Code], server: str) -> None:
    """Writers that roll back now and then, two sequencers that break off now and then, and commits beside them."""
    chance = random.Random(4)
    schema = codes[0]._schema
    kept: dict[str, list[str]] = {}
    over = asyncio.Event()

    async def write(code: Code, writer: int) -> None:
        for number in range(60):
            id, key = f"{writer}-{number}", f"k{writer}"
            if writer == 0:
                await code.append(id, key)
                kept.setdefault(key, []).append(id)
                continue
            await code.begin()
            await code.publish(id, key)
            if chance.random() < 0.2:
                await code.roll_back()
            else:
                await code.commit()
                kept.setdefault(key, []).append(id)

    async def sequence(code: Code, front: Front) -> None:
        while not over.is_set():
            await code.begin()
            await code.move(most=chance.randint(1, 20))
            await (code.roll_back() if chance.random() < 0.3 else code.commit())
            await code.move_above(front)

    connections = [await asyncpg.connect(server, server_settings={"search_path": schema}) for _ in range(6)]
    own, *writers = [Code(connection, schema) for connection in connections]
    sequencing = [asyncio.create_task(sequence(code, Front())) for code in codes[:2]]
    await asyncio.gather(*(write(code, number) for number, code in enumerate([own, *writers])))
    over.set()
    await asyncio.gather(*sequencing)
    while await codes[2].move():
        pass
    found = await logged(store)
    by_key = {key: [id for id in found if id.startswith(f"{key[1:]}-")] for key in kept}
    assert by_key == kept
    for connection in connections:
        await connection.close()


async def stage_large(codes: list[Code], megabytes: int) -> list[str]:
    """Messages of a megabyte each, then a small one."""
    ids = [f"{number:03}" for number in range(megabytes)]
    await codes[0].begin()
    for id in ids:
        await codes[0].publish(id, payload="x" * (1 << 20))
    await codes[0].publish("small")
    await codes[0].commit()
    return [*ids, "small"]


async def test_of_large_messages_fewer_are_moved_at_once(store: PostgresStore, codes: list[Code]) -> None:
    """All of them in one statement would be more than a value may hold, and nothing would ever be moved again."""
    ids = await stage_large(codes, 40)
    front, moved = Front(), [0]
    while len(moved) == 1 or moved[-1]:
        moved.append(await codes[1].move_above(front))
        assert front.above == 0 or sum(moved) == len(ids), "what was left is not passed over"
        assert front.more is (sum(moved) < len(ids))
    assert moved == [0, 16, 16, 9, 0]
    assert await logged(store) == ids


async def test_one_message_is_moved_however_large(store: PostgresStore, codes: list[Code]) -> None:
    for id in ("1", "2"):
        await codes[0].begin()
        await codes[0].publish(id, payload="x" * (20 << 20))
        await codes[0].commit()
    assert [await codes[1].move() for _ in range(3)] == [1, 1, 0]
    assert await logged(store) == ["1", "2"]


async def test_a_fresh_answer_waits_for_all_of_them(codes: list[Code], store: PostgresStore, address: str) -> None:
    ids = await stage_large(codes, 20)
    own = PostgresStore(address, "billing", partitions=PARTITIONS)
    await own.open()
    heads = await own.heads(Channel.PUBLISHED)
    await own.close()
    assert sum(pos for pos, _ in heads.values()) == len(ids)


async def test_what_cannot_be_moved_is_told(
    codes: list[Code], store: PostgresStore, address: str, connection: Connection, schema: str
) -> None:
    await connection.execute(f"ALTER TABLE {schema}.remit_log ADD CONSTRAINT strict CHECK (id <> 'odd')")
    await codes[0].begin()
    await codes[0].publish("odd")
    await codes[0].commit()
    own = PostgresStore(address, "billing", partitions=PARTITIONS)
    await own.open()
    try:
        await until(lambda: trouble_of(own) is not None)
        assert "cannot be moved to the log" in str(trouble_of(own))
        await connection.execute(f"ALTER TABLE {schema}.remit_log DROP CONSTRAINT strict")
        await until(lambda: trouble_of(own) is None)
    finally:
        await own.close()
    assert await logged(store) == ["odd"]


def trouble_of(store: PostgresStore) -> StoreError | None:
    """What the housekeeper says of the store."""
    try:
        store.changed_elsewhere()
    except StoreError as error:
        return error
    return None
