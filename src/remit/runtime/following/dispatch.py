"""How one record is handled: decode it, hand it to the reaction, the projection, or the command."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from remit.errors import BadMessage, HandlerFailed
from remit.log import Record, forms_of, has_newer, is_command, trace_of, wish_of
from remit.messages import Refusal, write_reply
from remit.runtime.events import LaterRefused
from remit.runtime.following.effect import HANDLER_SECONDS
from remit.runtime.listeners import Listeners
from remit.runtime.plan import ContextPlan, FollowPlan
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.outcomes import CommandKey
from remit.runtime.work.shared import Shared
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Store


class Dispatcher:
    """Handles messages of one subscription, each within the time limit of a handler."""

    def __init__(
        self, follow: FollowPlan, plan: ContextPlan, store: Store, shared: Shared, listeners: Listeners
    ) -> None:
        self._follow = follow
        self._plan = plan
        self._store = store
        self._shared = shared
        self._listeners = listeners

    def unit(self, taken: frozenset[tuple[str, str]]) -> UnitOfWork:
        """A unit of work for some messages. `taken` is what it adds and is there already, if it is known."""
        return UnitOfWork(self._shared.workplaces[self._plan.name], _NOBODY, taken)

    def attempt(self, record: Record) -> Attempt:
        """A new attempt to handle a message. Its time is when the message was recorded."""
        origin = f"{record.id}.{self._follow.name}"
        return Attempt(origin, origin, trace_of(record), record.at, self._plan.name, float("inf"))

    def is_alone(self, record: Record) -> bool:
        """Whether a message needs a unit of work of its own: its handler may reach what is outside of it."""
        if self._follow.projection is not None:
            return False
        try:
            found, _ = _form(self._follow, record)
        except BadMessage:
            return True  # which is said when it is handled
        return found is not None and bool(found.alone)

    async def handle(self, unit: UnitOfWork, record: Record, attempt: Attempt) -> None:
        """Handles a message in a unit of work. Raises `TimeoutError`, and what `handle_record` raises."""
        limit = self._shared.deadlines.enter(HANDLER_SECONDS)
        attempt.deadline = limit.when
        unit.next_message(attempt, record.key)
        try:
            refusal = await self._apply(unit, record)
            limit.refuse_ended()
        except asyncio.CancelledError:
            if limit.owns_cancellation():
                raise TimeoutError(f"the handler took longer than {HANDLER_SECONDS:.0f} s") from None
            if limit.is_asked_to_end():
                raise
            raise HandlerFailed(
                "the handler raised CancelledError, and nobody had cancelled it", where=self._follow.name,
                expected="a handler that catches what it awaits and was cancelled",
                next="catch asyncio.CancelledError where a task or future of your own is awaited",
            ) from None  # fmt: skip
        finally:
            self._shared.deadlines.leave(limit)
        if refusal is not None:
            now = self._listeners.seconds()
            self._listeners.say(LaterRefused(now, attempt.trace, self._follow.name, record.type, record.id))
            await unit.forget()

    async def _apply(self, unit: UnitOfWork, record: Record) -> Refusal | None:
        """Handles it; a command that has a key, once. Gives the refusal with which a command may end."""
        if not self._follow.commands:
            await handle_record(self._follow, unit, record)
            return None
        try:
            await self._apply_command(unit, record)
        except Refusal as refusal:
            handler, _ = _form(self._follow, record)
            if refusal.__class__ not in handler.refusals:
                raise
            return refusal
        return None

    async def _apply_command(self, unit: UnitOfWork, record: Record) -> None:
        wish = wish_of(record)
        if wish is None:
            await handle_record(self._follow, unit, record)
            return
        claim, (handler, _) = CommandKey(*wish, trace_of(record), record.type), _form(self._follow, record)
        if handler is not None and await self._shared.outcomes.known(self._store, handler, claim) is None:
            reply = await handle_record(self._follow, unit, record)
            unit.claim = claim.row(write_reply(reply, handler.reply), self._shared.stamp())


_NOBODY = Attempt("", "", "", 0.0, "", 0.0)
"""Before the first message of a unit of work."""


async def handle_record(follow: FollowPlan, unit: UnitOfWork, record: Record) -> Any:
    """Handles a record if the subscription follows its type, in the newest version that it follows. Gives the reply.

    Otherwise does nothing. Raises `BadMessage` for undecodable bytes, for versions none of which is followed although
    the type is, and for commands without a handler; and whatever the handler raises.
    """
    found, payload = _form(follow, record)
    if found is None:
        return None
    if follow.projection is not None:
        return await unit.fold(follow.projection, found.read(payload))
    return await unit.run(found, found.codec.read(payload))


def _form(follow: FollowPlan, record: Record) -> tuple[Any, bytes]:
    """What handles the record, or None, and the payload that it takes."""
    followed: Any = follow.handlers if follow.projection is None else follow.codecs
    if has_newer(record):
        for version, payload in sorted(forms_of(record).items(), reverse=True):
            if found := followed.get((record.type, version)):
                return found, payload
    elif found := followed.get((record.type, record.version)):
        return found, record.payload
    _refuse_unknown(follow, followed, record)
    return None, b""


def _refuse_unknown(follow: FollowPlan, followed: Collection[tuple[str, int]], record: Record) -> None:
    """What is not followed is skipped, unless it is meant for this subscription: another release can handle it."""
    known = sorted(version for type, version in followed if type == record.type)
    if known:
        came = _in_words(sorted(forms_of(record)))
        raise BadMessage(
            f"{record.type} came in version {came}, and {follow.name} follows version {_in_words(known)}",
            where=follow.name, expected="a version that is followed",
            next="follow both versions for as long as both come",
        )  # fmt: skip
    if follow.commands and record.type.startswith(f"{follow.name.partition('.')[0]}.") and is_command(record):
        raise BadMessage(
            f"there is no handler for the command {record.type}, which was sent for later", where=follow.name,
            expected="a handler in this release", next="release what handles a command before what sends it",
        )  # fmt: skip


def _in_words(versions: Collection[int]) -> str:
    return " and ".join(map(str, versions))
