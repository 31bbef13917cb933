"""Direct calls: a function call in its own unit of work, without serialisation, always with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, NoReturn

import msgspec

from remit.contexts import Ids, Sender
from remit.errors import (
    AlreadyExists,
    CallError,
    Conflict,
    DeadlineExceeded,
    KeyReused,
    NotFound,
    RemitError,
    StoreError,
    Unavailable,
)
from remit.messages import Command, Contract, Message, Query, Refusal, decode_reply, encode_reply
from remit.runtime.deadlines import Deadlines, Limit
from remit.runtime.plan import ContextPlan, HandlerPlan
from remit.runtime.ports import Ports
from remit.runtime.pruning import RENEW_SECONDS
from remit.runtime.pulse import Pulse
from remit.runtime.remote import RemoteCalls
from remit.runtime.signals import Listener, Signal
from remit.runtime.unit import Foreseen, UnitOfWork
from remit.stores import Claim, Outcome, Store, Unit

__all__ = ["Calls", "attempt", "derived_key"]

_NO_ROWS = Unit()
DEADLINE = 10.0
"""Seconds a call may take when nobody says otherwise."""
MARGIN = 0.005
"""Seconds before its own deadline at which a handler learns how its call to another process has ended."""


def derived_key(seed: str, index: int, type: str) -> str:
    """The idempotency key of the n-th call a message's handler makes: the same each time the message is handled."""
    return blake2b(f"{seed}/{index}/{type}".encode(), digest_size=16).hexdigest()


class Calls:
    """Finds the handler of a command or query and runs it."""

    def __init__(
        self,
        plans: Mapping[str, ContextPlan],
        stores: Mapping[str, Store],
        contracts: Mapping[type, Contract],
        ports: Ports,
        listener: Listener,
        *,
        parity: bool,
        remote: RemoteCalls | None = None,
    ) -> None:
        self.contracts: Mapping[type, Contract] = contracts
        self.ids: Ids = ports.ids
        self.seconds: Callable[[], float] = ports.clock.seconds
        self.deadlines = Deadlines()
        self.recovered = Pulse()
        """Rung when an address that was not called is called again."""
        self._random = ports.random
        self._listener = listener
        self._parity = parity
        self._remote = remote
        self._commands = {m: (plan, stores[plan.name], h) for plan in plans.values() for m, h in plan.commands.items()}
        self._queries = {m: (plan, stores[plan.name], h) for plan in plans.values() for m, h in plan.queries.items()}
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}

    def within(self, unit: UnitOfWork) -> _UnitSender:
        """The sender a handler gets: keys are derived from the handled message, the deadline is inherited."""
        return _UnitSender(self, unit)

    async def send(
        self,
        command: Command[Any, Any],
        *,
        key: str | None,
        deadline: float | None,
        outer: UnitOfWork | None = None,
        received: tuple[str, str, str] | None = None,
        caller: str = "",
    ) -> Any:
        """The reply to a command. Raises its refusals and `CallError`s.

        `caller` is who gave the key, where that is nobody in a handler. `received` are caller, key and
        trace of a command that another process sent.
        """
        found = self._commands.get(type(command))
        if found is None:
            return await self._elsewhere(command, "handle", key, deadline, outer, caller)
        plan, store, handler = found
        claim = self._claim(handler.contract.type, key, outer, caller) if received is None else _Claimed(*received)
        arriving = self._travel(handler, command) if self._parity else command
        limit = self._limit(deadline, outer)
        try:
            reply = await self._apply(limit, plan, store, handler, arriving, claim)
            return self._back(handler, reply) if self._parity else reply
        except BaseException as error:  # noqa: BLE001  # whatever a handler raises must not reach the caller
            self._tell(handler, limit, error)
        finally:
            self.deadlines.leave(limit)

    async def ask(self, query: Query[Any, Any], *, deadline: float | None, outer: UnitOfWork | None = None) -> Any:
        """The answer to a query. Raises its refusals and `CallError`s."""
        found = self._queries.get(type(query))
        if found is None:
            return await self._elsewhere(query, "answer", None, deadline, outer)
        plan, store, handler = found
        arriving = self._travel(handler, query) if self._parity else query
        limit = self._limit(deadline, outer)
        try:
            unit = UnitOfWork(plan, store, self, "", "", limit.when)
            try:
                answer = await unit.read(handler, arriving)
            finally:
                if unit.transaction is not None:
                    await unit.aclose()
            return self._back(handler, answer) if self._parity else answer
        except BaseException as error:  # noqa: BLE001  # whatever a handler raises must not reach the caller
            self._tell(handler, limit, error)
        finally:
            self.deadlines.leave(limit)

    async def _elsewhere(
        self,
        message: Message,
        decorator: str,
        key: str | None,
        deadline: float | None,
        outer: UnitOfWork | None,
        caller: str = "",
    ) -> Any:
        """Calls a context in another process: with a key always, so that an attempt can be repeated."""
        route = None if self._remote is None else self._remote.route(type(message))
        if self._remote is None or route is None:
            raise self._unknown(message, decorator)
        if route.kind == "query":
            claim = _Claimed("", "", outer.trace if outer is not None else "")
        else:
            key = key if key or outer is not None else self.ids.new()
            claim = self._claim(route.contract.type, key, outer, caller) or _Claimed("", "", "")
        seconds = DEADLINE if deadline is None else deadline
        latest = outer.deadline - MARGIN if outer is not None else float("inf")
        return await self._remote.call(
            route, message, seconds, latest, key=claim.key, caller=claim.caller, trace=claim.trace
        )

    def _claim(self, type: str, key: str | None, outer: UnitOfWork | None, caller: str = "") -> _Claimed | None:
        """What a repeated call is known by: the caller's key, or one derived from the message being handled."""
        if outer is None:
            return _Claimed(caller, key, _safe(key)) if key else None
        outer.made += 1
        key = key or derived_key(outer.seed, outer.made, type)
        return _Claimed(outer.plan.name, key, outer.trace or _safe(key))

    def _limit(self, deadline: float | None, outer: UnitOfWork | None) -> Limit:
        seconds = DEADLINE if deadline is None else deadline
        return self.deadlines.enter(seconds) if outer is None else self.deadlines.enter(seconds, outer.deadline)

    def _tell(self, handler: HandlerPlan, limit: Limit, error: BaseException) -> NoReturn:
        """Raises what the caller may see of what went wrong inside: a declared refusal or a `CallError`."""
        if isinstance(error, asyncio.CancelledError) and limit.owns_cancellation():
            raise DeadlineExceeded(
                f"{handler.contract.type} was not done by its deadline",
                where=handler.name,
                next="try again with the same key",
            ) from None
        if isinstance(error, Refusal):
            raise self._declared(handler, error) from None
        if isinstance(error, (CallError, NotFound, AlreadyExists, StoreError)) or not isinstance(error, Exception):
            raise error
        self._listener(Signal("handler-failed", handler.name, f"{type(error).__name__}: {error}", error))
        raise Unavailable(
            f"{handler.contract.type} failed in its handler",
            where=handler.name,
            next="see the log of the service that runs it",
        ) from None

    async def _apply(
        self, limit: Limit, plan: ContextPlan, store: Store, handler: HandlerPlan, command: Any, claim: _Claimed | None
    ) -> Any:
        """Applies a command, once per key: load, decide, commit; rerun when somebody else wrote first."""
        if claim is not None:
            claim.fingerprint = blake2b(handler.codec.encode(command), digest_size=16).digest()
            if known := await self._recall(store, handler, claim, command):
                return known[0]
            seed, trace = claim.key, claim.trace
        else:
            seed = trace = self.ids.new()
        turn: asyncio.Lock | None = None
        taken: frozenset[tuple[str, str]] = frozenset()
        try:
            while True:
                unit = UnitOfWork(plan, store, self, seed, trace, limit.when, taken)
                self._foresee(unit, claim)
                rows = _NO_ROWS
                try:
                    reply = await unit.run(handler, command)
                    rows = self._rows(unit, claim, reply)
                    limit.exempt = True  # the deadline waits for the outcome: a cancelled commit is not an aborted one
                    await unit.commit(rows)
                except Refusal as refusal:
                    await unit.aclose()
                    return await self._refused(limit, store, handler, claim, refusal)
                except Conflict:
                    limit.exempt = False
                    if known := await self._known(store, handler, claim):
                        return known[0]
                    taken = await unit.taken_meanwhile()
                    turn = await self._turn(rows, turn)
                else:
                    _learn(handler, command, unit.first)
                    return reply
                finally:
                    if unit.transaction is not None:
                        await unit.aclose()
        finally:
            if turn is not None:
                turn.release()

    def _rows(self, unit: UnitOfWork, claim: _Claimed | None, reply: Any) -> Unit:
        rows = unit.unit()
        if claim is not None:
            rows.claim = claim.row(encode_reply(reply), self.seconds())
        return rows

    async def _refused(
        self, limit: Limit, store: Store, handler: HandlerPlan, claim: _Claimed | None, refusal: Refusal
    ) -> Any:
        """A declared refusal is an outcome: it is kept, and a repeated call gets the same one."""
        if claim is None or not isinstance(refusal, handler.refusals):
            raise refusal
        try:
            limit.exempt = True
            await store.commit(Unit(claim=claim.row(encode_reply(refusal), self.seconds())))
        except Conflict:
            limit.exempt = False
            if known := await self._known(store, handler, claim):
                return known[0]
        raise refusal

    async def _turn(self, rows: Unit, turn: asyncio.Lock | None) -> asyncio.Lock | None:
        """After a conflict, reruns of one aggregate queue up in order."""
        if turn is not None or not rows.changes:
            await asyncio.sleep(self._random.random() * 0.002)
            return turn
        at = (rows.changes[0].kind, rows.changes[0].id)
        if len(self._turns) > 10_000:
            self._turns = {place: lock for place, lock in self._turns.items() if lock.locked()}
        lock = self._turns.setdefault(at, asyncio.Lock())
        await lock.acquire()
        return lock

    async def _known(self, store: Store, handler: HandlerPlan, claim: _Claimed | None) -> tuple[Any] | None:
        """The outcome stored under this key, if any, as a one-tuple; raises it when it is a refusal."""
        stored = None if claim is None else await store.outcome(claim.caller, claim.key)
        return None if claim is None or stored is None else await self._ended(store, handler, claim, stored)

    async def _recall(self, store: Store, handler: HandlerPlan, claim: _Claimed, command: Any) -> tuple[Any] | None:
        """The same; in one go with it, what the handler is likely to load first is looked up."""
        if handler.habit is None:
            return await self._known(store, handler, claim)
        kind, name = handler.habit
        id = str(getattr(command, name))
        stored, row = await store.recall(claim.caller, claim.key, kind, id)
        claim.foreseen = ((kind, id), row)
        return None if stored is None else await self._ended(store, handler, claim, stored)

    def _foresee(self, unit: UnitOfWork, claim: _Claimed | None) -> None:
        """Gives a unit of work what was looked up for it. It counts as loaded until the handler first waits."""
        if claim is not None and claim.foreseen is not None:
            unit.foreseen, claim.foreseen = claim.foreseen, None
            asyncio.get_running_loop().call_soon(unit.overlook)

    async def _ended(self, store: Store, handler: HandlerPlan, claim: _Claimed, stored: Outcome) -> tuple[Any]:
        if stored.fingerprint != claim.fingerprint:
            raise KeyReused(
                f"the key {claim.key!r} was used for another message", where=handler.contract.type,
                expected="a new key for a new message", next="repeat the first message, or choose a new key",
            )  # fmt: skip
        if self.seconds() - stored.at > RENEW_SECONDS:
            with contextlib.suppress(RemitError):  # the next repetition does it
                await store.keep(claim.caller, claim.key, self.seconds())
        value = decode_reply(stored.outcome, handler.reply, handler.refusals)
        if isinstance(value, Refusal):
            raise value
        return (value,)

    def _declared(self, handler: HandlerPlan, refusal: Refusal) -> Exception:
        if isinstance(refusal, handler.refusals):
            if self._parity:
                decoded: Refusal = decode_reply(encode_reply(refusal), handler.reply, handler.refusals)
                return decoded
            return refusal
        self._listener(Signal("handler-failed", handler.name, f"raised the undeclared refusal {refusal}", refusal))
        return Unavailable(
            f"{handler.contract.type} ended with a refusal it does not declare: {type(refusal).__name__}",
            where=handler.name, expected=", ".join(r.__name__ for r in handler.refusals) or "no refusal",
            next=f"declare it: class {handler.contract.message.__name__}(Command[..., {type(refusal).__name__}])",
        )  # fmt: skip

    def _travel(self, handler: HandlerPlan, message: Any) -> Any:
        """The message as it arrives with wire parity: after a round trip through the codec."""
        return handler.codec.read(handler.codec.encode(message))

    def _back(self, handler: HandlerPlan, reply: Any) -> Any:
        try:
            return decode_reply(encode_reply(reply), handler.reply, handler.refusals)
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


class _Claimed:
    """Under which key a command is applied once: somebody may repeat it."""

    __slots__ = ("caller", "fingerprint", "foreseen", "key", "trace")

    def __init__(self, caller: str, key: str, trace: str) -> None:
        self.caller = caller
        self.key = key
        self.trace = trace
        self.fingerprint = b""
        self.foreseen: Foreseen | None = None

    def row(self, outcome: bytes, at: float) -> Claim:
        return Claim(self.caller, self.key, self.fingerprint, outcome, at)


class _UnitSender:
    """The sender of a handler."""

    __slots__ = ("_calls", "_unit")

    def __init__(self, calls: Calls, unit: UnitOfWork) -> None:
        self._calls = calls
        self._unit = unit

    async def send(self, command: Any, /, *, deadline: float | None = None, key: str | None = None) -> Any:
        if not self._unit.seed:
            raise CallError(
                f"the handler of a query cannot send {type(command).__name__}: a question changes nothing",
                where=self._unit.plan.name, next="send it from a command's handler, or from a reaction",
            )  # fmt: skip
        self._unit.overlook()
        return await self._calls.send(command, key=key, deadline=deadline, outer=self._unit)

    async def ask(self, query: Any, /, *, deadline: float | None = None, fresh: bool = False) -> Any:
        if fresh:
            raise CallError("a handler cannot wait for a fresh answer", next="react to the event instead")
        return await self._calls.ask(query, deadline=deadline, outer=self._unit)

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


def _learn(handler: HandlerPlan, command: Any, first: tuple[str, str] | None) -> None:
    """Notes which field of the command held the identity of what its handler loaded first."""
    if first is None:
        return
    kind, id = first
    habit = handler.habit
    if habit is None or habit[0] != kind or str(getattr(command, habit[1])) != id:
        names = (name for name in command.__struct_fields__ if str(getattr(command, name)) == id)
        handler.habit = next(((kind, name) for name in names), None)


def _safe(text: str) -> str:
    """A user's key as it may stand in a JSON header."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return msgspec.json.encode(text)[1:-1].decode()
