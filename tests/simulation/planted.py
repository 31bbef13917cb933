"""Bugs that others have made, planted in the real runtime and store. The judges must find each of them.

A bug that pulling repairs is looked for without pull: one defence must not hide the hole in another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import pytest

from remit.errors import Conflict, OutcomeUnknown, StoreUnavailable
from remit.log import MessageRecord
from remit.runtime.calling import applying
from remit.runtime.following import dispatch, follower, handling
from remit.runtime.following.follower import Follower
from remit.runtime.following.handling import Handling
from remit.runtime.following.history import Break
from remit.runtime.following.lane import Lane
from remit.runtime.following.parking import Parking
from remit.runtime.following.publishing import Publishing
from remit.runtime.work.called import Called
from remit.stores import Advance, ParkedKey, Settle, Unit
from remit.stores.sqlite import writer
from remit.stores.sqlite.many import RowStatement
from remit.stores.sqlite.store import SqliteStore
from remit.stores.sqlite.writer import Writer
from remit.testing.simulation.cluster import weather
from remit.transports import Push

Plant = Callable[[pytest.MonkeyPatch], None]


def plant_in_writer(patch: pytest.MonkeyPatch, method: str, planted: Callable[..., None]) -> None:
    """Replaces what writes one unit, or one row of it, and lets no other way write them."""
    patch.setattr(Writer, method, planted)

    def one_by_one(self: Any, units: Any) -> list[Any]:
        return [self._write(unit) for unit in units]

    patch.setattr(Writer, "_write_all", one_by_one)


class Planted(NamedTuple):
    """A bug, how it gets into the code, and which judges may accuse it."""

    name: str
    plant: Plant
    judges: set[str]
    pull: bool = True
    restore: str = ""
    seed: int = 0
    """The one that found it last. The others are tried when it does not find it any more."""


def beginning_with(seed: int, seeds: Iterable[int]) -> list[int]:
    """All of them, those before `seed` last."""
    return sorted(seeds, key=lambda each: each < seed)


def in_two_transactions(cut: Callable[[Unit], tuple[Unit, Unit] | None]) -> Plant:
    """What `cut` takes off a unit is committed by itself afterwards."""
    commit = SqliteStore.commit

    async def both(self: SqliteStore, unit: Unit) -> None:
        parts = cut(unit)
        if parts is None:
            return await commit(self, unit)
        await commit(self, parts[0])
        return await commit(self, parts[1])

    return lambda patch: patch.setattr(SqliteStore, "commit", both)


def events_apart(unit: Unit) -> tuple[Unit, Unit] | None:
    return (replace(unit, entries=[]), Unit(entries=unit.entries)) if unit.entries else None


def checkpoint_apart(unit: Unit) -> tuple[Unit, Unit] | None:
    if unit.advance is None:
        return None
    return replace(unit, advance=None, further=()), Unit(advance=unit.advance, further=unit.further)


def claim_apart(unit: Unit) -> tuple[Unit, Unit] | None:
    return (replace(unit, claim=None), Unit(claim=unit.claim)) if unit.claim else None


def letter_apart(unit: Unit) -> tuple[Unit, Unit] | None:
    return (replace(unit, settle=None), Unit(settle=unit.settle)) if unit.settle and not unit.settle.error else None


def skip_gaps(patch: pytest.MonkeyPatch) -> None:
    following = Follower._next

    async def lowest_pushed(self: Follower, lane: Any) -> Any:
        # A forged one fails for ever, in front of the gap: the seed would only take its time.
        later = [pos for pos, push in lane.pushed.items() if pos > lane.pos and push.record.id != "forged"]
        return [lane.pushed[min(later)].record] if later else await following(self, lane)

    def misfit(pos: int, id: str, record: MessageRecord) -> Break | None:
        return None if record.pos > pos else Break("regressed", "")

    patch.setattr(Follower, "_next", lowest_pushed)
    patch.setattr(follower, "misfit", misfit)


def handle_whatever_is_pushed(patch: pytest.MonkeyPatch) -> None:
    """What comes is handled, whether it was handled before or not."""

    def ring(self: Follower, push: Push | None = None) -> None:
        if push is not None:
            lane = self._lane(push.record.part)
            lane.pushed[push.record.pos] = push
            self._start_worker(lane)
        self._bell.set()

    following = Follower._next

    async def first_pushed(self: Follower, lane: Any) -> Any:
        seen = [push.record for pos, push in sorted(lane.pushed.items()) if pos <= lane.pos + 1]
        return seen[:1] or await following(self, lane)

    def misfit(pos: int, id: str, record: MessageRecord) -> Break | None:
        return None if record.pos <= pos + 1 else Break("regressed", "")

    advance = Handling._advance

    def stay(self: Handling, lane: Any, stood: tuple[int, str], last: Any) -> Any:
        """The checkpoint does not go back."""
        return advance(self, lane, stood, last if last.pos > stood[0] else last._replace(pos=stood[0], id=stood[1]))

    patch.setattr(Follower, "ring", ring)
    patch.setattr(Follower, "_next", first_pushed)
    patch.setattr(follower, "misfit", misfit)
    patch.setattr(Handling, "_advance", stay)


def acknowledge_before_commit(patch: pytest.MonkeyPatch) -> None:
    ring = Follower.ring

    def done_at_once(self: Follower, push: Push | None = None) -> None:
        if push is not None:
            push.done()
        ring(self, push)

    patch.setattr(Follower, "ring", done_at_once)


def advance_before_confirm(patch: pytest.MonkeyPatch) -> None:
    async def do(self: Publishing, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        await self._move(lane, (lane.pos, lane.id), records[-1])
        await self._events.publish(self._id.source, self._id.channel, records)
        return records[-1]

    patch.setattr(Publishing, "do", do)


def park_only_the_message(patch: pytest.MonkeyPatch) -> None:
    async def none(self: Parking, lane: Any, records: Any) -> frozenset[str]:
        return frozenset()

    patch.setattr(Parking, "among", none)


def look_once_for_parked_keys(patch: pytest.MonkeyPatch) -> None:
    """What was not parked is not parked, whoever has moved the checkpoint."""

    def keep(self: Parking, part: int) -> None: ...

    patch.setattr(Parking, "forget", keep)


def add_letters_to_free_keys(patch: pytest.MonkeyPatch) -> None:
    """Whoever takes his time to look makes it likelier, not another bug."""
    among = Parking.among

    async def slowly(self: Parking, lane: Any, records: Any) -> Any:
        found = await among(self, lane, records)
        await asyncio.sleep(2.0 * bool(found))
        return found

    patch.setattr(Parking, "among", slowly)
    patch.setattr(writer, "_IS_PARKED", "SELECT 1 WHERE coalesce(?, ?, ?, ?, ?) IS NOT NULL")


def drain_from_a_list(patch: pytest.MonkeyPatch) -> None:
    """Whether a key is free is decided by letters read long before."""

    async def drain(self: Parking, parked: ParkedKey) -> None:
        for letter in await self._store.letters(self.place, parked.key, 100):
            unit = self._dispatcher.unit(None)
            try:
                await self._dispatcher.handle(unit, letter.record, self._dispatcher.attempt(letter.record))
                rows = unit.unit()
                rows.settle = Settle(self.place, parked.key, letter.record.part, letter.record.pos)
                await self._store.commit(rows)
            except Exception:  # noqa: BLE001  poison among others; the next look tries again
                return
        await asyncio.sleep(0.5)
        await self._store._execute(writer._UNPARK, *self.place, parked.part, parked.key)  # type: ignore[attr-defined]  # the store is SQLite's

    def keep_parked(self: Writer, key: object) -> None: ...

    patch.setattr(Parking, "_drain", drain)
    patch.setattr(Writer, "_free", keep_parked)


def unknown_is_aborted(patch: pytest.MonkeyPatch) -> None:
    commit = SqliteStore.commit

    async def sure(self: SqliteStore, unit: Unit) -> None:
        try:
            await commit(self, unit)
        except OutcomeUnknown as error:
            raise StoreUnavailable(error.what) from error

    patch.setattr(SqliteStore, "commit", sure)


def cancelled_is_aborted(patch: pytest.MonkeyPatch) -> None:
    def never(error: BaseException, unit: Unit) -> bool:
        return False

    patch.setattr(applying, "was_written", never)


def conflict_is_a_failure(patch: pytest.MonkeyPatch) -> None:
    """One in place of three tries makes it likelier, not another bug."""
    failed = Follower._failed

    async def count_it(self: Follower, lane: Any, error: Exception) -> None:
        await failed(
            self,
            lane,
            ValueError("a conflict") if isinstance(error, Conflict) and error.what == "state" else error,
        )

    patch.setattr(Follower, "_failed", count_it)
    patch.setattr(handling, "ATTEMPTS", 1)


def partition_by_message(patch: pytest.MonkeyPatch) -> None:
    turn = count()

    def any_partition(key: str, partitions: int) -> int:
        return next(turn) % partitions

    patch.setattr(writer, "partition_of", any_partition)


def handle_a_batch_at_once(patch: pytest.MonkeyPatch) -> None:
    do = Handling.do

    async def backwards(self: Handling, lane: Any, records: Any) -> Any:
        todo = list(records)
        if len(todo) == 1 or await self._parking.among(lane, todo):
            return await do(self, lane, records)
        unit = self._dispatcher.unit(self._parts[lane.part].taken)
        for record in reversed(todo):
            lane.failing = todo[0]
            await self._dispatcher.handle(unit, record, self._dispatcher.attempt(record))
        rows = unit.unit()
        rows.advance = self._advance(lane, (lane.pos, lane.id), todo[-1])
        await self._store.commit(rows)
        return todo[-1]

    patch.setattr(Handling, "do", backwards)


def derive_keys_by_chance(patch: pytest.MonkeyPatch) -> None:
    turn = count()

    def drawn(self: Called, type: str, content: bytes, identity: bytes | None) -> str:
        return f"{self.origin}/{next(turn)}"

    patch.setattr(Called, "key_of", drawn)


def move_checkpoints_blindly(patch: pytest.MonkeyPatch) -> None:
    blind = writer._MOVE.replace(" AND pos = ? AND id = ?", " AND ? IS NOT NULL AND ? IS NOT NULL")
    assert blind != writer._MOVE
    patch.setattr(writer, "_MOVE", blind)


def write_over_newer_versions(patch: pytest.MonkeyPatch) -> None:
    one, many = writer._STATE
    over = writer._STATE._replace(
        one=one.replace(" AND version = ?", " AND ? IS NOT NULL"), many=many.replace(" AND version = new.column5", "")
    )
    assert over.one != one
    assert over.many != many
    patch.setattr(writer, "_STATE", over)


def swallow_conflicts_of_a_group(patch: pytest.MonkeyPatch) -> None:
    attempt = Writer._attempt

    def all_well(self: Writer, unit: Unit) -> None:
        attempt(self, unit)

    patch.setattr(Writer, "_attempt", all_well)


def keep_old_heads(patch: pytest.MonkeyPatch) -> None:
    """What other processes append is not noticed."""

    def nothing(self: Writer) -> None: ...

    patch.setattr(Writer, "look", nothing)


def begin_where_the_lane_stands(patch: pytest.MonkeyPatch) -> None:
    """A conflict in one partition makes all of them take up what is stored, as a restart does."""
    reload, advance = Follower._reload, Handling._advance

    async def all_of_them(self: Follower, only: int | None = None) -> None:
        await reload(self)

    def from_the_lane(self: Handling, lane: Any, stood: tuple[int, str], last: MessageRecord) -> Advance:
        return advance(self, lane, (lane.pos, lane.id), last)

    patch.setattr(Follower, "_reload", all_of_them)
    patch.setattr(Handling, "_advance", from_the_lane)


def forget_that_keys_are_used(patch: pytest.MonkeyPatch) -> None:
    async def nothing(self: SqliteStore, caller: str, key: str) -> None:
        await asyncio.sleep(0)

    patch.setattr(SqliteStore, "outcome", nothing)
    over = [sql.replace("INSERT", "INSERT OR REPLACE").split(" ON CONFLICT")[0] for sql in writer._CLAIM]
    patch.setattr(writer, "_CLAIM", RowStatement(*over))


def compare_positions_alone(patch: pytest.MonkeyPatch) -> None:
    """A checkpoint is a position, whatever message stood there."""

    def misfit(pos: int, id: str, record: MessageRecord) -> Break | None:
        return None if record.pos == pos + 1 else Break("regressed", "")

    async def nothing(self: Follower) -> None:
        self._compared = True

    blind = writer._MOVE.replace(" AND id = ?", " AND ? IS NOT NULL")
    assert blind != writer._MOVE
    patch.setattr(writer, "_MOVE", blind)
    patch.setattr(follower, "misfit", misfit)
    patch.setattr(Follower, "_compare", nothing)


def keep_quiet_about_history(patch: pytest.MonkeyPatch) -> None:
    def nothing(self: Follower, found: Break) -> None: ...

    patch.setattr(Follower, "_break", nothing)


def never_limit_handlers(patch: pytest.MonkeyPatch) -> None:
    """More handlers that hang make it likelier, not another bug."""
    patch.setattr(weather, "HANGING", 50)
    patch.setattr(dispatch, "HANDLER_SECONDS", float("inf"))


PLANTED = [
    Planted("an event is written in a second transaction", in_two_transactions(events_apart), {"lost"}),
    Planted("the checkpoint moves in a second transaction", in_two_transactions(checkpoint_apart), {"doubled"}),
    Planted("the idempotency row is written in a second transaction", in_two_transactions(claim_apart), {"doubled"}),
    Planted("a letter is deleted in a second transaction", in_two_transactions(letter_apart), {"doubled"}, seed=1),
    Planted("the checkpoint skips gaps", skip_gaps, {"lost"}),
    Planted("a push is acknowledged before the commit", acknowledge_before_commit, {"lost", "stuck"}, pull=False),
    Planted("the relay advances before the confirm", advance_before_confirm, {"lost", "stuck"}, pull=False),
    Planted("only the failing message is parked", park_only_the_message, {"reordered"}, seed=1),
    Planted("parked keys are looked for once", look_once_for_parked_keys, {"reordered"}, seed=12),
    Planted(
        "letters are added to keys that were freed", add_letters_to_free_keys, {"lost", "stuck", "reordered"}, seed=12
    ),
    Planted("a key is drained from a list read before", drain_from_a_list, {"lost", "stuck", "reordered"}, seed=2),
    Planted("an unknown commit is taken for aborted", unknown_is_aborted, {"doubled"}),
    Planted("a cancelled commit is taken for aborted", cancelled_is_aborted, {"doubled"}, seed=2),
    Planted("a conflict is taken for a failure", conflict_is_a_failure, {"false"}, seed=3),
    Planted("messages of a key are spread over partitions", partition_by_message, {"reordered"}),
    Planted("a batch is handled in any order", handle_a_batch_at_once, {"reordered"}),
    Planted("keys of calls are not derived", derive_keys_by_chance, {"doubled"}),
    Planted("the checkpoint moves without comparing", move_checkpoints_blindly, {"doubled"}, seed=1),
    Planted("a newer version is written over", write_over_newer_versions, {"lost", "doubled", "false"}),
    Planted("a conflict within a group is swallowed", swallow_conflicts_of_a_group, {"lost", "stuck", "false"}, seed=8),
    Planted("heads that others have moved are not read again", keep_old_heads, {"false", "stuck", "lost"}, seed=1),
    Planted(
        "a checkpoint moves from where its lane has come to", begin_where_the_lane_stands, {"doubled", "false"}, seed=15
    ),
    Planted("the checkpoint compares positions alone", compare_positions_alone, {"lost"}, restore="orders", seed=3),
    Planted("another history is met in silence", keep_quiet_about_history, {"silent"}, restore="orders", seed=2),
    Planted("the time limit of a handler never fires", never_limit_handlers, {"stuck"}, seed=10),
    Planted("a key is not looked up", forget_that_keys_are_used, {"doubled"}),
]
