"""The sender that handlers are given: what they call comes of the message that they handle."""

from __future__ import annotations

from typing import Any

from remit.contexts import Sender
from remit.errors import CallError
from remit.messages import Command, Query, Refusal
from remit.runtime.calling.calls import Calls
from remit.runtime.work.unit import UnitOfWork


class UnitSender:
    """The sender of a unit of work: keys are derived from the handled message, the deadline is inherited."""

    __slots__ = ("_attempt", "_calls", "_run", "_unit")

    def __init__(self, calls: Calls, unit: UnitOfWork) -> None:
        self._calls = calls
        self._unit = unit
        self._attempt = unit.attempt
        self._run = unit.attempt.run

    async def send(self, command: Any, /, *, deadline: float | None = None, key: str | None = None) -> Any:
        attempt = self._attempt
        if not attempt.origin:
            raise CallError(
                f"the handler of a query cannot send {type(command).__name__}: a question changes nothing",
                where=attempt.context, next="send it from a command's handler, or from a reaction",
            )  # fmt: skip
        attempt.refuse_late(self._run, f"{type(command).__name__} was sent")
        self._unit.overlook()
        return await self._calls.send_within(attempt, command, key=key, deadline=deadline)

    async def ask(self, query: Any, /, *, deadline: float | None = None, fresh: bool | str = False) -> Any:
        if fresh is not False:
            raise CallError(
                "a handler cannot wait for a fresh answer", where=self._attempt.context,
                next="react to the event instead",
            )  # fmt: skip
        return await self._calls.ask(query, deadline=deadline, outer=self._attempt)

    async def attempt(self, message: Any, /, *, deadline: float | None = None, key: str | None = None) -> Any:
        return await attempt(self, message, deadline, key)


async def attempt(
    sender: Sender, message: Command[Any, Any] | Query[Any, Any], deadline: float | None, key: str | None
) -> Any:
    """The reply, or the refusal as a value."""
    try:
        if isinstance(message, Query):
            return await sender.ask(message, deadline=deadline)
        return await sender.send(message, deadline=deadline, key=key)
    except Refusal as refusal:
        return refusal
