"""What a store must do about deleting the beginning of its log, and about progress reports."""

from __future__ import annotations

from remit.log import Channel, Checkpoint, MessageRecord, Subscriber
from remit.stores.port import Change, Store, Unit, partition_of
from remit.testing.conformance.stores import SOURCE, advance, entry, refused, same

__all__ = ["RetentionConformance"]

FAR = 1_000_000
"""A position that no log here reaches."""


class RetentionConformance:
    """The promises about deleting messages, floors and subscribers, one test each."""

    async def test_the_first_messages_can_be_deleted(self, store: Store, twin: Store) -> None:
        part = await written(store, 5)
        same(dict(await store.floors(Channel.PRIVATE)), {}, "without deleted messages there is no floor")
        same(
            await store.trim(Channel.PRIVATE, part, upto=3, before=9.0, limit=1000),
            3,
            "the number of deleted messages is returned",
        )
        same(
            ids(await twin.read(Channel.PRIVATE, part, 0, 10)),
            ["m4", "m5"],
            "messages up to the position are deleted, for all processes",
        )
        same(
            dict(await twin.floors(Channel.PRIVATE)),
            {part: Checkpoint(3, "m3", 3.0)},
            "the floor is the last deleted message",
        )
        (first, *_) = await store.read(Channel.PRIVATE, part, 0, 10)
        same((first.pos, first.prev), (4, "m3"), "the remaining messages are unchanged")
        same(dict(await store.heads(Channel.PRIVATE)), {part: (5, 5.0)}, "the head does not move")
        same(ids(await store.read(Channel.PRIVATE, part, 4, 10)), ["m5"], "reading continues after the floor")

    async def test_young_messages_stay(self, store: Store) -> None:
        part = partition_of("k", store.partitions)
        ages = [1.0, 7.0, 2.0, 3.0]  # the second clock was wrong
        await store.commit(Unit(entries=[entry("k", f"m{pos}", at=at) for pos, at in enumerate(ages, 1)]))
        same(
            await store.trim(Channel.PRIVATE, part, upto=FAR, before=1.0, limit=1000),
            0,
            "a message of exactly that time stays",
        )
        same(
            await store.trim(Channel.PRIVATE, part, upto=FAR, before=5.0, limit=1000),
            1,
            "a message behind a recent one stays",
        )
        same(
            ids(await store.read(Channel.PRIVATE, part, 0, 10)),
            ["m2", "m3", "m4"],
            "the log has no gap",
        )

    async def test_the_log_is_deleted_in_small_pieces(self, store: Store) -> None:
        part = await written(store, 5)
        gone = [await store.trim(Channel.PRIVATE, part, upto=FAR, before=9.0, limit=2) for _ in range(4)]
        same(gone, [2, 2, 1, 0], "at most as many messages as the limit says")
        same(
            dict(await store.floors(Channel.PRIVATE)),
            {part: Checkpoint(5, "m5", 5.0)},
            "the floor moves with each chunk",
        )

    async def test_other_partitions_and_channels_stay(self, store: Store) -> None:
        part = await written(store, 2)
        await store.commit(Unit(entries=[entry("k", "p1", Channel.PUBLISHED)]))
        for other in range(store.partitions):
            if other != part:
                same(
                    await store.trim(Channel.PRIVATE, other, upto=FAR, before=9.0, limit=9),
                    0,
                    "an empty partition has nothing to delete",
                )
        same(
            await store.trim(Channel.PRIVATE, part, upto=FAR, before=9.0, limit=9),
            2,
            "the messages of the partition are deleted",
        )
        same(dict(await store.floors(Channel.PUBLISHED)), {}, "the other channel has no floor")
        same(ids(await store.read(Channel.PUBLISHED, part, 0, 9)), ["p1"], "the other channel keeps its messages")

    async def test_positions_go_on_after_everything_was_deleted(self, store: Store, twin: Store) -> None:
        part = await written(store, 2)
        await twin.trim(Channel.PRIVATE, part, upto=FAR, before=9.0, limit=9)
        same(dict(await store.heads(Channel.PRIVATE)), {part: (2, 2.0)}, "the head stays at the last deleted message")
        await store.commit(Unit(entries=[entry("k", "m3")]))
        changes = [Change("Account", "a1", 0, b"{}"), Change("Account", "a2", 0, b"{}")]
        await twin.commit(Unit(changes, [entry("k", "m4")]))
        found = [(message.pos, message.prev) for message in await store.read(Channel.PRIVATE, part, 0, 9)]
        same(found, [(3, "m2"), (4, "m3")], "the next message follows the deleted one")
        await store.close()
        await store.open()
        same(
            dict(await store.heads(Channel.PRIVATE)),
            {part: (4, 1.0)},
            "heads are the same after the store is opened again",
        )

    async def test_deleted_messages_are_put_back(self, store: Store, twin: Store) -> None:
        part = await written(store, 5)
        before = await store.read(Channel.PRIVATE, part, 0, 10)
        await store.trim(Channel.PRIVATE, part, upto=5, before=9.0, limit=10)
        stands = Checkpoint(2, "m2", 2.0)
        same(await store.put_back(Channel.PRIVATE, before[2:4], stands), False, "they are not the last ones")
        strange = [before[3], before[4]._replace(id="x")]
        same(await store.put_back(Channel.PRIVATE, strange, stands), False, "the last one is another message")
        same(await store.read(Channel.PRIVATE, part, 0, 10), [], "then nothing is written")
        same(await store.put_back(Channel.PRIVATE, before[2:], stands), True, "the last ones are put back")
        same(await twin.read(Channel.PRIVATE, part, 0, 10), before[2:], "they are what they were")
        same(dict(await twin.floors(Channel.PRIVATE)), {part: stands}, "the floor is the message before them")
        await twin.put_back(Channel.PRIVATE, before[:2], None)
        same(await store.read(Channel.PRIVATE, part, 0, 10), before, "all are there again")
        same(dict(await store.floors(Channel.PRIVATE)), {}, "nothing is deleted any more")
        same(await store.put_back(Channel.PRIVATE, before[:2], None), False, "there is nothing to put back")
        await store.commit(Unit(entries=[entry("k", "m6")]))
        (last,) = await twin.read(Channel.PRIVATE, part, 5, 10)
        same((last.pos, last.prev), (6, "m5"), "the next message follows the last one")

    async def test_subscribers_report_where_they_are(self, store: Store, twin: Store) -> None:
        await store.report("mail.desk", Channel.PUBLISHED, {0: 3, 15: 1}, 10.0)
        await twin.report("billing.totals", Channel.PRIVATE, {}, 11.0)
        await twin.report("mail.desk", Channel.PUBLISHED, {0: 2}, 12.0)
        await store.report("mail.desk", Channel.PRIVATE, {1: 7}, 13.0)
        expected = [
            Subscriber("billing.totals", Channel.PRIVATE, {}, 11.0),
            Subscriber("mail.desk", Channel.PRIVATE, {1: 7}, 13.0),
            Subscriber("mail.desk", Channel.PUBLISHED, {0: 2}, 12.0),
        ]
        same(list(await store.subscribers()), expected, "the latest report of each counts, also when it went back")
        same(await twin.forget("mail.desk"), 2, "forgetting removes the reports of all channels")
        same([row.name for row in await store.subscribers()], ["billing.totals"], "other subscribers stay")
        same(await store.forget("mail.desk"), 0, "forgetting again removes nothing")

    async def test_a_person_puts_checkpoints_where_they_belong(self, store: Store, twin: Store) -> None:
        for pos in range(1, 6):
            await store.commit(Unit(advance=advance(pos - 1, pos)))
        await store.commit(Unit(advance=advance(0, 1, part=1)))
        await twin.place(SOURCE, {0: Checkpoint(2, "x2", 7.0), 3: Checkpoint(9, "x9", 7.0)})
        expected = {0: Checkpoint(2, "x2", 7.0), 1: Checkpoint(1, "m1", 5.0), 3: Checkpoint(9, "x9", 7.0)}
        same(dict(await store.checkpoints(SOURCE)), expected, "only the given checkpoints move, backwards or forwards")
        await refused(store.commit(Unit(advance=advance(5, 6))), "checkpoint", "a move from the old place conflicts")
        move = advance(2, 3)._replace(before_id="x2")
        await store.commit(Unit(advance=move))
        same(
            (await twin.checkpoints(SOURCE))[0], Checkpoint(3, "m3", 5.0), "the checkpoint moves on from its new place"
        )


async def written(store: Store, count: int) -> int:
    """Writes messages of one key, message n at the time n. Returns their partition."""
    await store.commit(Unit(entries=[entry("k", f"m{pos}", at=float(pos)) for pos in range(1, count + 1)]))
    return partition_of("k", store.partitions)


def ids(records: list[MessageRecord]) -> list[str]:
    """The identities of messages."""
    return [record.id for record in records]
