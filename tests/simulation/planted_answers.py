"""Bugs in what callers are told, in what is refused, and in what a run has to repeat."""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import BadKey, DeadlineExceeded
from remit.messages import Refusal, decode_reply
from remit.messages.codec import Codec
from remit.runtime.calling import applying, calls
from remit.runtime.following import handling
from remit.runtime.following.dispatch import DISPATCHERS
from remit.runtime.plan import LaterPlan
from remit.runtime.work import attempts, given, outcomes
from remit.runtime.work.attempts import DERIVED
from remit.runtime.work.called import Called
from remit.runtime.work.deadlines import seconds_of
from remit.runtime.work.unit import UnitOfWork
from remit.testing.simulation.programs.tape import all_of


def take_undeclared_refusals_for_done(patch: pytest.MonkeyPatch) -> None:
    """A command sent for later that raises what it does not declare is dropped."""
    later: Any = DISPATCHERS[LaterPlan]
    do = later._do

    async def dropped(self: Any, unit: Any, record: Any, found: Any, payload: Any) -> bool:
        try:
            done: bool = await do(self, unit, record, found, payload)
        except Refusal:
            return True
        return done

    patch.setattr(later, "_do", dropped)


def lose_what_the_silent_say(patch: pytest.MonkeyPatch) -> None:
    """What a command sent for later sends for later is lost where it changes nothing."""
    commit = handling.Handling._commit

    async def lost(self: Any, mine: Any, unit: Any, *more: Any) -> None:
        if self._dispatcher.singly and not unit.unit().changes:
            unit.entries.clear()
        await commit(self, mine, unit, *more)

    patch.setattr(handling.Handling, "_commit", lost)


def send_what_was_refused(patch: pytest.MonkeyPatch) -> None:
    """What a command sent for later has sent for later goes out although it was refused."""

    async def half(self: UnitOfWork) -> None:
        self._tracked.clear()

    patch.setattr(UnitOfWork, "forget", half)


def tell_other_fields(patch: pytest.MonkeyPatch) -> None:
    """A refusal that is stored arrives with other fields."""

    def other(*more: Any) -> Any:
        value = decode_reply(*more)
        if isinstance(value, Refusal):
            vars(value)["path"] = "another"
        return value

    patch.setattr(outcomes, "decode_reply", other)


def compare_no_refusals(patch: pytest.MonkeyPatch) -> None:
    """Where a refusal is stored, nobody looks whether the message is the same."""
    ended = outcomes.Outcomes._ended

    async def same(self: Any, store: Any, handler: Any, claim: Any, stored: Any) -> Any:
        refused = bytes(stored.outcome).startswith(b'{"refusal')
        return await ended(
            self, store, handler, claim, stored._replace(fingerprint=claim.fingerprint) if refused else stored
        )

    patch.setattr(outcomes.Outcomes, "_ended", same)


def drop_newer_fields_of_commands(patch: pytest.MonkeyPatch) -> None:
    """A command is handled without the fields that a release does not know."""

    def read(self: Codec[Any], data: bytes | str) -> Any:
        return self.restore(data)[0]

    patch.setattr(Codec, "read", read)


def refuse_short_calls(patch: pytest.MonkeyPatch) -> None:
    """Calls with less than a second are told at once that it is over."""

    def longer(deadline: float, where: str) -> float:
        return seconds_of(deadline if deadline >= 1.0 else 0.0, where)

    patch.setattr(calls, "seconds_of", longer)


def take_no_spaces(patch: pytest.MonkeyPatch) -> None:
    """An identity that ends in a space or has a quote is no identity."""
    repository: Any = given._Repository
    text = repository._text

    def plain(self: Any, id: Any) -> str:
        if id.endswith(" ") or "'" in id:
            raise BadKey(f"the identity {id!r} contains a NUL")
        known: str = text(self, id)
        return known

    patch.setattr(repository, "_text", plain)


def deny_what_is_new(patch: pytest.MonkeyPatch) -> None:
    """What a handler has just made is not found by it."""
    repository: Any = given._Repository
    get = repository.get

    async def stored(self: Any, id: Any, /) -> Any:
        tracked = await self._unit.load(self._plan, self._text(id))
        if tracked is not None and not tracked.version:
            raise given._not_found(self._plan, f"identity {id!r}", "an identity that was added")
        return await get(self, id)

    patch.setattr(repository, "get", stored)


def forget_answers(patch: pytest.MonkeyPatch) -> None:
    """Who asks again from outside is told that the time is over."""
    ended = outcomes.Outcomes._ended

    async def over(self: Any, store: Any, handler: Any, claim: Any, stored: Any) -> Any:
        if not claim.caller:
            raise DeadlineExceeded("it was applied some time ago")
        return await ended(self, store, handler, claim, stored)

    patch.setattr(outcomes.Outcomes, "_ended", over)


def tell_failures_of_what_is_applied(patch: pytest.MonkeyPatch) -> None:
    """Who fails after somebody else has applied the same is told the failure."""

    async def unknown(self: Any, *more: Any) -> None: ...

    patch.setattr(applying.Applying, "_applied_meanwhile", unknown)


def share_given_keys(patch: pytest.MonkeyPatch) -> None:
    """A key that a handler gives is one for all contexts."""
    made = outcomes.CommandKey.__init__

    def init(self: Any, caller: str, key: str, trace: str, type: str) -> None:
        made(self, caller, key, trace, type)
        if not caller.endswith(DERIVED):
            self.scope = type

    patch.setattr(outcomes.CommandKey, "__init__", init)


def let_runs_contradict(patch: pytest.MonkeyPatch) -> None:
    """A run after a conflict may call what it likes."""

    def nothing(self: Called) -> str:
        return ""

    patch.setattr(Called, "_left", nothing)


def see_contradictions_everywhere(patch: pytest.MonkeyPatch) -> None:
    """A run after a conflict that has called anything is told that it contradicts the one before."""
    left = Called._left

    def something(self: Called) -> str:
        return left(self) or ("x" if self._before else "")

    patch.setattr(Called, "_left", something)


def tell_refusals_before_failures(patch: pytest.MonkeyPatch) -> None:
    """Of a bug and a refusal that a task group has wrapped, the refusal is told."""
    meant = attempts.meant

    def refused(error: BaseException) -> Exception:
        refusals = [each for each in all_of(error) if isinstance(each, Refusal)]
        return refusals[0] if refusals else meant(error)

    patch.setattr(attempts, "meant", refused)


def write_two_new_aggregates(patch: pytest.MonkeyPatch) -> None:
    """A second aggregate that is new is written too."""
    take_up = UnitOfWork._take_up

    def two(self: Any, handler: Any, tracked: Any) -> Any:
        if self._written is not None and not tracked.version:
            self._written = None
        return take_up(self, handler, tracked)

    patch.setattr(UnitOfWork, "_take_up", two)


def park_at_once(patch: pytest.MonkeyPatch) -> None:
    """A key is parked when a message has failed once."""
    patch.setattr(handling, "ATTEMPTS", 1)
