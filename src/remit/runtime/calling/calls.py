"""Direct calls: a function call in its own unit of work, without serialisation, always with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from remit.contexts import Ids, Sender
from remit.errors import CallError
from remit.log import escaped
from remit.messages import Codec, Command, Contract, Message, Query, Refusal, contract_of, fits, require_key
from remit.runtime.calling.applying import Applying, Binding
from remit.runtime.calling.deadlines import NEVER, Deadlines, seconds_of
from remit.runtime.calling.hearing import Call, Hearing
from remit.runtime.calling.outcomes import Claimed, Outcomes
from remit.runtime.calling.telling import Telling
from remit.runtime.listeners import Listeners
from remit.runtime.plan import ContextPlan, HandlerPlan
from remit.runtime.ports import Ports
from remit.runtime.services import Services
from remit.runtime.store_time import StoreTime
from remit.runtime.work.attempts import DERIVED, Attempt
from remit.runtime.work.called import identity_of
from remit.runtime.work.turns import Turns
from remit.runtime.work.unit import Forms, UnitOfWork, Workplace
from remit.stores import Store

DEADLINE = 10.0
"""Seconds a call may take when nobody says otherwise."""
MARGIN = 0.005
"""Seconds before its own deadline at which a handler learns how its call to another process has ended."""


class Target(Protocol):
    """What handles a command or query, wherever that is."""

    @property
    def contract(self) -> Contract:
        """Of the command or query."""
        ...

    @property
    def codec(self) -> Codec[Any]:
        """What says whether two of them are the same."""
        ...


class Elsewhere(Protocol):
    """Calls contexts in other processes."""

    def route(self, message: type[Message], /) -> Target | None:
        """Who handles a command or query; None when nobody is known who does."""
        ...

    def call(
        self, message: Message, seconds: float, latest: float, /, *, key: str, caller: str, trace: str
    ) -> Awaitable[Any]:
        """The reply of who handles it, within so many seconds, and not after the loop time `latest`. Raises the
        declared refusals and `CallError`s."""
        ...


class Calls:
    """Finds the handler of a command or query and runs it."""

    def __init__(
        self,
        plans: Mapping[str, ContextPlan],
        stores: Mapping[str, Store],
        contracts: Mapping[type, Contract],
        services: Services,
        ports: Ports,
        time: StoreTime,
        listeners: Listeners,
        *,
        parity: bool,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.ids: Ids = ports.ids
        self.seconds: Callable[[], float] = ports.clock.seconds
        self.stamp: Callable[[], float] = time.stamp
        """The time of what is deleted by its age."""
        self.deadlines = Deadlines()
        self.turns = Turns()
        self.recovered = Pulse()
        """Rung when an address that was not called is called again."""
        self.outcomes = Outcomes(self.stamp)
        self._applying = Applying(self.outcomes, self.turns, ports.random)
        self._telling = Telling(listeners, parity=parity)
        self._parity = parity
        said = listeners.call_begun is not None or listeners.call_ended is not None
        self._hearing = Hearing(listeners) if said else None
        self._elsewhere = elsewhere
        published = Forms({}, contracts.__getitem__)
        self.workplaces = {
            name: Workplace(
                plan, stores[name], Forms(plan.events, _owned_by(name)), published,
                services.of(name), ports.ids, ports.clock, ports.clock.seconds, self.within, listeners.unit_committed,
            )
            for name, plan in plans.items()
        }  # fmt: skip
        """By context: what the units of work here have around them."""
        self._commands = _bindings(self.workplaces, lambda plan: plan.commands)
        self._queries = _bindings(self.workplaces, lambda plan: plan.queries)

    def within(self, unit: UnitOfWork) -> _UnitSender:
        """The sender a handler gets: keys are derived from the handled message, the deadline is inherited."""
        return _UnitSender(self, unit)

    def send(
        self,
        command: Command[Any, Any],
        *,
        key: str | None,
        deadline: float | None,
        caller: str = "",
        trace: str = "",
    ) -> Coroutine[Any, Any, Any]:
        """The reply to a command from outside of any handler here. Raises its refusals and `CallError`s.

        `caller` is who gave the key, `trace` what the command belongs to where another process says so. Raises `BadKey`
        for a key that cannot be one, and `BadValue` for a command that could not be read again.
        """
        if key is not None and not (key and fits(key)):
            require_key(key, type(command).__name__)
        found = self._commands.get(type(command))
        if found is not None:
            trace = trace or escaped(key) if key else self.ids.new()
            claim = Claimed(caller, key, trace, found[1].contract.type) if key else None
            if self._hearing is None:
                return self._here(found, command, deadline, claim, None, trace)
            call = Call(found[1].contract.type, trace, caller.removesuffix(DERIVED))
            return self._hearing.heard(call, self._here, found, command, deadline, claim, None, trace)
        key = key or self.ids.new()
        target = self._target(command, "handle")
        claim = Claimed(caller, key, trace or escaped(key), target.contract.type)
        return self._called(command, target, deadline, claim, None)

    async def send_within(
        self, outer: Attempt, command: Command[Any, Any], *, key: str | None, deadline: float | None
    ) -> Any:
        """The reply to a command that a handler sends. Raises as `send`, `KeyReused` and `Diverged`."""
        if key is not None and not (key and fits(key)):
            require_key(key, type(command).__name__)
        found = self._commands.get(type(command))
        target = found[1] if found is not None else self._target(command, "handle")
        contract, caller, called = target.contract, outer.context, outer.calls()
        mark = f"{contract.type}\0{key}"
        if not key:
            identity = None if contract.identity is None else identity_of(getattr(command, contract.identity))
            key = mark = called.key_of(contract.type, target.codec.canonical(command), identity)
            caller += DERIVED
        claim, run = Claimed(caller, key, outer.trace, contract.type), outer.run
        called.enter(mark, contract.type)
        failed: BaseException | None = None
        try:
            if found is None:
                return await self._called(command, target, deadline, claim, outer)
            if self._hearing is None:
                return await self._here(found, command, deadline, claim, outer, outer.trace)
            call = Call(contract.type, outer.trace, outer.context)
            return await self._hearing.heard(call, self._here, found, command, deadline, claim, outer, outer.trace)
        except BaseException as error:
            failed = error
            raise
        finally:
            called.leave(mark, failed, over=run != outer.run)

    async def _here(
        self,
        found: Binding,
        command: Any,
        deadline: float | None,
        claim: Claimed | None,
        outer: Attempt | None,
        trace: str,
    ) -> Any:
        """`trace` is what the command belongs to: without a key it is all that it is known by."""
        workplace, handler = found
        arriving = self._telling.travelled(handler, command) if self._parity else command
        if claim is not None:
            claim.sign(handler, arriving)
        seconds = DEADLINE if deadline is None else seconds_of(deadline)
        limit = self.deadlines.enter(seconds, NEVER if outer is None else outer.deadline)
        try:
            if claim is None:
                attempt = Attempt(trace, trace, trace, self.seconds(), workplace.plan.name, limit.when)
                reply = await self._applying.apply(limit, found, arriving, None, attempt)
            else:
                reply = await self._applying.once(limit, found, arriving, claim, outer, self.seconds())
            return self._telling.returned(handler, reply) if self._parity else reply
        except BaseException as error:  # noqa: BLE001  # whatever a handler raises must not reach the caller
            self._telling.tell(handler, limit, error, trace)
        finally:
            self.deadlines.leave(limit)

    def ask(
        self, query: Query[Any, Any], *, deadline: float | None, outer: Attempt | None = None, trace: str = ""
    ) -> Coroutine[Any, Any, Any]:
        """The answer to a query. `trace` is what it belongs to where another process says so. Raises its refusals and
        `CallError`s."""
        found, trace = self._queries.get(type(query)), outer.trace if outer is not None else trace
        if found is None:
            target = self._target(query, "answer")
            return self._called(query, target, deadline, Claimed("", "", trace, ""), outer)
        if self._hearing is None:
            return self._answered(found, query, deadline, outer, trace)
        call = Call(found[1].contract.type, trace, outer.context if outer is not None else "")
        return self._hearing.heard(call, self._answered, found, query, deadline, outer, trace)

    async def _answered(
        self, found: Binding, query: Any, deadline: float | None, outer: Attempt | None, trace: str
    ) -> Any:
        workplace, handler = found
        arriving = self._telling.travelled(handler, query) if self._parity else query
        seconds = DEADLINE if deadline is None else seconds_of(deadline)
        limit = self.deadlines.enter(seconds, NEVER if outer is None else outer.deadline)
        try:
            unit = UnitOfWork(workplace, Attempt("", "", trace, 0.0, workplace.plan.name, limit.when))
            try:
                answer = await unit.read(handler, arriving)
            finally:
                if unit.transaction is not None:
                    await unit.aclose()
            if limit.asked:
                limit.refuse_late()
            return self._telling.returned(handler, answer) if self._parity else answer
        except BaseException as error:  # noqa: BLE001  # whatever a handler raises must not reach the caller
            self._telling.tell(handler, limit, error, trace)
        finally:
            self.deadlines.leave(limit)

    async def _called(
        self, message: Message, target: Target, deadline: float | None, claim: Claimed, outer: Attempt | None
    ) -> Any:
        """Calls a context in another process: with a key always, so that an attempt can be repeated."""
        assert self._elsewhere is not None  # noqa: S101  # it knows who handles the message
        seconds = DEADLINE if deadline is None else seconds_of(deadline)
        latest = outer.deadline - MARGIN if outer is not None else NEVER
        more = {"key": claim.key, "caller": claim.caller, "trace": claim.trace}
        if self._hearing is None:
            return await self._elsewhere.call(message, seconds, latest, **more)
        by = claim.caller if outer is None else outer.context
        call = Call(target.contract.type, claim.trace, by, elsewhere=True)
        return await self._hearing.heard(call, self._elsewhere.call, message, seconds, latest, **more)

    def _target(self, message: Message, decorator: str) -> Target:
        """Who handles a message elsewhere. Raises `CallError`."""
        target = None if self._elsewhere is None else self._elsewhere.route(type(message))
        if target is None:
            known = sorted(m.__name__ for m in (self._commands if decorator == "handle" else self._queries))
            raise CallError(
                f"no handler for {type(message).__name__}", where=type(message).__module__,
                expected=f"one of: {', '.join(known)}", next=f"@<context>.{decorator}({type(message).__name__})",
            )  # fmt: skip
        return target


def _owned_by(context: str) -> Callable[[Any], Contract]:
    return lambda event: contract_of(event, context)


def _bindings(
    workplaces: Mapping[str, Workplace], handlers: Callable[[ContextPlan], Mapping[type, HandlerPlan]]
) -> dict[type, Binding]:
    return {
        message: (workplace, handler)
        for workplace in workplaces.values()
        for message, handler in handlers(workplace.plan).items()
    }


class _UnitSender:
    """The sender of a handler."""

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


class Pulse:
    """Wakes whoever is waiting at this moment; who comes later waits for the next time."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """It happens."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Returns when it happens, or after so many seconds."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait([waiter], timeout=seconds)
        finally:
            self._waiting.discard(waiter)
