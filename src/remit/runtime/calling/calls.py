"""Direct calls: a function call in its own unit of work, without serialisation, always with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NoReturn

import msgspec

from remit.contexts import Clock, Ids, Sender
from remit.errors import (
    AlreadyExists,
    BadKey,
    BadValue,
    CallError,
    Conflict,
    DeadlineExceeded,
    HandlerFailed,
    NotFound,
    OutcomeUnknown,
    RemitError,
    StoreError,
    StoreUnavailable,
)
from remit.log import escaped
from remit.messages import (
    Command,
    Contract,
    Message,
    Query,
    Refusal,
    decode_reply,
    fits,
    require_key,
    write_reply,
)
from remit.runtime.calling.deadlines import NEVER, Deadlines, Limit, seconds_of
from remit.runtime.calling.outcomes import Claimed, Outcomes, UnderWay, learn
from remit.runtime.calling.pulse import Pulse
from remit.runtime.failures import told
from remit.runtime.plan import ContextPlan, HandlerPlan
from remit.runtime.ports import Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.wire import Route
from remit.runtime.signals import Listener, Signal
from remit.runtime.store_time import StoreTime
from remit.runtime.work.attempts import DERIVED, Attempt, identity_of, is_end
from remit.runtime.work.turns import Place, Turns
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Store, Unit, was_written

__all__ = ["Calls", "attempt"]

_NO_ROWS = Unit()
_AT_FIRST: tuple[Place | None, frozenset[Place]] = None, frozenset()
"""Before the first run of a handler: its turn, and what others are known to have added."""
DEADLINE = 10.0
"""Seconds a call may take when nobody says otherwise."""
MARGIN = 0.005
"""Seconds before its own deadline at which a handler learns how its call to another process has ended."""

Binding = tuple[ContextPlan, Store, HandlerPlan]
"""A handler in this process."""


class Calls:
    """Finds the handler of a command or query and runs it."""

    def __init__(
        self,
        plans: Mapping[str, ContextPlan],
        stores: Mapping[str, Store],
        contracts: Mapping[type, Contract],
        ports: Ports,
        time: StoreTime,
        listener: Listener,
        *,
        parity: bool,
        remote: RemoteCalls | None = None,
    ) -> None:
        self.contracts: Mapping[type, Contract] = contracts
        self.ids: Ids = ports.ids
        self.clock: Clock = ports.clock
        self.seconds: Callable[[], float] = ports.clock.seconds
        self.stamp: Callable[[], float] = time.stamp
        """The time of what is deleted by its age."""
        self.deadlines = Deadlines()
        self.turns = Turns()
        self.recovered = Pulse()
        """Rung when an address that was not called is called again."""
        self.outcomes = Outcomes(self.stamp)
        self._under_way = UnderWay()
        self._random = ports.random
        self._listener = listener
        self._parity = parity
        self._remote = remote
        self._commands = {m: (plan, stores[plan.name], h) for plan in plans.values() for m, h in plan.commands.items()}
        self._queries = {m: (plan, stores[plan.name], h) for plan in plans.values() for m, h in plan.queries.items()}

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
        if found is None:
            return self._send_elsewhere(command, key or self.ids.new(), deadline, caller, trace)
        claim = Claimed(caller, key, trace or escaped(key), found[2].contract.type) if key else None
        return self._here(found, command, deadline, claim, None)

    async def _send_elsewhere(
        self, command: Command[Any, Any], key: str, deadline: float | None, caller: str, trace: str
    ) -> Any:
        route = self._route(command, "handle")
        claim = Claimed(caller, key, trace or escaped(key), route.contract.type)
        return await self._elsewhere(route, command, deadline, claim, None)

    async def send_within(
        self, outer: Attempt, command: Command[Any, Any], *, key: str | None, deadline: float | None
    ) -> Any:
        """The reply to a command that a handler sends. Raises as `send`, `KeyReused` and `Diverged`."""
        if key is not None and not (key and fits(key)):
            require_key(key, type(command).__name__)
        found = self._commands.get(type(command))
        target: HandlerPlan | Route = found[2] if found is not None else self._route(command, "handle")
        contract, caller = target.contract, outer.context
        mark = f"{contract.type}\0{key}"
        if not key:
            identity = None if contract.identity is None else identity_of(getattr(command, contract.identity))
            key = outer.key_of(contract.type, target.codec.canonical(command), identity)
            mark = key
            caller += DERIVED
        claim, run = Claimed(caller, key, outer.trace, contract.type), outer.run
        outer.enter(mark, contract.type)
        failed: BaseException | None = None
        try:
            if isinstance(target, Route):
                return await self._elsewhere(target, command, deadline, claim, outer)
            assert found is not None  # noqa: S101  # the target is its handler
            return await self._here(found, command, deadline, claim, outer)
        except BaseException as error:
            failed = error
            raise
        finally:
            outer.leave(mark, run, failed)

    async def _here(
        self, found: Binding, command: Any, deadline: float | None, claim: Claimed | None, outer: Attempt | None
    ) -> Any:
        plan, _, handler = found
        arriving = self._travel(handler, command) if self._parity else command
        if claim is not None:
            claim.sign(handler, arriving)
        seconds = DEADLINE if deadline is None else seconds_of(deadline)
        limit = self.deadlines.enter(seconds, NEVER if outer is None else outer.deadline)
        try:
            if claim is None:
                origin = self.ids.new()
                attempt = Attempt(origin, origin, self.seconds(), plan.name, limit.when)
                reply = await self._apply(limit, found, arriving, None, attempt)
            else:
                reply = await self._apply_once(limit, found, arriving, claim, outer)
            return self._back(handler, reply) if self._parity else reply
        except BaseException as error:  # noqa: BLE001  # whatever a handler raises must not reach the caller
            self._tell(handler, limit, error)
        finally:
            self.deadlines.leave(limit)

    async def ask(self, query: Query[Any, Any], *, deadline: float | None, outer: Attempt | None = None) -> Any:
        """The answer to a query. Raises its refusals and `CallError`s."""
        found = self._queries.get(type(query))
        if found is None:
            route = self._route(query, "answer")
            claim = Claimed("", "", outer.trace if outer is not None else "", "")
            return await self._elsewhere(route, query, deadline, claim, outer)
        plan, store, handler = found
        arriving = self._travel(handler, query) if self._parity else query
        seconds = DEADLINE if deadline is None else seconds_of(deadline)
        limit = self.deadlines.enter(seconds, NEVER if outer is None else outer.deadline)
        try:
            attempt = Attempt("", outer.trace if outer is not None else "", 0.0, plan.name, limit.when)
            unit = UnitOfWork(plan, store, self, attempt)
            try:
                answer = await unit.read(handler, arriving)
            finally:
                if unit.transaction is not None:
                    await unit.aclose()
            if limit.asked:
                limit.refuse_late()
            return self._back(handler, answer) if self._parity else answer
        except BaseException as error:  # noqa: BLE001  # whatever a handler raises must not reach the caller
            self._tell(handler, limit, error)
        finally:
            self.deadlines.leave(limit)

    async def _elsewhere(
        self, route: Route, message: Message, deadline: float | None, claim: Claimed, outer: Attempt | None
    ) -> Any:
        """Calls a context in another process: with a key always, so that an attempt can be repeated."""
        assert self._remote is not None  # noqa: S101  # it has given the route
        seconds = DEADLINE if deadline is None else seconds_of(deadline)
        latest = outer.deadline - MARGIN if outer is not None else float("inf")
        return await self._remote.call(
            route, message, seconds, latest, key=claim.key, caller=claim.caller, trace=claim.trace
        )

    def _route(self, message: Message, decorator: str) -> Route:
        route = None if self._remote is None else self._remote.route(type(message))
        if route is None:
            raise self._unknown(message, decorator)
        return route

    def _tell(self, handler: HandlerPlan, limit: Limit, error: BaseException) -> NoReturn:
        """Raises what the caller may see of what went wrong inside: a declared refusal or a `CallError`."""
        if limit.owns_cancellation() and not isinstance(error, OutcomeUnknown):
            raise DeadlineExceeded(
                f"{handler.contract.type} was not done by its deadline; what it had called by then stays",
                where=handler.name,
                next="try again with the same key",
            ) from None
        if isinstance(error, asyncio.CancelledError):
            if limit.is_asked_to_end():
                raise error
        elif isinstance(error, Refusal):
            raise self._declared(handler, error) from None
        elif isinstance(error, (CallError, NotFound, AlreadyExists, BadKey, StoreError)) or is_end(error):
            raise error
        self._listener(Signal("handler-failed", handler.name, told(error), error))
        made = f": {error.what}" if isinstance(error, BadValue) else ""
        raise HandlerFailed(
            f"{handler.contract.type} failed in its handler{made}",
            where=handler.name,
            next="see the log of the service that runs it",
        ) from None

    async def _apply_once(
        self, limit: Limit, found: Binding, command: Any, claim: Claimed, outer: Attempt | None
    ) -> Any:
        """Applies a command under a key, unless it was applied."""
        plan, store, handler = found
        origin, under_way = claim.origin, self._under_way
        if origin in under_way and (outer is None or not outer.comes_from(origin)):
            await under_way.over(origin)
        mine = under_way.enter(origin)
        try:
            known, begun = await self.outcomes.begin(store, handler, claim, command, self.seconds())
            if known is not None:
                return known[0]
            attempt = Attempt(origin, claim.trace, begun, plan.name, limit.when)
            attempt.outer, attempt.timed, attempt.cause = outer, False, claim.cause
            return await self._apply(limit, found, command, claim, attempt)
        finally:
            if mine:
                under_way.leave(origin)

    async def _apply(  # noqa: C901  # in one coroutine: each further one would cost every command 2 %
        self, limit: Limit, found: Binding, command: Any, claim: Claimed | None, attempt: Attempt
    ) -> Any:
        """Applies a command: load, decide, commit; rerun when somebody else wrote first."""
        plan, store, handler = found
        turn, taken = _AT_FIRST
        try:
            while True:
                unit = UnitOfWork(plan, store, self, attempt, taken)
                rows, reply = _NO_ROWS, None
                if claim is not None and claim.foreseen is not None:
                    self.outcomes.foresee(unit, claim)
                try:
                    reply = await unit.run(handler, command)
                    rows = unit.unit()
                    if claim is not None:
                        rows.claim = claim.row(write_reply(reply, handler.reply), self.stamp())
                    elif not handler.reply.is_light(reply):
                        handler.reply.write(reply)
                    if limit.asked or self.turns.taken:
                        await self._stand_aside(limit, unit, rows, turn)
                    await unit.commit(rows)
                except asyncio.CancelledError as error:
                    if not was_written(error, rows) or not limit.owns_cancellation():
                        raise
                    return reply  # it came too late to be withdrawn
                except Refusal as refusal:
                    limit.refuse_late()
                    await unit.aclose()
                    return await self._refused(store, handler, claim, refusal)
                except Conflict:
                    await unit.aclose()  # what its statements have locked, others may need whose turn it is
                    if known := await self.outcomes.known(store, handler, claim):
                        return known[0]
                    taken = await unit.taken_meanwhile()
                    turn, mine = None, turn
                    turn = await self._turn(rows, attempt, mine)
                except Exception as error:
                    if known := await self._applied_meanwhile(store, handler, claim, error):
                        return known[0]
                    raise
                else:
                    if claim is not None:
                        learn(handler, command, unit.first)
                    return reply
                finally:
                    if unit.transaction is not None:
                        await unit.aclose()
        finally:
            if turn is not None:
                self.turns.give_up(turn)

    async def _stand_aside(self, limit: Limit, unit: UnitOfWork, rows: Unit, turn: Place | None) -> None:
        """Lets others write first whose turn it is, unless they may wait for what this one has locked."""
        if unit.transaction is None:
            await self.turns.stand_aside(rows.changes, unit.attempt, turn)
        limit.refuse_late()

    async def _applied_meanwhile(
        self, store: Store, handler: HandlerPlan, claim: Claimed | None, error: Exception
    ) -> tuple[Any] | None:
        """What this very command was answered with, if somebody has applied it meanwhile: of that it may fail."""
        if claim is None or isinstance(error, (OutcomeUnknown, StoreError, StoreUnavailable)):
            return None
        try:
            return await self.outcomes.known(store, handler, claim)
        except RemitError:
            return None  # what it has failed of is the news

    async def _refused(self, store: Store, handler: HandlerPlan, claim: Claimed | None, refusal: Refusal) -> Any:
        """A declared refusal is an outcome: it is kept for a caller from outside, and a repeated call gets the same
        one. Raises it, unless the command was applied meanwhile."""
        if refusal.__class__ not in handler.refusals:
            raise refusal
        outcome = write_reply(refusal, handler.reply)
        if claim is None:
            raise refusal
        if claim.keeps_refusals:
            with contextlib.suppress(Conflict):
                await store.commit(Unit(claim=claim.row(outcome, self.stamp())))
                raise refusal
        if known := await self.outcomes.known(store, handler, claim):
            return known[0]
        raise refusal

    async def _turn(self, rows: Unit, attempt: Attempt, mine: Place | None) -> Place | None:
        """After a conflict: waits for the turn at the aggregate, or for a moment."""
        if not rows.changes:
            await asyncio.sleep(self._random.random() * 0.002)
        return await self.turns.take_first(rows.changes, attempt, mine)

    def _declared(self, handler: HandlerPlan, refusal: Refusal) -> Exception:
        if refusal.__class__ in handler.refusals:  # of a subclass nobody elsewhere would know what it is
            return self._written(handler, refusal)
        self._listener(Signal("handler-failed", handler.name, f"raised the undeclared refusal {refusal}", refusal))
        return HandlerFailed(
            f"{handler.contract.type} ended with a refusal it does not declare: {type(refusal).__name__}",
            where=handler.name, expected=", ".join(r.__name__ for r in handler.refusals) or "no refusal",
            next=f"declare it: class {handler.contract.message.__name__}(Command[..., {type(refusal).__name__}])",
        )  # fmt: skip

    def _written(self, handler: HandlerPlan, refusal: Refusal) -> Exception:
        """The refusal, as it arrives; or the error of one that could not be written."""
        try:
            written = write_reply(refusal, handler.reply)
        except BadValue as error:
            self._listener(Signal("handler-failed", handler.name, told(error), error))
            return HandlerFailed(f"{handler.contract.type} was refused, which cannot be said: {error.what}")
        if self._parity:
            decoded: Refusal = decode_reply(written, handler.reply, handler.refusals)
            return decoded
        return refusal

    def _travel(self, handler: HandlerPlan, message: Any) -> Any:
        """The message as it arrives with wire parity: after a round trip through the codec."""
        return handler.codec.read(handler.codec.write(message))

    def _back(self, handler: HandlerPlan, reply: Any) -> Any:
        try:
            return decode_reply(write_reply(reply, handler.reply), handler.reply, handler.refusals)
        except (RemitError, msgspec.MsgspecError, TypeError) as error:
            raise RemitError(
                f"the reply of {handler.contract.type} would not survive the wire: {error}", where=handler.name
            ) from None

    def _unknown(self, message: Any, decorator: str) -> CallError:
        known = sorted(m.__name__ for m in (self._commands if decorator == "handle" else self._queries))
        return CallError(
            f"no handler for {type(message).__name__}", where=type(message).__module__,
            expected=f"one of: {', '.join(known)}", next=f"@<context>.{decorator}({type(message).__name__})",
        )  # fmt: skip


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
                "a handler cannot wait for a fresh answer",
                where=self._attempt.context,
                next="react to the event instead",
            )
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
