"""What every store must do.

    class TestMyStore(StoreConformance):
        @pytest.fixture
        async def store(self, tmp_path):
            store = MyStore(tmp_path / "a.db")
            await store.open()
            yield store
            await store.close()

        @pytest.fixture
        async def twin(self, store, tmp_path):      # for a store of one process only: `return store`
            twin = MyStore(tmp_path / "a.db")
            await twin.open()
            yield twin
            await twin.close()

`store` is new, empty and open; `twin` is open on the same data, as another process would have it. The tests are
coroutines: run them with pytest-asyncio in its automatic mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import Any

from remit.errors import Conflict
from remit.log import Channel, Checkpoint, MessageRecord, SubscriptionId
from remit.stores.cancelled import was_written
from remit.stores.port import (
    Advance,
    Change,
    Discard,
    Entry,
    KeyClaim,
    Letter,
    Park,
    Settle,
    Store,
    StoredOutcome,
    Unit,
    partition_of,
)

__all__ = ["UnitConformance"]

SOURCE = SubscriptionId("billing-mail", "billing", Channel.PUBLISHED)
"""A subscription, its source and the channel."""


def same(found: object, expected: object, promise: str) -> None:
    """Fails, with the broken promise, unless both are equal."""
    if found != expected:
        raise AssertionError(f"{promise}\nexpected: {expected!r}\nfound:    {found!r}")


async def refused(outcome: Awaitable[object], what: str, promise: str) -> None:
    """Fails unless awaiting raises a `Conflict` about `what`."""
    try:
        await outcome
    except Conflict as conflict:
        same(conflict.what, what, promise)
    else:
        raise AssertionError(f"{promise}\nexpected: Conflict({what!r})\nfound:    it was written")


async def ended(store: Store, unit: Unit) -> bool:
    """Commits a unit. Returns whether it was written, even if the caller is cancelled."""
    try:
        await store.commit(unit)
    except asyncio.CancelledError as cancelled:
        return was_written(cancelled, unit)
    return True


def entry(key: str, id: str, channel: Channel = Channel.PRIVATE, *, at: float = 1.0) -> Entry:
    """A message without content."""
    return Entry(channel, key, id, "billing.Settled", 1, at, "{}", b"{}")


def advance(before: int, after: int, *, part: int = 0) -> Advance:
    """A checkpoint's move, if the message at position n has the id m<n>."""
    before_id = f"m{before}" if before else ""
    return Advance(SOURCE, part, before, before_id, after, f"m{after}", 5.0)


def record(pos: int, key: str = "k", *, part: int = 0) -> MessageRecord:
    """A message of the source, with the one at the position before as its predecessor."""
    prev = f"m{pos - 1}" if pos > 1 else ""
    return MessageRecord(
        part, pos, f"m{pos}", prev, key, "billing.Settled", 2, 1.5, '{"cause":"c1"}', b'{"amount":%d}' % pos
    )


def park(pos: int, key: str = "k", *, part: int = 0, at: float = 10.0, error: str = "") -> Park:
    """Puts the message at that position aside."""
    return Park(SOURCE, key, record(pos, key, part=part), at, error, at + 30)


def settle(pos: int, key: str = "k", *, error: str = "", at: float = 0.0, retry_at: float = 0.0) -> Settle:
    """Settles the letter at that position of partition 0."""
    return Settle(SOURCE, key, 0, pos, error, at, retry_at)


def discard(pos: int, key: str = "k") -> Discard:
    """Discards the letter at that position of partition 0."""
    return Discard(SOURCE, key, 0, pos, "sent twice by mistake", 99.0)


async def whole_log(store: Store, channel: Channel = Channel.PRIVATE) -> list[MessageRecord]:
    """All messages of a channel, partition by partition."""
    parts = range(store.partitions)
    return [message for part in parts for message in await store.read(channel, part, 0, 1_000_000)]


async def noticed(store: Store) -> bool:
    """Whether the store reports commits of other processes: at once, or within 5 s if a server has to tell it."""
    for _ in range(500 * store.technology.shared_between_processes):
        if store.changed_elsewhere():
            return True
        await asyncio.sleep(0.01)
    return store.changed_elsewhere()


async def all_letters(store: Store, key: str = "k") -> list[Letter]:
    """The letters of a key."""
    return list(await store.letters(SOURCE, key, 1000))


class UnitConformance:
    """The promises about units of work and what they write, one test each."""

    # The log

    async def test_an_empty_store_has_nothing(self, store: Store) -> None:
        same(await whole_log(store), [], "a new log is empty")
        same(dict(await store.heads(Channel.PRIVATE)), {}, "a new log has no heads")
        same(await store.load("Account", "a1"), None, "a new store has no state")
        same(await store.outcome("web", "k1"), None, "a new store has no outcomes")
        same(dict(await store.checkpoints(SOURCE)), {}, "a new store has no checkpoints")
        same(list(await store.parked()), [], "a new store has no parked keys")
        same(await all_letters(store), [], "a new store has no letters")
        same(dict(await store.beats()), {}, "a new store has no signs of life")

    async def test_a_message_is_read_as_it_was_written(self, store: Store) -> None:
        headers, payload = '{"trace":"ü"}', '{"name":"Zoë 🎓","text":"a\\u0000b"}'.encode()
        await store.commit(Unit(entries=[Entry(Channel.PUBLISHED, "käse", "m1", "b.X", 7, 1.25, headers, payload)]))
        part = partition_of("käse", store.partitions)
        found = await store.read(Channel.PUBLISHED, part, 0, 10)
        expected = [MessageRecord(part, 1, "m1", "", "käse", "b.X", 7, 1.25, headers, payload)]
        same(found, expected, "a message is read as it was written, from the partition of its key")

    async def test_positions_are_dense_and_chained(self, store: Store) -> None:
        await store.commit(Unit(entries=[entry("k", "m1"), entry("k", "m2")]))
        await store.commit(Unit(entries=[entry("k", "m3")]))
        found = [(message.pos, message.id, message.prev) for message in await whole_log(store)]
        expected = [(1, "m1", ""), (2, "m2", "m1"), (3, "m3", "m2")]
        same(found, expected, "positions have no gaps, and each message names its predecessor")

    async def test_each_channel_counts_for_itself(self, store: Store) -> None:
        await store.commit(Unit(entries=[entry("k", "m1"), entry("k", "m2", Channel.PUBLISHED), entry("k", "m3")]))
        same(
            [(m.pos, m.id) for m in await whole_log(store, Channel.PUBLISHED)],
            [(1, "m2")],
            "channels are separate logs",
        )
        same([(m.pos, m.id) for m in await whole_log(store)], [(1, "m1"), (2, "m3")], "channels are separate logs")

    async def test_many_at_once_leave_no_hole(self, store: Store, twin: Store) -> None:
        await store.commit(Unit(changes=[Change("Account", "a1", 0, b"{}")]))
        doomed = Change("Account", "a1", 0, b"{}")
        units = [
            Unit([doomed] if number % 3 == 0 else [], [entry(f"k{number % 5}", f"m{number}-{i}") for i in range(2)])
            for number in range(60)
        ]
        stores = (store, twin)
        outcomes = await asyncio.gather(
            *[stores[number % 2].commit(unit) for number, unit in enumerate(units)], return_exceptions=True
        )
        failed = [number for number, outcome in enumerate(outcomes) if outcome is not None]
        same(failed, list(range(0, 60, 3)), "each unit fails or succeeds on its own")
        log = await whole_log(store)
        same(len(log), 80, "written units are in the log, failed ones are not")
        last: dict[int, MessageRecord] = {}
        for message in log:
            before = last.get(message.part)
            expected = (before.pos + 1, before.id) if before else (1, "")
            same((message.pos, message.prev), expected, "positions have no gaps under concurrent commits")
            last[message.part] = message

    async def test_reading_starts_after_a_position_and_is_bounded(self, store: Store) -> None:
        await store.commit(Unit(entries=[entry("k", f"m{number}") for number in range(1, 8)]))
        part = partition_of("k", store.partitions)
        page = [message.pos for message in await store.read(Channel.PRIVATE, part, 2, 3)]
        same(page, [3, 4, 5], "a page starts after the position and is at most as long as asked for")
        same(await store.read(Channel.PRIVATE, part, 7, 3), [], "after the last message there is nothing")

    async def test_heads_are_the_last_messages(self, store: Store) -> None:
        keys = [f"k{number}" for number in range(40)]
        await store.commit(Unit(entries=[entry(key, f"m{n}", at=float(n)) for n, key in enumerate(keys)]))
        expected: dict[int, tuple[int, float]] = {}
        for number, key in enumerate(keys):
            part = partition_of(key, store.partitions)
            expected[part] = (expected.get(part, (0, 0.0))[0] + 1, float(number))
        same(dict(await store.heads(Channel.PRIVATE)), expected, "a head is the position and time of the last message")
        same(dict(await store.heads(Channel.PUBLISHED)), {}, "a channel without messages has no heads")

    # State

    async def test_state_is_versioned(self, store: Store) -> None:
        await store.commit(Unit([Change("Account", "a1", 0, '{"owner":"Zoë"}'.encode())]))
        same(await store.load("Account", "a1"), (1, '{"owner":"Zoë"}'.encode()), "new state has version 1")
        await store.commit(Unit([Change("Account", "a1", 1, b'{"owner":"Ada"}')]))
        same(await store.load("Account", "a1"), (2, b'{"owner":"Ada"}'), "each write increases the version")
        same(await store.load("Invoice", "a1"), None, "states of different kinds are independent")

    async def test_identities_and_keys_of_512_bytes_are_kept(self, store: Store, twin: Store) -> None:
        for text in ("k" * 512, "\u00e9" * 256, "\U0001f600" * 128, "\x01\x1f\x7f\\'\"%_\n\u2028\ufeff", " "):
            claim = KeyClaim("web", text, b"f", b"{}", 1.0)
            unit = Unit([Change("Account", text, 0, b"1")], [entry(text, f"m{text[:9]}")], claim)
            unit.parks = [park(1, text, error="broken")]
            await store.commit(unit)
            same(await twin.load("Account", text), (1, b"1"), "state is found under its identity")
            same(await twin.outcome("web", text), StoredOutcome(b"f", b"{}", 1.0), "an outcome is found under its key")
            part = partition_of(text, store.partitions)
            last = (await store.read(Channel.PRIVATE, part, 0, 100))[-1]
            same(last.key, text, "a message keeps its key")
            same([row.key for row in await twin.parked(key=text)], [text], "a parked key is found")

    async def test_a_stale_version_is_refused(self, store: Store) -> None:
        await store.commit(Unit([Change("Account", "a1", 0, b"1")]))
        await store.commit(Unit([Change("Account", "a1", 1, b"2")]))
        for expected in (0, 1, 3):
            change = Change("Account", "a1", expected, b"9")
            await refused(store.commit(Unit([change])), "state", "only the current version can be replaced")
        missing = Change("Account", "a2", 1, b"9")
        await refused(store.commit(Unit([missing])), "state", "state that does not exist cannot be replaced")
        same(await store.load("Account", "a1"), (2, b"2"), "a refused write changes nothing")
        same(await store.load("Account", "a2"), None, "a refused write changes nothing")

    async def test_of_two_writers_one_wins(self, store: Store, twin: Store) -> None:
        await store.commit(Unit([Change("Account", "a1", 0, b"0")]))
        writers = [
            writer.commit(Unit([Change("Account", "a1", 1, b"1")], [entry("k", f"m{number}")]))
            for number, writer in enumerate((store, twin, store, twin))
        ]
        outcomes = await asyncio.gather(*writers, return_exceptions=True)
        same(sorted(map(str, outcomes)).count("None"), 1, "of several writers that loaded the same version one wins")
        same(len(await whole_log(twin)), 1, "the others write nothing")

    async def test_a_refused_unit_leaves_nothing(self, store: Store) -> None:
        await store.commit(Unit(claim=KeyClaim("web", "used", b"f", b"{}", 1.0)))
        unit = Unit(
            changes=[Change("Account", "a1", 0, b"{}")],
            entries=[entry("k", "m1")],
            claim=KeyClaim("web", "new", b"f", b"{}", 1.0),
            advance=advance(0, 1),
            parks=[park(1, error="broken")],
        )
        causes: list[tuple[str, Callable[[Unit], Any]]] = [
            ("claim", lambda unit: setattr(unit, "claim", KeyClaim("web", "used", b"f", b"{}", 1.0))),
            ("state", lambda unit: setattr(unit, "changes", [*unit.changes, Change("Account", "a2", 7, b"{}")])),
            ("checkpoint", lambda unit: setattr(unit, "advance", advance(3, 4))),
            ("parked", lambda unit: setattr(unit, "parks", [*unit.parks, park(2, "free")])),
            ("letter", lambda unit: setattr(unit, "settle", settle(1))),
            ("letter", lambda unit: setattr(unit, "discard", discard(1))),
        ]
        for number, (what, spoil) in enumerate(causes):
            spoilt = Unit(unit.changes, unit.entries, unit.claim, unit.advance, unit.parks)
            spoil(spoilt)
            neighbour = Unit([Change("Neighbour", str(number), 0, b"{}")])
            refusal = refused(store.commit(spoilt), what, f"a unit is refused for its {what}")
            await asyncio.gather(refusal, store.commit(neighbour))
            same(await whole_log(store), [], f"refused for its {what}, it appends nothing")
            same(await store.load("Account", "a1"), None, f"refused for its {what}, it writes no state")
            same(await store.outcome("web", "new"), None, f"refused for its {what}, it claims nothing")
            same(dict(await store.checkpoints(SOURCE)), {}, f"refused for its {what}, it moves no checkpoint")
            same(list(await store.parked()), [], f"refused for its {what}, it parks nothing")
        await store.commit(unit)
        same([message.pos for message in await whole_log(store)], [1], "the next unit takes the first position")

    # Idempotency keys

    async def test_a_key_is_claimed_once(self, store: Store, twin: Store) -> None:
        await store.commit(Unit(claim=KeyClaim("web", "k1", b"\x00\xff", '"zoë"'.encode(), 1.0)))
        same(await twin.outcome("web", "k1"), StoredOutcome(b"\x00\xff", '"zoë"'.encode(), 1.0), "the outcome is kept")
        second = Unit(claim=KeyClaim("web", "k1", b"other", b'"b"', 2.0))
        await refused(twin.commit(second), "claim", "a key cannot be claimed twice")
        same(
            await store.outcome("web", "k1"),
            StoredOutcome(b"\x00\xff", '"zoë"'.encode(), 1.0),
            "the first outcome stays",
        )
        await store.commit(Unit(claim=KeyClaim("batch", "k1", b"f", b'"c"', 3.0)))
        same(await store.outcome("batch", "k1"), StoredOutcome(b"f", b'"c"', 3.0), "each caller has its own keys")

    async def test_an_outcome_and_a_state_are_looked_up_together(self, store: Store, twin: Store) -> None:
        outcome, state = StoredOutcome(b"f", b'"a"', 1.0), (1, b'{"owed":1}')
        await store.commit(Unit([Change("Account", "a1", 0, state[1])], claim=KeyClaim("web", "k1", *outcome)))
        wanted = {
            ("k1", "a1"): (outcome, state),
            ("k1", ""): (outcome, None),
            ("", "a1"): (None, state),
            ("", ""): (None, None),
        }
        for (key, id), expected in wanted.items():
            same(
                await twin.recall("web", key, "Account", id),
                expected,
                "a missing part is None, the other part is found",
            )
        at_once = await asyncio.gather(*[twin.recall("web", key, "Account", id) for key, id in wanted])
        same(at_once, list(wanted.values()), "concurrent lookups give the same")

    # Checkpoints

    async def test_a_checkpoint_moves_from_where_it_is(self, store: Store) -> None:
        await store.commit(Unit(advance=advance(0, 3)))
        await store.commit(Unit(advance=advance(3, 5)))
        await store.commit(Unit(advance=advance(0, 1, part=2)))
        expected = {0: Checkpoint(5, "m5", 5.0), 2: Checkpoint(1, "m1", 5.0)}
        same(dict(await store.checkpoints(SOURCE)), expected, "a checkpoint is kept per partition")
        for other in (
            SOURCE._replace(name="other"),
            SOURCE._replace(source="other"),
            SOURCE._replace(channel=Channel.PRIVATE),
        ):
            same(dict(await store.checkpoints(other)), {}, "each subscription, source and channel has its own")

    async def test_a_checkpoint_that_is_elsewhere_does_not_move(self, store: Store) -> None:
        await refused(store.commit(Unit(advance=advance(2, 3))), "checkpoint", "a subscription begins at 0")
        await store.commit(Unit(advance=advance(0, 3)))
        wrong_id = advance(3, 4)._replace(before_id="of a restored log")
        for move in (advance(0, 4), advance(2, 4), advance(4, 5), wrong_id):
            await refused(store.commit(Unit(advance=move)), "checkpoint", "position and id must both fit")
        same(dict(await store.checkpoints(SOURCE)), {0: Checkpoint(3, "m3", 5.0)}, "the checkpoint stays where it was")

    async def test_checkpoints_that_move_together_move_all_or_none(self, store: Store) -> None:
        first, second = advance(0, 3), advance(0, 5)._replace(subscription=SOURCE._replace(name="other"))
        await store.commit(Unit(advance=first, further=[second]))
        there = [dict(await store.checkpoints(each.subscription)) for each in (first, second)]
        same(
            there,
            [{0: Checkpoint(3, "m3", 5.0)}, {0: Checkpoint(5, "m5", 5.0)}],
            "each subscription has its own checkpoint",
        )
        spoilt = advance(3, 4)._replace(subscription=second.subscription)
        for parks in ([], [park(4, error="broken")]):
            unit = Unit([Change("Account", "a1", 0, b"{}")], advance=advance(3, 4), further=[spoilt], parks=parks)
            await refused(store.commit(unit), "checkpoint", "one wrong checkpoint refuses the unit")
        there = [dict(await store.checkpoints(each.subscription)) for each in (first, second)]
        same(
            there, [{0: Checkpoint(3, "m3", 5.0)}, {0: Checkpoint(5, "m5", 5.0)}], "after a refusal no checkpoint moves"
        )
        same(await store.load("Account", "a1"), None, "after a refusal nothing else is written")

    async def test_of_two_consumers_one_moves_on(self, store: Store, twin: Store) -> None:
        for position in range(5):
            both = [
                consumer.commit(
                    Unit(entries=[entry("k", f"{position}-{name}")], advance=advance(position, position + 1))
                )
                for name, consumer in (("a", store), ("b", twin))
            ]
            outcomes = await asyncio.gather(*both, return_exceptions=True)
            same(sorted(map(type, outcomes), key=str), [type(None), Conflict], "one of two consumers moves on")
        same(len(await whole_log(store)), 5, "the refused consumer writes nothing")

    # Signs of life, wakes, cancellation

    async def test_signs_of_life(self, store: Store, twin: Store) -> None:
        await store.beat("p1", 1.0, '{"a":1}')
        await twin.beat("p2", 2.0, "{}")
        await store.beat("p1", 3.0, '{"a":2}')
        same(
            dict(await twin.beats()),
            {"p1": (3.0, '{"a":2}'), "p2": (2.0, "{}")},
            "the latest sign of each process is kept",
        )
        await store.beat("p1", 4.0, "")
        same(dict(await store.beats()), {"p2": (2.0, "{}")}, "an empty sign removes the process")

    # Leases

    async def test_a_lease_has_one_owner_until_it_is_over(self, store: Store, twin: Store) -> None:
        await store.lease("p1", ["a", "b"], now=0.0, until=10.0)
        await twin.lease("p2", ["a", "b", "c"], now=9.0, until=19.0)
        expected = {"a": ("p1", 10.0), "b": ("p1", 10.0), "c": ("p2", 19.0)}
        same(dict(await store.leases()), expected, "a lease that another process holds cannot be taken")
        await store.lease("p1", ["a"], now=9.0, until=19.0)
        await twin.lease("p2", ["a", "b"], now=10.0, until=20.0)
        expected = {"a": ("p1", 19.0), "b": ("p2", 20.0), "c": ("p2", 19.0)}
        same(dict(await store.leases()), expected, "the owner can renew, and an expired lease can be taken")

    async def test_a_lease_can_be_given_up_by_its_owner_only(self, store: Store, twin: Store) -> None:
        await store.lease("p1", ["a"], now=0.0, until=10.0)
        await twin.lease("p2", ["a"], now=1.0, until=0.0)
        same((await store.leases())["a"], ("p1", 10.0), "another process cannot give up a lease")
        await store.lease("p1", ["a"], now=2.0, until=0.0)
        await twin.lease("p2", ["a"], now=3.0, until=13.0)
        same((await store.leases())["a"], ("p2", 13.0), "a lease that was given up is free at once")

    async def test_watchers_are_woken_by_what_was_appended(self, store: Store) -> None:
        wakes = count()
        loop = asyncio.get_running_loop()
        loops: list[object] = []

        def wake() -> None:
            next(wakes)
            loops.append(asyncio.get_running_loop())

        end = store.watch(wake)
        await store.commit(Unit([Change("Account", "a1", 0, b"{}")]))
        with suppress(Conflict):
            await store.commit(Unit([Change("Account", "a1", 0, b"{}")], [entry("k", "m0")]))
        same(loops, [], "watchers are not called if nothing was appended")
        await store.commit(Unit(entries=[entry("k", "m1")]))
        same(loops, [loop], "watchers are called, on the loop, after an append")
        end()
        await store.commit(Unit(entries=[entry("k", "m2")]))
        same(loops, [loop], "a watcher that has ended is not called")

    async def test_commits_of_others_are_noticed(self, store: Store, twin: Store) -> None:
        shared = store.technology.shared_between_processes
        store.changed_elsewhere()
        await store.commit(Unit(entries=[entry("k", "m1")]))
        same(store.changed_elsewhere(), False, "own commits are not reported as changes")
        await twin.commit(Unit(entries=[entry("k", "m2")]))
        same(await noticed(store), shared, "a commit of another process is noticed")
        same(store.changed_elsewhere(), False, "a commit of another process is reported once")
        await twin.commit(Unit(entries=[entry("k", "m3")]))
        await store.commit(Unit(entries=[entry("k", "m4")]))
        same(await noticed(store), shared, "an own commit does not hide that of another process")

    async def test_a_cancelled_commit_has_an_outcome(self, store: Store) -> None:
        told: bool | None = None

        async def commit(number: int) -> None:
            nonlocal told
            unit = Unit([Change("Account", str(number), 0, b"{}")], [entry("k", f"m{number}")])
            try:
                await store.commit(unit)
                told = True
            except asyncio.CancelledError as cancelled:
                told = was_written(cancelled, unit)
                same(was_written(cancelled, Unit()), False, "a cancellation tells only of its own unit")
                raise

        written = 0
        for number in range(100):
            told = False
            task = asyncio.create_task(commit(number))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            known = await store.load("Account", str(number))
            same(told, known is not None, "a cancellation tells whether the unit was written")
            await store.commit(Unit([Change("Other", str(number), 0, b"{}")]))
            same(await store.load("Account", str(number)), known, "after a cancellation the outcome does not change")
            written += known is not None
            same(len(await whole_log(store)), written, "a cancelled unit is written completely or not at all")

    async def test_of_many_that_are_cancelled_at_once_each_hears_what_is_so(self, store: Store) -> None:
        """Some wait for their turn and are withdrawn; which ones is up to the store."""
        units = [Unit([Change("Account", str(number), 0, b"{}")]) for number in range(400)]
        tasks = [asyncio.create_task(ended(store, unit)) for unit in units]
        await asyncio.sleep(0)  # all commits have been requested
        for task in tasks[300:]:
            task.cancel()
        told = await asyncio.gather(*tasks)
        found = [await store.load("Account", str(number)) is not None for number in range(len(units))]
        same(told, found, "every caller is told the actual outcome")
        same(found[:300], [True] * 300, "withdrawn units do not affect others")

    async def test_closing_twice_is_closing_once(self, store: Store) -> None:
        await store.close()
        await store.close()
