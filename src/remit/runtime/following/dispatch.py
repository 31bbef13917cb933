"""Handles single messages: decodes them and runs their handler, by the kind of subscription."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from remit.errors import BadMessage, HandlerFailed, NotAllowed
from remit.log import MessageRecord, carried_by, forms_of, has_newer, is_command, moment_of, trace_of, wish_of
from remit.messages import Refusal, write_reply
from remit.runtime.events import LaterRefused
from remit.runtime.following.effect import HANDLER_SECONDS
from remit.runtime.following.refused import noted
from remit.runtime.listeners import Listeners
from remit.runtime.plan import FollowPlan, HandlerPlan, LaterPlan, ReactionPlan, TranslatorPlan
from remit.runtime.upcasting import takes_old
from remit.runtime.work.attempts import Attempt, is_end, meant
from remit.runtime.work.carried import carried
from remit.runtime.work.deadlines import NEVER, Limit
from remit.runtime.work.lost import refuse_returned
from remit.runtime.work.outcomes import CommandKey, speaker_of
from remit.runtime.work.shared import Shared
from remit.runtime.work.turns import Taken
from remit.runtime.work.unit import UnitOfWork

_NOBODY = Attempt("", "", "", 0.0, "", 0.0)
"""Before the first message of a unit of work."""


class Dispatcher:
    """Handles messages of one subscription, each within the time limit of a handler. This class serves reactions;
    subclasses serve the other kinds."""

    singly = False
    """Whether every message has a unit of work of its own."""

    def __init__(self, follow: FollowPlan[Any], shared: Shared, listeners: Listeners) -> None:
        self._follow: Any = follow
        self._name = follow.id.name
        self._upcasters = follow.upcasters
        self._types = takes_old({type for type, _ in follow.takes}, follow.upcasters)
        self._shared = shared
        self._listeners = listeners
        self._workplace = shared.workplaces[follow.id.context]
        self._joins_sql = self._workplace.store.technology.sql_of_several

    def unit(self, taken: Taken | None) -> UnitOfWork:
        """A unit of work for one or several messages. `taken` is where the one before failed to add aggregates."""
        return UnitOfWork(self._workplace, _NOBODY, taken=taken)

    def attempt(self, record: MessageRecord) -> Attempt:
        """A new attempt at a message. Its time is the time of the message's envelope."""
        origin = f"{record.id}.{self._name}"
        context = self._workplace.plan.name
        return Attempt(origin, origin, trace_of(record), moment_of(record), context, NEVER, record=record.id)

    def is_alone(self, record: MessageRecord) -> bool:
        """Whether a message needs a unit of work of its own, because its handler may have effects outside of it."""
        if self._is_old(record):
            return any(map(self._needs_its_own, self._follow.takes.values()))
        try:
            found, _ = self._form(record)
        except BadMessage:
            return True  # reported when it is handled
        return found is not None and self._needs_its_own(found)

    def _needs_its_own(self, handler: HandlerPlan | TranslatorPlan) -> bool:
        return handler.alone and not (handler.only_sql and self._joins_sql)

    def takes(self, record: MessageRecord) -> bool:
        """Whether the subscription follows messages of this type, in any version."""
        return record.type in self._types

    async def handle(self, unit: UnitOfWork, record: MessageRecord, attempt: Attempt) -> None:
        """Handles a message in a unit of work, in the newest version that the subscription follows. Skips types that it
        does not follow.

        Raises `BadMessage` for bytes that cannot be decoded, for a followed type in versions that are not followed, and
        for commands without a handler; `TimeoutError`; and whatever the handler raises.
        """
        limit = self._shared.deadlines.enter(HANDLER_SECONDS)
        attempt.deadline = limit.when
        unit.next_message(attempt, record.key)
        if self._shared.carries:
            carried.set(carried_by(record))
        try:
            refused = None
            if self._is_old(record):
                await self._handle_old(unit, record, attempt)
            else:
                found, payload = self._form(record)
                refused = None if found is None else await self._do(unit, record, found, payload)
            limit.refuse_ended()
        except BaseException as error:
            if (failure := self._failure(error, limit)) is None:
                raise
            raise failure from error
        finally:
            self._shared.deadlines.leave(limit)
        if refused is not None:
            now = self._listeners.seconds()
            said = LaterRefused(now, attempt.trace, self._name, record.type, record.id, record.key, refused)
            unit.beside = await noted(self._workplace.store, self._follow.id, record, refused, self._shared.seconds())
            unit.refused = said

    def _failure(self, error: BaseException, limit: Limit) -> Exception | None:
        """The failure that an error within a limit means. None: it means itself, or the task was asked to end."""
        if not isinstance(error, asyncio.CancelledError):
            return None if isinstance(error, Exception) or is_end(error) else meant(error)
        if limit.owns_cancellation():
            return TimeoutError(f"the handler took longer than {HANDLER_SECONDS:.0f} s")
        if limit.is_asked_to_end():
            return None
        return HandlerFailed(
            "the handler raised CancelledError, but its task was not cancelled", where=self._name,
            expected="a handler that catches what it awaits and was cancelled",
            next="catch asyncio.CancelledError where a task or future of your own is awaited",
        )  # fmt: skip

    def _is_old(self, record: MessageRecord) -> bool:
        """Whether a record is a domain event in a version for which there is an upcaster."""
        return self._upcasters is not None and (record.type, record.version) in self._upcasters

    async def _handle_old(self, unit: UnitOfWork, record: MessageRecord, attempt: Attempt) -> None:
        """Handles what an old event has become: nothing, one event, or several in order, in this unit of work."""
        assert self._upcasters is not None  # noqa: S101  # asked by `_is_old` before
        for number, form in enumerate(self._upcasters.newest(record.type, record.version, record.payload)):
            as_new = record._replace(type=form.type, version=form.version, payload=form.payload)
            found, payload = self._form(as_new)
            if found is None:
                continue
            if number:
                unit.next_message(attempt.part(number), record.key)
            await self._do(unit, as_new, found, payload)

    async def _do(self, unit: UnitOfWork, record: MessageRecord, found: Any, payload: bytes) -> Refusal | None:
        """Runs the handler. Returns the refusal with which a command has ended."""
        reply = await unit.run(found, found.codec.read(payload))
        if reply is not None:
            refuse_returned(found, reply)
        return None

    def _form(self, record: MessageRecord) -> tuple[Any, bytes]:
        """The handler of a record, or None, and the payload in its version. Raises `BadMessage`."""
        takes = self._follow.takes
        if has_newer(record):
            for version, payload in sorted(forms_of(record).items(), reverse=True):
                if found := takes.get((record.type, version)):
                    return found, payload
        elif found := takes.get((record.type, record.version)):
            return found, record.payload
        self._refuse_unknown(record)
        return None, b""

    def _refuse_unknown(self, record: MessageRecord) -> None:
        """Raises `BadMessage` for a followed type in another version, which a later release may handle."""
        known = sorted(version for type, version in self._follow.takes if type == record.type)
        if known:
            came = _in_words(sorted(forms_of(record)))
            raise BadMessage(
                f"{record.type} came in version {came}, but {self._name} follows version {_in_words(known)}",
                where=self._name, expected="a version that is followed",
                next="follow both versions for as long as both come",
            )  # fmt: skip


class _ApplyingLater(Dispatcher):
    """Applies commands that were sent for later; a command with a key, once."""

    singly = True

    async def _do(self, unit: UnitOfWork, record: MessageRecord, found: Any, payload: bytes) -> Refusal | None:
        wish = wish_of(record)
        self._refuse_undeclared(record, wish)
        claim = None if wish is None else CommandKey(*wish, trace_of(record), record.type)
        try:
            if await self._shared.outcomes.known(self._workplace.store, found, claim) is None:
                reply = await unit.run(found, found.codec.read(payload))
                refused = reply if isinstance(reply, Refusal) else None
                if claim is not None:
                    outcome = write_reply(reply, found.reply, found.refusals)
                    unit.claim = claim.row(outcome, self._shared.stamp())
                elif refused is not None:
                    write_reply(reply, found.reply, found.refusals)
                return refused
        except Refusal as refusal:
            if refusal.__class__ not in found.refusals:
                raise
            await unit.forget()  # a raised refusal changes nothing; a returned one is committed above
            return refusal
        return None

    def _refuse_undeclared(self, record: MessageRecord, wish: tuple[str, str] | None) -> None:
        """Raises `NotAllowed` for a command that the context map does not let the source send, and for one with a key
        of another context."""
        source = self._follow.id.source
        usable = self._follow.usable if isinstance(self._follow, LaterPlan) else None
        what = ""
        if usable is not None and record.type.rpartition(".")[2] not in usable:
            what = f"the context map does not let {source} send {record.type}"
        elif wish is not None and speaker_of(wish[0]) != source:
            what = f"{source} gives a key of {speaker_of(wish[0])}"
        if what:
            raise NotAllowed(
                what, where=self._name, expected="a command that the map lets the source send, with a key of its own",
                next="declare the relation, then remit parked retry; or remit parked discard",
            )  # fmt: skip

    def _refuse_unknown(self, record: MessageRecord) -> None:
        super()._refuse_unknown(record)
        if record.type.startswith(f"{self._follow.id.context}.") and is_command(record):
            raise BadMessage(
                f"there is no handler for the command {record.type}, which was sent for later", where=self._name,
                expected="a handler in this release", next="release the handler of a command before its sender",
            )  # fmt: skip


DISPATCHERS: dict[type, type[Dispatcher]] = {ReactionPlan: Dispatcher, LaterPlan: _ApplyingLater}
"""The dispatcher of each kind of subscription whose handlers are called with single messages."""


def _in_words(versions: Collection[int]) -> str:
    return " and ".join(map(str, versions))
