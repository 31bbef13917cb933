"""The sender for handlers: the calls it makes belong to the handled message."""

from __future__ import annotations

from typing import Any

from remit.contexts import Sender
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
        self._unit.overlook()
        reach = self._unit.workplace.reach
        if reach is not None and command.__class__ not in reach.covered:
            reach.require(command.__class__, "calls")
        return await self._calls.send_within(self._attempt, self._run, command, key=key, deadline=deadline)

    async def ask(
        self, query: Any, /, *, deadline: float | None = None, fresh: bool | str = False, after: str = ""
    ) -> Any:
        reach = self._unit.workplace.reach
        if reach is not None and query.__class__ not in reach.covered:
            reach.require(query.__class__, "calls")
        return await self._calls.ask(query, deadline=deadline, outer=self._attempt, fresh=fresh, after=after)

    async def attempt(self, message: Any, /, *, deadline: float | None = None, key: str | None = None) -> Any:
        return await attempt(self, message, deadline, key)


async def attempt(
    sender: Sender, message: Command[Any, Any] | Query[Any, Any], deadline: float | None, key: str | None
) -> Any:
    """Returns the reply, or a refusal as a value."""
    try:
        if isinstance(message, Query):
            return await sender.ask(message, deadline=deadline)
        return await sender.send(message, deadline=deadline, key=key)
    except Refusal as refusal:
        return refusal
