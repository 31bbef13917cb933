"""The calls of a tested handler. The runtime makes them, by its own rules; the test answers them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from remit.contexts.annotations import is_kind
from remit.errors import CallError
from remit.log import SubscriptionId
from remit.messages import Codec, Command, Contract, Message, Refusal, reply_of, write_reply
from remit.runtime import Listeners, Ports
from remit.runtime.calling.calls import Calls
from remit.runtime.calling.sender import attempt
from remit.runtime.calling.telling import Telling
from remit.runtime.freshness.freshness import Freshness
from remit.runtime.services import Services
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.deadlines import Deadlines, Limit
from remit.runtime.work.outcomes import CommandKey
from remit.runtime.work.shared import Shared
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Store, Unit
from remit.testing.compiled import codec_of

Answer = Callable[[Any, Limit], Awaitable[Any]]
"""Gives the reply to a message, within the limit of the call."""


@dataclass(frozen=True)
class _Target:
    """A command or query that a handler calls: the part of a `HandlerPlan` that its caller needs."""

    contract: Contract
    codec: Codec[Any]
    reply: Codec[Any]
    refusals: tuple[type[Refusal], ...]
    name: str


class StepCalls:
    """The calls of all handlers of one step. For the runtime, each goes to another process.

    `contract` gives the contract of a message, and `answer` the reply to it; a refusal is returned or raised. The calls
    are added to `called`. Outcomes of commands are kept in `store`, by their keys. The time limits of the calls are
    among `deadlines`.
    """

    def __init__(
        self,
        contract: Callable[[Any], Contract],
        answer: Answer,
        called: list[Any],
        store: Store,
        ports: Ports,
        deadlines: Deadlines,
    ) -> None:
        listeners = Listeners([], ports.clock)
        shared = Shared({}, {}, {}, Services([]), ports, ports.clock.seconds, listeners, _no_sender)
        self._calls = Calls(
            shared, ports, listeners, Freshness((), _is_never_regressed), lambda _: None, parity=True, elsewhere=self
        )  # fmt: skip
        self._telling = Telling(listeners, parity=True)
        self._outcomes, self._stamp = shared.outcomes, shared.stamp
        self._contract, self._answer, self._called, self._store = contract, answer, called, store
        self._deadlines = deadlines
        self._targets: dict[Any, _Target] = {}

    def sender(self, unit: UnitOfWork) -> StepSender:
        """The sender for the handlers of a unit of work."""
        return StepSender(self._calls, unit)

    def route(self, message: Any, /) -> _Target:
        """As `Elsewhere.route`: every command and query has an answer, or the test fails."""
        target = self._targets.get(message)
        if target is None:
            reply, refusals = reply_of(message)
            contract = self._contract(message)
            target = _Target(contract, codec_of(message), Codec(reply), refusals, contract.type)
            self._targets[message] = target
        return target

    async def call(self, message: Message, seconds: float, latest: float, /, *, claim: CommandKey) -> Any:
        """As `Elsewhere.call`. A command whose key was used gets the outcome of the first one."""
        target: Any = self.route(type(message))
        if is_kind(type(message), Command) is not bool(claim.key):  # only commands have keys
            raise CallError(
                f"no handler for {type(message).__name__}", where=target.name,
                expected="a command that is sent, or a query that is asked",
            )  # fmt: skip
        arriving = target.codec.read(target.codec.write(message))
        self._called.append(arriving)
        if claim.key:
            claim.sign(target, arriving)
            if known := await self._outcomes.known(self._store, target, claim):
                return known[0]
        limit = self._deadlines.enter(seconds, latest)
        try:
            reply = await self._told(target, arriving, limit)
        finally:
            self._deadlines.leave(limit)
        if claim.key:
            row = claim.row(write_reply(reply, target.reply), self._stamp())
            await self._store.commit(Unit(claim=row))
        if isinstance(reply, Refusal):
            claim.kept = True
            raise reply
        return reply

    async def _told(self, target: Any, arriving: Any, limit: Limit) -> Any:
        """The reply as the caller receives it. A refusal that is raised is not kept, as in the runtime."""
        try:
            return self._telling.returned(target, await self._answer(arriving, limit))
        except BaseException as error:  # noqa: BLE001  # as in the runtime, which raises what may end a task
            self._telling.tell(target, limit, error, "")


class StepSender:
    """The `Sender` for a tested handler."""

    def __init__(self, calls: Calls, unit: UnitOfWork) -> None:
        self._calls = calls
        self._attempt: Any = _Calling(unit.attempt)
        self._run = unit.attempt.run

    async def send(self, command: Any, /, *, deadline: float | None = None, key: str | None = None) -> Any:
        return await self._calls.send_within(self._attempt, self._run, command, key=key, deadline=deadline)

    async def ask(
        self, query: Any, /, *, deadline: float | None = None, fresh: bool | str = False, after: str = ""
    ) -> Any:
        return await self._calls.ask(query, deadline=deadline, outer=self._attempt, fresh=fresh, after=after)

    async def attempt(self, message: Any, /, *, deadline: float | None = None, key: str | None = None) -> Any:
        return await attempt(self, message, deadline, key)


class _Calling:
    """The attempt of a step, as its calls see it. It has an origin, except for a query. The attempt itself has none, so
    that the handler gets the identities and the time of the test."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self.origin = attempt.cause

    def __getattr__(self, name: str) -> Any:
        return getattr(self._attempt, name)


def _no_sender(unit: UnitOfWork) -> Any:
    """Never called: no handler runs in these calls' own workplaces, and the step gives its handler a `StepSender`."""
    raise AssertionError


async def _is_never_regressed(id: SubscriptionId) -> bool:
    return False
