"""Bugs that need what is seldom: messages that are equal, many parked keys, questions while something waits."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest

from remit.runtime.failures import Storming
from remit.runtime.following import handling
from remit.runtime.following.dispatch import DISPATCHERS, Dispatcher
from remit.runtime.following.parking import Parking
from remit.runtime.freshness import reaching
from remit.runtime.plan import FoldPlan, LaterPlan
from remit.runtime.remote import wire
from remit.runtime.work.called import Called
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Unit
from remit.stores.port import partition_of
from remit.stores.sqlite import writer


def derive_keys_without_the_message(patch: pytest.MonkeyPatch) -> None:
    """A call is known by what it says, whichever message it is made for."""

    def by_content(self: Called, type: str, content: bytes, identity: bytes | None) -> str:
        return blake2b(f"{type}\0".encode() + (identity or content), digest_size=16).hexdigest()

    patch.setattr(Called, "key_of", by_content)


def know_reactions_by_their_event(patch: pytest.MonkeyPatch) -> None:
    """Two reactions of a context to one event call under the same keys."""
    attempt = Dispatcher.attempt

    def same(self: Dispatcher, record: Any) -> Any:
        made = attempt(self, record)
        made.origin = record.id
        return made

    patch.setattr(Dispatcher, "attempt", same)


def count_equal_calls_on(patch: pytest.MonkeyPatch) -> None:
    """Equal calls are counted on when a handler runs again after a conflict."""
    begin_again = Called.begin_again

    def counted(self: Called, *, whole: bool) -> None:
        before = self._equals
        begin_again(self, whole=whole)
        self._before = {}
        self._equals = {key: count + 1 for key, count in before.items()}

    patch.setattr(Called, "begin_again", counted)


def enter_equal_messages_once(patch: pytest.MonkeyPatch) -> None:
    """What one run says twice in the same words is said once."""
    enter = UnitOfWork.enter

    def once(self: UnitOfWork, channel: Any, plan: Any, message: Any, key: str, more: str = "") -> str:
        made = enter(self, channel, plan, message, key, more)
        *before, last = [(entry.type, entry.payload) for entry in self.entries]
        if last in before:
            self.entries.pop()
        return made

    patch.setattr(UnitOfWork, "enter", once)


def keep_what_was_foreseen(patch: pytest.MonkeyPatch) -> None:
    """What was foreseen counts as loaded also when the handler has waited."""

    def nothing(self: UnitOfWork) -> None: ...

    patch.setattr(UnitOfWork, "overlook", nothing)


def take_what_was_foreseen_for_another(patch: pytest.MonkeyPatch) -> None:
    """What was foreseen is given for whatever of its kind is loaded first."""
    load = UnitOfWork.load

    async def first(self: UnitOfWork, plan: Any, id: str) -> Any:
        if self.foreseen is not None and self.foreseen[0][0] == plan.kind:
            self.foreseen = (plan.kind, id), self.foreseen[1]
        return await load(self, plan, id)

    patch.setattr(UnitOfWork, "load", first)


def see_no_offsets(patch: pytest.MonkeyPatch) -> None:
    """Over MessagePack a time with an offset arrives as that moment in another one."""

    def none(*_: Any) -> None: ...

    patch.setattr(wire, "difference", none)


def skip_what_storms(patch: pytest.MonkeyPatch) -> None:
    """A message whose key is not parked because so many are is left out."""
    settle = handling.Handling.settle

    async def pass_over(self: Any, lane: Any, error: Exception) -> Any:
        try:
            return await settle(self, lane, error)
        except Storming:
            await self._store.commit(Unit(advance=self._advance(lane, (lane.pos, lane.id), lane.failing)))
            return lane.failing

    patch.setattr(handling.Handling, "settle", pass_over)


def mind_no_parked_keys(patch: pytest.MonkeyPatch) -> None:
    """A fresh answer is given although something on the way is parked."""

    async def none(*_: Any) -> None: ...

    patch.setattr(reaching, "_parked", none)


def wait_for_no_views(patch: pytest.MonkeyPatch) -> None:
    """A fresh answer does not wait for the projection that it is taken from."""
    matters = reaching._matters

    def reactions(following: Any, question: Any, needs: Any) -> bool:
        return not isinstance(following.follow, FoldPlan) and matters(following, question, needs)

    patch.setattr(reaching, "_matters", reactions)


def claim_no_wishes(patch: pytest.MonkeyPatch) -> None:
    """A command with an identity that was sent for later does not note that it was applied."""
    later: Any = DISPATCHERS[LaterPlan]
    do = later._do

    async def unclaimed(self: Any, unit: Any, *more: Any) -> bool:
        refused: bool = await do(self, unit, *more)
        unit.claim = None
        return refused

    patch.setattr(later, "_do", unclaimed)


def try_parked_commands_never(patch: pytest.MonkeyPatch) -> None:
    """A command sent for later whose key is parked is never tried again."""
    look = Parking.look

    async def events(self: Parking) -> None:
        if not self.place.name.endswith(".commands"):
            await look(self)

    patch.setattr(Parking, "look", events)


def spread_long_keys(patch: pytest.MonkeyPatch) -> None:
    """Messages with a key of more than 100 characters are spread over the partitions."""
    append = writer.Writer._append

    def spread(self: Any, entry: Any) -> None:
        def by_message(_: str, partitions: int) -> int:
            return partition_of(entry.id, partitions)

        patch.setattr(writer, "partition_of", by_message if len(entry.key) > 100 else partition_of)
        append(self, entry)

    patch.setattr(writer.Writer, "_append", spread)


def settle_letters_beside_their_rows(patch: pytest.MonkeyPatch) -> None:
    """What the statements of a letter's handler have written is committed before the letter is settled."""
    commit = UnitOfWork.commit

    async def apart(self: UnitOfWork, rows: Any) -> None:
        transaction = self.transaction
        if transaction is not None and rows.settle is not None:
            self.transaction = None
            await transaction.commit(Unit())
        await commit(self, rows)

    patch.setattr(UnitOfWork, "commit", apart)
