"""What a store must do with parked keys and their letters."""

from __future__ import annotations

import asyncio
from math import inf

from remit.errors import Conflict
from remit.log import Checkpoint
from remit.runtime.failures import told
from remit.stores.port import Letter, Park, ParkedKey, Store, Unit
from remit.testing.conformance.stores import (
    SOURCE,
    advance,
    all_letters,
    discard,
    entry,
    park,
    record,
    refused,
    same,
    settle,
    whole_log,
)

__all__ = ["ParkedConformance"]


class ParkedConformance:
    """The promises about parked keys, one test each."""

    async def test_a_failed_message_parks_its_key(self, store: Store) -> None:
        await store.commit(Unit(advance=advance(0, 1), parks=[park(1, at=10.0, error="no such student")]))
        expected = [ParkedKey(SOURCE, "k", 0, 10.0, 10.0, 1, 40.0, "no such student", 1)]
        same(list(await store.parked()), expected, "a parked key says since when, why, and when it is tried again")
        same(await all_letters(store), [Letter(record(1), 10.0)], "the message is kept as it was")

    async def test_whatever_a_handler_raises_can_be_written_down(self, store: Store) -> None:
        for pos, text in enumerate(("nul \0", "caf\udce9", "x" * 1_000_000, "\U0001f600" * 600), 1):
            error = told(ValueError(text))
            await store.commit(Unit(parks=[park(pos, f"k{pos}", error=error)]))
            await store.commit(Unit(settle=settle(pos, f"k{pos}", error=error)))
            (row,) = await store.parked(key=f"k{pos}")
            same((row.error, row.attempts), (error, 2), "the error is stored as it was given")

    async def test_later_messages_wait_behind_it(self, store: Store) -> None:
        await store.commit(Unit(parks=[park(2, at=10.0, error="broken")]))
        await store.commit(Unit(parks=[park(3, at=11.0), park(10, at=12.0), park(9, at=13.0)]))
        expected = [ParkedKey(SOURCE, "k", 0, 10.0, 10.0, 1, 40.0, "broken", 4)]
        same(list(await store.parked()), expected, "a message that waits only adds a letter")
        same([x.record.pos for x in await all_letters(store)], [2, 3, 9, 10], "letters are in order of position")
        lowest = [x.record.pos for x in await store.letters(SOURCE, "k", 2)]
        same(lowest, [2, 3], "at most as many letters as asked for, the lowest ones")

    async def test_a_subscription_is_erased(self, store: Store) -> None:
        other = SOURCE._replace(name="billing-ledger")
        for each in (SOURCE, other):
            moved = advance(0, 1)._replace(subscription=each)
            await store.commit(Unit(advance=moved, parks=[Park(each, "k", record(1), 15.0, "x", 15.0)]))
        await store.erase(SOURCE)
        same(dict(await store.checkpoints(SOURCE)), {}, "its checkpoints are deleted")
        same([row.subscription for row in await store.parked()], [other], "its parked keys are, and no others")
        same(len(await store.letters(SOURCE, "k", 9)), 0, "its letters are")
        same((len(await store.letters(other, "k", 9)), len(await store.checkpoints(other))), (1, 1), "no others are")

    async def test_parked_keys_are_listed_by_subscription(self, store: Store) -> None:
        other = SOURCE._replace(name="billing-ledger")
        late, early = park(1, "late", at=20.0, error="x"), park(2, "early", at=10.0, error="x")
        elsewhere = Park(other, "k", record(1), 15.0, "x", 15.0)
        await store.commit(Unit(parks=[late, early, elsewhere]))
        same([row.key for row in await store.parked()], ["early", "k", "late"], "the longest parked comes first")
        same([row.key for row in await store.parked(other[0])], ["k"], "one subscription can be asked for")

    async def test_a_parked_key_says_its_partition(self, store: Store) -> None:
        await store.commit(Unit(parks=[park(1, "a", part=21, error="x"), park(1, "b", part=0, error="x")]))
        parts = {row.key: row.part for row in await store.parked()}
        same(parts, {"a": 21, "b": 0}, "the partition is the source's, whatever the number of this store's partitions")

    async def test_it_says_who_has_parked_keys(self, store: Store) -> None:
        same(list(await store.parking()), [], "in a new store no subscription has parked keys")
        other = SOURCE._replace(name="billing-ledger")
        elsewhere = [Park(other, key, record(1), 15.0, "x", 15.0) for key in ("a", "b")]
        await store.commit(Unit(parks=[park(1, "k", error="x"), *elsewhere]))
        same(
            [tuple(row) for row in await store.parking()],
            sorted([SOURCE, other]),
            "each subscription is listed once, with its source",
        )

    async def test_a_handled_letter_frees_the_next(self, store: Store) -> None:
        await store.commit(Unit(parks=[park(1, error="broken"), park(2)]))
        await store.commit(Unit(entries=[entry("k", "effect")], settle=settle(1)))
        (parked,) = await store.parked()
        same((parked.letters, parked.retry_at), (1, 0.0), "the letter behind a handled one is due at once")
        same([x.record.pos for x in await all_letters(store)], [2], "a handled letter is deleted")
        same(len(await whole_log(store)), 1, "the rest of the unit is written")
        await store.commit(Unit(settle=settle(2)))
        same(list(await store.parked()), [], "the last handled letter frees its key")
        await store.commit(Unit(advance=advance(0, 3)))

    async def test_only_the_lowest_letter_is_settled(self, store: Store, twin: Store) -> None:
        await store.commit(Unit(parks=[park(1, error="broken"), park(2)]))
        await refused(store.commit(Unit(settle=settle(2))), "letter", "letters are handled in order")
        await store.commit(Unit(settle=settle(1)))
        await refused(twin.commit(Unit(settle=settle(1))), "letter", "a letter is handled once")
        again = settle(1, error="too late")
        await refused(twin.commit(Unit(settle=again)), "letter", "a handled letter cannot fail any more")

    async def test_a_letter_that_fails_again_waits_longer(self, store: Store) -> None:
        await store.commit(Unit(parks=[park(1, at=10.0, error="broken"), park(2)]))
        await store.commit(Unit(settle=settle(1, error="still broken", at=70.0, retry_at=100.0)))
        expected = [ParkedKey(SOURCE, "k", 0, 10.0, 70.0, 2, 100.0, "still broken", 2)]
        same(list(await store.parked()), expected, "a further failure is counted, with its reason and the next time")
        same([x.record.pos for x in await all_letters(store)], [1, 2], "the letter stays")

    async def test_a_discarded_letter_is_gone(self, store: Store) -> None:
        await store.commit(Unit(parks=[park(1, error="broken"), park(2), park(3)]))
        await store.commit(Unit(discard=discard(2)))
        same([x.record.pos for x in await all_letters(store)], [1, 3], "any letter can be discarded")
        await store.commit(Unit(discard=discard(1)))
        (parked,) = await store.parked()
        same((parked.letters, parked.retry_at), (1, 0.0), "the letter behind a discarded one is due at once")
        await store.commit(Unit(settle=settle(3, error="again")))
        (parked,) = await store.parked()
        same(parked.attempts, 2, "failures of another message are not counted")
        for gone in (1, 2, 4):
            await refused(store.commit(Unit(discard=discard(gone))), "letter", "a letter cannot be discarded twice")
        await refused(store.commit(Unit(settle=settle(1))), "letter", "a discarded letter is not handled")
        await store.commit(Unit(settle=settle(3)))
        same(list(await store.parked()), [], "tombstones keep no key parked")

    async def test_discarding_the_last_letter_frees_the_key(self, store: Store) -> None:
        await store.commit(Unit(advance=advance(0, 1), parks=[park(1, error="broken")]))
        await store.commit(Unit(discard=discard(1)))
        same(list(await store.parked()), [], "a key without letters is not parked")
        await store.commit(Unit(advance=advance(1, 2), parks=[park(2, at=50.0, error="again")]))
        (parked,) = await store.parked()
        same((parked.since, parked.attempts, parked.letters), (50.0, 1, 1), "a key parked anew starts anew")

    async def test_keys_can_be_made_due(self, store: Store) -> None:
        await store.commit(Unit(parks=[park(1, "a", error="x"), park(2, "b", error="x")]))
        await store.commit(Unit(parks=[Park(SOURCE._replace(name="other"), "a", record(1, "a"), 10.0, "x", 40.0)]))
        same(await store.retry(SOURCE.name, "a", 20.0), 1, "one key is made due")
        due = {(row.subscription.name, row.key): row.retry_at for row in await store.parked()}
        expected = {(SOURCE.name, "a"): 20.0, (SOURCE.name, "b"): 40.0, ("other", "a"): 40.0}
        same(due, expected, "other keys and other subscriptions stay as they are")
        same(await store.retry(SOURCE.name, None, 21.0), 2, "all keys of a subscription are made due")
        same(await store.retry(SOURCE.name, "c", 22.0), 0, "a key that is not parked is not made due")

    async def test_a_letter_is_added_to_a_parked_key_only(self, store: Store) -> None:
        await store.commit(Unit(advance=advance(0, 1), parks=[park(1, "a", error="broken")]))
        for parks in ([park(2, "b")], [park(2, "a"), park(3, "b")]):
            await refused(
                store.commit(Unit(advance=advance(1, 3), parks=parks)), "parked", "only parked keys have letters"
            )
        same((await store.checkpoints(SOURCE))[0], Checkpoint(1, "m1", 5.0), "a refused unit moves no checkpoint")
        same(await all_letters(store, "b"), [], "a refused unit adds no letter")
        await store.commit(
            Unit(advance=advance(1, 3), parks=[park(3, "b"), park(2, "a"), park(2, "b", error="broken")])
        )
        found = {row.key: (row.letters, row.error) for row in await store.parked()}
        same(found, {"a": (2, "broken"), "b": (2, "broken")}, "a key may be parked by the same unit, in whatever order")

    async def test_a_key_that_is_parked_already_keeps_what_is_said_of_it(self, store: Store) -> None:
        await store.commit(Unit(parks=[park(1, at=10.0, error="broken")]))
        await store.commit(Unit(settle=settle(1, error="again", at=20.0, retry_at=60.0)))
        await store.commit(Unit(parks=[park(2, at=30.0, error="another")]))
        expected = [ParkedKey(SOURCE, "k", 0, 10.0, 20.0, 2, 60.0, "again", 2)]
        same(list(await store.parked()), expected, "a message that failed behind a parked key adds a letter")

    async def test_a_message_is_one_letter_however_often_it_is_put_aside(self, store: Store) -> None:
        await store.commit(Unit(parks=[park(1, error="broken"), park(2)]))
        await store.commit(Unit(parks=[park(2, at=20.0), park(1, at=20.0)]))
        same([x.record.pos for x in await all_letters(store)], [1, 2], "a message with a letter gets no second one")
        same([row.letters for row in await store.parked()], [2], "a letter is not counted twice")
        await store.commit(Unit(discard=discard(1)))
        await store.commit(Unit(parks=[park(1, at=20.0)]))
        same([x.record for x in await all_letters(store)], [record(1), record(2)], "a discarded message can wait again")

    async def test_a_unit_looks_at_letters_before_it_parks(self, store: Store) -> None:
        await store.commit(Unit(parks=[park(2, at=10.0, error="broken")]))
        await refused(
            store.commit(Unit(settle=settle(2), parks=[park(3)])), "parked", "a key that the unit frees takes no letter"
        )
        await refused(
            store.commit(Unit(discard=discard(2), parks=[park(3)])),
            "parked",
            "a key freed by a discarded letter takes no letter",
        )
        for unit in (Unit(settle=settle(1), parks=[park(1)]), Unit(discard=discard(1), parks=[park(1)])):
            await refused(store.commit(unit), "letter", "a message that the unit parks is not yet a letter")
        same([x.record.pos for x in await all_letters(store)], [2], "a refused unit changes no letter")
        await store.commit(Unit(settle=settle(2), parks=[park(1, at=50.0, error="anew")]))
        expected = [ParkedKey(SOURCE, "k", 0, 50.0, 50.0, 1, 80.0, "anew", 1)]
        same(list(await store.parked()), expected, "a unit settles before it parks")

    async def test_a_key_is_not_freed_while_a_letter_is_added(self, store: Store, twin: Store) -> None:
        pos = 0
        for _ in range(30):
            first, later, pos = pos + 1, pos + 2, pos + 2
            await store.commit(Unit(parks=[park(first, error="broken")]))
            freed, added = await asyncio.gather(
                store.commit(Unit(settle=settle(first))),
                twin.commit(Unit(parks=[park(later)])),
                return_exceptions=True,
            )
            same(freed, None, "the lowest letter can be settled at any time")
            left = [letter.record.pos for letter in await all_letters(store)]
            keys = [(row.key, row.letters) for row in await store.parked()]
            if isinstance(added, Conflict):
                same([*left, *keys], [], "a letter that was refused is nowhere")
            else:
                same((left, keys), ([later], [("k", 1)]), "a letter that was added keeps its key parked")
                await store.commit(Unit(settle=settle(later)))

    async def test_parked_keys_are_found_among_others(self, store: Store, twin: Store) -> None:
        async def among(part: int, *keys: str) -> object:
            found = await twin.parked_among(SOURCE, part, keys)
            return None if found is None else sorted(found)

        same(await among(0, "a"), None, "None if no key of the partition is parked")
        odd = 'quoted "ü" 🎓'
        parks = [park(1, "a", error="x"), park(2, odd, error="x"), park(3, "c", part=1, error="x")]
        elsewhere = Park(SOURCE._replace(name="other"), "d", record(1, "d"), 10.0, "x", 40.0)
        await store.commit(Unit(parks=[*parks, elsewhere]))
        same(
            await among(0, "a", "b", odd, "c", "d"),
            sorted(["a", odd]),
            "only keys of this partition and subscription are found",
        )
        same(await among(0, "b"), [], "empty if only other keys of the partition are parked")
        same(await among(2, "a"), None, "None for a partition without parked keys")
        await store.commit(Unit(settle=settle(1, "a")))
        await store.commit(Unit(discard=discard(2, odd)))
        same(await among(0, "a", odd), None, "a freed key is not parked")

    async def test_keys_to_be_tried_are_found_by_time(self, store: Store) -> None:
        async def due(at: float, tried_after: float = inf, limit: int = 10) -> list[tuple[str, int]]:
            found = await store.due(SOURCE, at=at, tried_after=tried_after, limit=limit)
            return [(row.key, row.letters) for row in found]

        parks = [
            park(n, key, at=at, error="x") for n, (key, at) in enumerate([("c", 30.0), ("a", 10.0), ("b", 20.0)], 1)
        ]
        elsewhere = Park(SOURCE._replace(name="other"), "d", record(1, "d"), 10.0, "x", 0.0)
        await store.commit(Unit(parks=[*parks, park(4, "a"), elsewhere]))
        same(await due(39.0), [], "no key is due before its time")
        same(await due(50.0), [("a", 2), ("b", 1)], "the earliest due key comes first")
        same(await due(50.0, limit=1), [("a", 2)], "at most `limit` keys are returned")
        same(await due(inf), [("a", 2), ("b", 1), ("c", 1)], "all keys are due at some time")
        same(
            await due(45.0, tried_after=25.0),
            [("a", 2), ("c", 1)],
            "keys that failed after `tried_after` are returned too",
        )
        await store.commit(Unit(settle=settle(3, "b", error="again", at=60.0, retry_at=70.0)))
        same(await due(0.0, tried_after=59.0), [("b", 1)], "a further failure counts as a try")
        same(await store.count_parked(SOURCE), 3, "all parked keys of the subscription are counted")
        same(await store.count_parked(SOURCE._replace(name="nobody")), 0, "another subscription has none")

    async def test_parked_keys_are_listed_by_key_and_not_all(self, store: Store) -> None:
        await store.commit(Unit(parks=[park(n, f"k{n}", at=float(n), error="x") for n in range(1, 6)]))
        same(
            [row.key for row in await store.parked(limit=2)], ["k1", "k2"], "at most `limit` keys, longest parked first"
        )
        same([row.key for row in await store.parked(key="k4")], ["k4"], "one key can be asked for")
        same(
            [row.key for row in await store.parked("other", key="k4")], [], "a key of another subscription is not found"
        )

    async def test_however_many_keys_can_be_made_due(self, store: Store) -> None:
        keys = [f"k{number}" for number in range(2345)]
        await store.commit(Unit(parks=[park(n, key, error="x") for n, key in enumerate(keys, 1)]))
        same(await store.retry(SOURCE.name, None, 7.0), len(keys), "all keys are made due")
        due = await store.due(SOURCE, at=7.0, tried_after=inf, limit=3000)
        same(sorted(row.key for row in due), sorted(keys), "all due keys are found")
