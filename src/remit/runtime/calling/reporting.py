"""Calls that are reported to listeners, when they begin and when they end. Used only if a listener takes such
events."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, NoReturn

from remit.errors import (
    AlreadyExists,
    BadCursor,
    BadKey,
    BadLimit,
    BadPosition,
    BadValue,
    DeadlineExceeded,
    KeyReused,
    NotFound,
    OutcomeUnknown,
    Stale,
    TooLarge,
    Unavailable,
)
from remit.log import context_of, escaped
from remit.messages import Command, Query, Refusal, contract_of, fits
from remit.runtime.calling.calls import Calls
from remit.runtime.events import CallBegun, CallEnded, CallOutcome
from remit.runtime.work.attempts import DERIVED, Attempt
from remit.runtime.work.outcomes import CommandKey


class ReportedCalls(Calls):
    """Calls that are reported from their caller's point of view: including those refused before a handler is found, and
    with the time spent waiting for freshness."""

    def send(
        self,
        command: Command[Any, Any],
        *,
        key: str | None,
        deadline: float | None,
        caller: str = "",
        trace: str = "",
    ) -> Awaitable[Any]:
        if not key:
            trace = trace or self._ids.new()
        elif not trace and fits(key):  # nothing follows from an invalid key
            trace = escaped(key)
        try:
            doing = super().send(command, key=key, deadline=deadline, caller=caller, trace=trace)
        except Exception as error:  # noqa: BLE001  # raised where the call is awaited
            doing = _raise(error)
        return self._reported(doing, command, trace, caller.removesuffix(DERIVED))

    def receive(self, command: Command[Any, Any], claim: CommandKey, *, deadline: float) -> Awaitable[Any]:
        try:
            doing = super().receive(command, claim, deadline=deadline)
        except Exception as error:  # noqa: BLE001  # raised where the call is awaited
            doing = _raise(error)
        return self._reported(doing, command, claim.trace, claim.caller.removesuffix(DERIVED))

    async def send_within(
        self, outer: Attempt, run: int, command: Command[Any, Any], *, key: str | None, deadline: float | None
    ) -> Any:
        doing = super().send_within(outer, run, command, key=key, deadline=deadline)
        return await self._reported(doing, command, outer.trace, outer.context)

    def ask(
        self,
        query: Query[Any, Any],
        *,
        deadline: float | None,
        outer: Attempt | None = None,
        trace: str = "",
        fresh: bool | str = False,
        after: str = "",
    ) -> Awaitable[Any]:
        try:
            doing = super().ask(query, deadline=deadline, outer=outer, trace=trace, fresh=fresh, after=after)
        except Exception as error:  # noqa: BLE001  # raised where the call is awaited
            doing = _raise(error)
        if outer is None:
            return self._reported(doing, query, trace, "")
        return self._reported(doing, query, outer.trace, outer.context)

    async def _reported(self, doing: Awaitable[Any], message: Any, cause: str, caller: str) -> Any:
        """Reports the beginning of a call, awaits it, and reports its outcome. Returns and raises the same as the
        call."""
        said, (type, context, elsewhere) = self._listeners, self._named(message)
        seconds, ticks = said.seconds, said.ticks
        if (say_begun := said.call_begun) is not None:
            say_begun(CallBegun(seconds(), cause, type, context, caller, elsewhere))
        begun = ticks()
        outcome: CallOutcome = "cancelled"
        try:
            reply = await doing
            outcome = "replied"
        except BaseException as error:
            outcome = _outcome(error)
            raise
        finally:
            if (say_ended := said.call_ended) is not None:
                took = ticks() - begun
                say_ended(CallEnded(seconds(), cause, type, context, caller, elsewhere, took, outcome))
        return reply

    def _named(self, message: Any) -> tuple[str, str, bool]:
        """The wire name and the owner of a message, and whether another process handles it. The name of its class, if
        no context owns it."""
        kind = message.__class__
        if found := self._commands.get(kind) or self._queries.get(kind):
            type = found[1].contract.type
            return type, context_of(type), False
        if owner := self._owner_of(kind):
            return contract_of(kind, owner).type, owner, self._route(kind) is not None
        return kind.__name__, "", False


async def _raise(error: Exception) -> NoReturn:
    raise error


_INVALID = (KeyReused, NotFound, AlreadyExists, BadCursor, BadKey, BadLimit, BadPosition, BadValue, TooLarge)


def _outcome(error: BaseException) -> CallOutcome:
    if isinstance(error, Refusal):
        return "refused"
    if isinstance(error, DeadlineExceeded):
        return "deadline"
    if isinstance(error, OutcomeUnknown):
        return "unknown"
    if isinstance(error, (Unavailable, Stale)):
        return "unavailable"
    if isinstance(error, _INVALID):
        return "invalid"
    return "failed" if isinstance(error, Exception) else "cancelled"
