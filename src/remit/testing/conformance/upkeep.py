"""The rest of what every store must do: write nothing when it is opened read-only, and delete what is old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from remit.errors import StoreError, TooLarge, Unstorable
from remit.log import Channel, Checkpoint, MessageRecord
from remit.runtime.ports import SystemClock
from remit.runtime.store_time import StoreTime
from remit.runtime.upkeep.pruning import prune, trim
from remit.stores.port import Change, KeyClaim, Store, StoredOutcome, Unit
from remit.stores.size import LARGEST_UNIT
from remit.testing.conformance.notes import NotesConformance
from remit.testing.conformance.parked import ParkedConformance
from remit.testing.conformance.retention import RetentionConformance
from remit.testing.conformance.rows import RowsConformance
from remit.testing.conformance.states import StatesConformance
from remit.testing.conformance.stores import SOURCE, UnitConformance, all_letters, discard, entry, park, same, whole_log
from remit.testing.conformance.streams import StreamsConformance

__all__ = ["StoreConformance"]

NOW = 1_700_000_000.0
_RECORD = MessageRecord(0, 1, "m1", "", "k", "shop.Sold", 1, 1.0, "{}", b"{}")
MONTH = 31 * 86_400.0


class _Clock(SystemClock):
    """A clock that stands still."""

    def __init__(self, at: float) -> None:
        self.seconds = lambda: at


AWKWARD = {
    "NUL": "a\0b",
    "half of a surrogate pair": "a\ud800b",
    "too long for an index": "".join(map(chr, range(0x4E00, 0x4E00 + 6000))),
}
"""Texts that a store may refuse."""


class StoreConformance(
    UnitConformance,
    StatesConformance,
    StreamsConformance,
    RowsConformance,
    ParkedConformance,
    NotesConformance,
    RetentionConformance,
):
    """The promises of a store, one test each. Subclass it, with the two fixtures `store` and `twin`."""

    async def test_it_can_do_what_its_technology_says(self, store: Store, twin: Store) -> None:
        said = store.technology
        same(twin.technology, said, "all open stores have the same technology")
        same(hasattr(store, "begin"), said.sql, "it runs SQL statements if its technology says `sql`")
        await store.commit(Unit([Change("Account", "a1", 0, b"{}")]))
        if said.shared_between_processes:
            same(twin is not store, True, "a shared store can be opened twice")
            same(await twin.load("Account", "a1"), (1, b"{}"), "one process reads what the other has written")
        if said.durable:
            same(twin is not store, True, "a durable store can be opened again")
            await asyncio.gather(store.close(), twin.close())
            await twin.open()
            same(await twin.load("Account", "a1"), (1, b"{}"), "rows survive the store that wrote them")

    async def test_a_store_opened_to_be_read_is_not_written(self, store: Store) -> None:
        await store.beat("p1", 1.0, "{}")
        await store.commit(
            Unit([Change("Account", "a1", 0, b"{}")], [entry("k", "m1")], KeyClaim("", "c", b"f", b"{}", 1.0))
        )
        await store.close()
        await store.open(read_only=True)
        same(await store.load("Account", "a1"), (1, b"{}"), "state can be read")
        same(len(await whole_log(store)), 1, "the log can be read")
        writes: dict[str, Callable[[], Awaitable[object]]] = {
            "commit": lambda: store.commit(Unit([Change("Account", "a2", 0, b"{}")])),
            "retry": lambda: store.retry(SOURCE.name, None, 1.0),
            "beat": lambda: store.beat("p2", 1.0, "{}"),
            "lease": lambda: store.lease("p2", ["a"], now=1.0, until=9.0),
            "keep": lambda: store.keep("", "c", 9.0),
            "prune": lambda: store.prune(beats=9.0, outcomes=9.0, tombstones=9.0, limit=1000),
            "trim": lambda: store.trim(Channel.PRIVATE, 0, upto=9, before=9.0, limit=1000),
            "put_back": lambda: store.put_back(Channel.PRIVATE, [_RECORD], None),
            "report": lambda: store.report("mail.desk", Channel.PRIVATE, {}, 1.0),
            "forget": lambda: store.forget("mail.desk"),
            "erase": lambda: store.erase(SOURCE),
            "place": lambda: store.place(SOURCE, {}),
            "agree": lambda: store.agree(None, 1.0),
            "note_event_keys": lambda: store.note_event_keys({"billing.Settled version 1": None}),
            "first_begun": lambda: store.first_begun("", "new", 1.0),
            "note_missed": lambda: store.note_missed(SOURCE, {0: Checkpoint(1, "m1", 1.0)}),
            "accept_missed": lambda: store.accept_missed(SOURCE, 1.0),
        }
        for name, write in writes.items():
            try:
                await write()
            except StoreError:
                continue
            raise AssertionError(f"nothing is written through a store that was opened to be read, but {name} did")
        await store.close()
        await store.open()
        await store.commit(Unit([Change("Account", "a2", 0, b"{}")]))
        same(dict(await store.beats()), {"p1": (1.0, "{}")}, "nothing was written while it was read-only")

    async def test_what_is_old_can_be_deleted(self, store: Store) -> None:
        for number in range(10):
            await store.beat(f"p{number}", float(number), "{}")
            await store.commit(Unit(claim=KeyClaim("web", f"k{number}", b"f", b"{}", float(number))))
        await store.commit(Unit(parks=[park(1, at=0.0, error="broken"), park(2, at=0.0)]))
        await store.commit(Unit(discard=discard(2)))
        same(await store.prune(beats=0.0, outcomes=0.0, tombstones=0.0, limit=1000), 0, "recent rows stay")
        same(
            await store.prune(beats=3.0, outcomes=5.0, tombstones=0.0, limit=1000),
            8,
            "the number of deleted rows is returned",
        )
        same(sorted(await store.beats()), [f"p{number}" for number in range(3, 10)], "old signs of life are deleted")
        left = [number for number in range(10) if await store.outcome("web", f"k{number}") is not None]
        same(left, [5, 6, 7, 8, 9], "only old outcomes are deleted")
        await store.prune(beats=1e9, outcomes=1e9, tombstones=1e9, limit=1000)
        same([x.record.pos for x in await all_letters(store)], [1], "waiting letters are never deleted")
        same(len(await store.parked()), 1, "parked keys are never deleted")
        await store.commit(Unit(claim=KeyClaim("web", "k1", b"f", b"{}", 20.0)))

    async def test_it_is_deleted_in_small_pieces(self, store: Store) -> None:
        for number in range(5):
            await store.commit(Unit(claim=KeyClaim("web", f"k{number}", b"f", b"{}", float(number))))
        gone = [await store.prune(beats=0.0, outcomes=9.0, tombstones=0.0, limit=2) for _ in range(4)]
        same(gone, [2, 2, 1, 0], "at most as many rows of a kind as the limit says")

    async def test_the_outcome_of_a_repeated_command_stays_young(self, store: Store, twin: Store) -> None:
        await store.commit(Unit(claim=KeyClaim("web", "k1", b"f", b"{}", 1.0)))
        await store.commit(Unit(claim=KeyClaim("web", "k2", b"f", b"{}", 1.0)))
        await twin.keep("web", "k1", 10.0)
        await twin.keep("web", "unknown", 10.0)
        await store.prune(beats=0.0, outcomes=9.0, tombstones=0.0, limit=1000)
        same(await store.outcome("web", "k1"), StoredOutcome(b"f", b"{}", 10.0), "a repeated command keeps its outcome")
        same(await store.outcome("web", "k2"), None, "the outcome of another command is deleted")
        same(await store.outcome("web", "unknown"), None, "keeping an unknown key creates no outcome")

    # The values of units

    async def test_nobody_fails_of_what_another_unit_holds(self, store: Store) -> None:
        for name, awkward in AWKWARD.items():
            spoilt = {
                "state": Unit([Change("Account", awkward, 0, b"{}")]),
                "key": Unit(entries=[entry(awkward, "m0")]),
                "claim": Unit(claim=KeyClaim("web", awkward, b"f", b"{}", 1.0)),
                "letter": Unit(parks=[park(1, awkward, error="broken")]),
            }
            for what, unit in spoilt.items():
                ids = [f"{name} {what} {number}" for number in range(3)]
                others = [Unit([Change("Account", id, 0, b"{}")], [entry("k", id)]) for id in ids]
                outcomes = await asyncio.gather(
                    *map(store.commit, (*others[:2], unit, *others[2:])), return_exceptions=True
                )
                mine = outcomes.pop(2)
                same(outcomes, [None] * 3, f"beside a unit with a {what} ({name}) others are written")
                if mine is not None:
                    same(type(mine), Unstorable, f"a {what} ({name}) is written, or refused for good")
                    same([id for id in ids if id in str(mine)], [], "the error does not name other units")

    async def test_a_unit_has_a_largest_size(self, store: Store) -> None:
        """The same in every store, so that a system that runs on one store runs on another."""
        half = b'"' + b"x" * (LARGEST_UNIT // 2 - 102) + b'"'
        large = entry("k", "large")._replace(payload=half)
        await store.commit(Unit([Change("Account", "large", 0, half)], [large]))
        same((await store.load("Account", "large") or (0, b""))[1], half, "the largest unit is written")
        same([message.payload for message in await whole_log(store)], [half], "its messages are written")
        claim = KeyClaim("web", "c", b"f", b"x" * 300, 1.0)
        units = [
            Unit([Change("Account", "a", 0, b"{}")]),
            Unit([Change("Account", "large", 1, half)], [large], claim),
            Unit([Change("Account", "b", 0, b"{}")]),
        ]
        outcomes = await asyncio.gather(*map(store.commit, units), return_exceptions=True)
        same([type(each) for each in outcomes], [type(None), TooLarge, type(None)], "only the larger unit is refused")
        same((await store.load("Account", "large") or (0,))[0], 1, "nothing of the larger unit is written")
        newer = entry("k", "newer")._replace(headers='{"newer":"' + "x" * LARGEST_UNIT + '"}')
        (refused,) = await asyncio.gather(store.commit(Unit(entries=[newer])), return_exceptions=True)
        same(type(refused), TooLarge, "newer versions of an event count too")

    async def test_nobody_fails_of_what_another_one_looks_for(self, store: Store) -> None:
        await store.commit(Unit([Change("Account", "a", 0, b"{}")]))
        for name, awkward in AWKWARD.items():
            asked: dict[str, Callable[[str], Awaitable[object]]] = {
                "load": lambda id: store.load("Account", id),
                "outcome": lambda key: store.outcome("web", key),
                "recall": lambda id: store.recall("web", id, "Account", id),
                "first_begun": lambda key: store.first_begun("web", key, 1.0),
            }
            for question, ask in asked.items():
                expected = await ask("a")
                found = await asyncio.gather(ask("a"), ask(awkward), ask("a"), return_exceptions=True)
                same([found[0], found[2]], [expected] * 2, f"{question}: others find what they look for ({name})")
                if isinstance(found[1], BaseException):
                    same(type(found[1]), Unstorable, f"{question}: it is refused for good ({name})")

    async def test_a_clock_that_is_ahead_deletes_nothing_young(self, store: Store, twin: Store) -> None:
        await _written_now(store)
        await StoreTime(_Clock(NOW)).look("", store)
        await _delete_old(twin, NOW + MONTH)
        await _is_all_there(store)

    async def test_nor_does_it_in_a_store_that_nobody_has_looked_after(self, store: Store, twin: Store) -> None:
        await _written_now(store)
        await _delete_old(twin, NOW + MONTH)
        await _delete_old(twin, NOW + MONTH)
        await _is_all_there(store)

    async def test_who_look_at_the_time_together_agree(self, store: Store, twin: Store) -> None:
        times = [StoreTime(_Clock(NOW + number)) for number in range(4)]
        looks = [time.for_deleting("", each) for time, each in zip(times, (store, twin, store, twin), strict=True)]
        found = await asyncio.gather(*looks)
        same(all(abs(at - NOW) <= 5.0 for at in found), True, "all processes agree on the time of the first")

    async def test_what_a_clock_that_is_behind_writes_is_not_old_at_once(self, store: Store, twin: Store) -> None:
        await StoreTime(_Clock(NOW)).look("", store)
        behind = StoreTime(_Clock(NOW - MONTH))
        await behind.look("", twin)
        await twin.commit(Unit(claim=KeyClaim("web", "k1", b"f", b"{}", behind.stamp())))
        await _delete_old(store, NOW)
        same(
            (await store.outcome("web", "k1")) is None, False, "a clock that is behind is corrected by the store's time"
        )


async def _written_now(store: Store) -> None:
    await store.commit(Unit(entries=[entry("k", "m1", at=NOW)], claim=KeyClaim("web", "k1", b"f", b"{}", NOW)))
    await store.report("mail.desk", Channel.PRIVATE, {}, NOW)


async def _delete_old(store: Store, clock: float) -> None:
    """What a process with this clock does every minute."""
    now = await StoreTime(_Clock(clock)).for_deleting("", store)
    await prune(store, now)
    await trim(store, now, timedelta(days=7))


async def _is_all_there(store: Store) -> None:
    same((await store.outcome("web", "k1")) is None, False, "the recent outcome is kept")
    same([message.id for message in await whole_log(store)], ["m1"], "the unhandled message is kept")
