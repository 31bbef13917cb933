"""Direct calls: a function call in its own unit of work, without serialisation, always with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from remit.errors import BadKey, CallError, one_of
from remit.log import escaped
from remit.messages import (
    Codec,
    Command,
    Contract,
    Message,
    Query,
    contract_of,
    declared_context,
    fits,
    key_text,
    require_key,
)
from remit.runtime.calling.applying import Applying, Binding
from remit.runtime.calling.telling import Telling
from remit.runtime.freshness.freshness import Freshness
from remit.runtime.listeners import Listeners
from remit.runtime.ports import Ports
from remit.runtime.work.attempts import DERIVED, Attempt
from remit.runtime.work.called import identity_of
from remit.runtime.work.deadlines import NEVER, Limit, seconds_of
from remit.runtime.work.outcomes import CommandKey
from remit.runtime.work.shared import Shared
from remit.runtime.work.unit import UnitOfWork

DEADLINE = 10.0
"""Seconds a call may take when nobody says otherwise."""
MARGIN = 0.005
"""Seconds before its own deadline at which a handler learns how its call to another process has ended."""


class Target(Protocol):
    """What handles a command or query, wherever that is. Its codec says whether two of them are the same."""

    @property
    def contract(self) -> Contract: ...
    @property
    def codec(self) -> Codec[Any]: ...


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
        shared: Shared,
        ports: Ports,
        listeners: Listeners,
        freshness: Freshness,
        owner_of: Callable[[Any], str | None],
        *,
        parity: bool,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """`owner_of` says whose a message is, also one that nobody here handles."""
        self._ids = ports.ids
        self._listeners = listeners
        self._freshness = freshness
        self._owner_of = owner_of
        self._deadlines = shared.deadlines
        self._applying = Applying(shared, ports.random)
        self._telling = Telling(listeners, parity=parity)
        self._parity = parity
        self._elsewhere = elsewhere
        places = shared.workplaces.values()
        self._commands = {each: (place, run) for place in places for each, run in place.plan.commands.items()}
        self._queries = {each: (place, run) for place in places for each, run in place.plan.queries.items()}

    def send(
        self,
        command: Command[Any, Any],
        *,
        key: str | None,
        deadline: float | None,
        caller: str = "",
        trace: str = "",
    ) -> Awaitable[Any]:
        """The reply to a command from outside of any handler here. Raises its refusals and `CallError`s.

        `caller` is who gave the key, `trace` what the command belongs to where another process says so. Raises `BadKey`
        for a key that cannot be one, and `BadValue` for a command that could not be read again.
        """
        if key is not None and not (key and fits(key)):
            require_key(key, type(command).__name__)
        found = self._commands.get(type(command))
        if found is None:
            key = key or trace or self._ids.new()  # who gives a trace and no key has made it for this very command
            target = self._target(command, "handle")
            claim = CommandKey(caller, key, trace or escaped(key), target.contract.type)
            return self._there(command, target, deadline, claim, None)
        if not key:
            trace = trace or self._ids.new()
            return self._here(self._applying.anew, found, command, deadline, None, None, trace)
        trace = trace or escaped(key)
        claim = CommandKey(caller, key, trace, found[1].contract.type)
        return self._here(self._applying.once, found, command, deadline, claim, None, trace)

    async def send_within(
        self, outer: Attempt, run: int, command: Command[Any, Any], *, key: str | None, deadline: float | None
    ) -> Any:
        """The reply to a command that a handler sends in one of its runs. Raises as `send`, `KeyReused`, `Diverged`,
        and `CallError` for the handler of a query and for a run that is over."""
        if not outer.origin:
            raise CallError(
                f"the handler of a query cannot send {type(command).__name__}: a question changes nothing",
                where=outer.context, next="send it from a command's handler, or from a reaction",
            )  # fmt: skip
        outer.refuse_late(run, f"{type(command).__name__} was sent")
        if key is not None and not (key and fits(key)):
            _require_own(key, type(command).__name__)
        found = self._commands.get(type(command))
        target = found[1] if found is not None else self._target(command, "handle")
        contract, caller, called = target.contract, outer.context, outer.calls()
        mark = f"{contract.type}\0{key}"
        if not key:
            identity = None if contract.identity is None else identity_of(getattr(command, contract.identity))
            key = mark = called.key_of(contract.type, target.codec.canonical(command), identity)
            caller += DERIVED
        claim = CommandKey(caller, key, outer.trace, contract.type)
        called.enter(mark, contract.type)
        failed: BaseException | None = None
        try:
            if found is None:
                return await self._there(command, target, deadline, claim, outer)
            return await self._here(self._applying.once, found, command, deadline, claim, outer, outer.trace)
        except BaseException as error:
            failed = error
            raise
        finally:
            called.leave(mark, failed, over=run != outer.run)

    def ask(
        self,
        query: Query[Any, Any],
        *,
        deadline: float | None,
        outer: Attempt | None = None,
        trace: str = "",
        fresh: bool | str = False,
    ) -> Awaitable[Any]:
        """The answer to a query. `trace` is what it belongs to where another process says so. Raises its refusals and
        `CallError`s; for a fresh one also `BadKey` and what `Freshness.freshen` raises."""
        if fresh is not False:
            return self._ask_fresh(query, deadline, outer, fresh)
        found, trace = self._queries.get(type(query)), outer.trace if outer is not None else trace
        if found is None:
            target = self._target(query, "answer")
            return self._there(query, target, deadline, CommandKey("", "", trace, ""), outer)
        return self._here(_read, found, query, deadline, None, outer, trace)

    async def _ask_fresh(
        self, query: Query[Any, Any], deadline: float | None, outer: Attempt | None, fresh: bool | str
    ) -> Any:
        """Waits until everything that has happened before now has reached the context that answers. The answer has what
        is left of the time."""
        if outer is not None:
            raise CallError(
                "a handler cannot wait for a fresh answer", where=outer.context, next="react to the event instead"
            )
        if fresh is not True:
            key_text(fresh, "ordering key", type(query).__name__)
        left, owner = DEADLINE if deadline is None else deadline, self._owner_of(type(query))
        if owner is not None:  # else nobody answers it, which the call will say
            loop = asyncio.get_running_loop()
            when = loop.time() + left
            key = fresh if isinstance(fresh, str) else None
            await self._freshness.freshen(owner, contract_of(type(query), owner).type, key, when=when)
            left = when - loop.time()
        return await Calls.ask(self, query, deadline=left)  # of which nobody is told for a second time

    async def _here(
        self,
        run: Callable[..., Awaitable[Any]],
        found: Binding,
        message: Any,
        deadline: float | None,
        claim: CommandKey | None,
        outer: Attempt | None,
        trace: str,
    ) -> Any:
        """Has a handler of this process run. `trace` is what the message belongs to: a command without a key is known
        by nothing else."""
        handler = found[1]
        arriving = handler.codec.read(handler.codec.write(message)) if self._parity else message
        if claim is not None:
            claim.sign(handler, arriving)
        seconds = DEADLINE if deadline is None else seconds_of(deadline)
        limit = self._deadlines.enter(seconds, NEVER if outer is None else outer.deadline)
        try:
            reply = await run(limit, found, arriving, claim, outer, trace)
            return self._telling.returned(handler, reply) if self._parity else reply
        except BaseException as error:  # noqa: BLE001  # whatever a handler raises must not reach the caller
            self._telling.tell(handler, limit, error, trace)
        finally:
            self._deadlines.leave(limit)

    def _there(
        self, message: Message, target: Target, deadline: float | None, claim: CommandKey, outer: Attempt | None
    ) -> Awaitable[Any]:
        """Calls a context in another process: with a key always, so that an attempt can be repeated."""
        assert self._elsewhere is not None  # noqa: S101  # it knows who handles the message
        seconds = DEADLINE if deadline is None else seconds_of(deadline)
        latest = outer.deadline - MARGIN if outer is not None else NEVER
        return self._elsewhere.call(message, seconds, latest, key=claim.key, caller=claim.caller, trace=claim.trace)

    def _target(self, message: Message, decorator: str) -> Target:
        """Who handles a message elsewhere. Raises `CallError`."""
        target = self._route(type(message))
        if target is None:
            known = sorted(m.__name__ for m in (self._commands if decorator == "handle" else self._queries))
            raise CallError(
                f"no handler for {type(message).__name__}", where=type(message).__module__,
                expected=one_of(known, "a message that a context of this system handles, and none handles any"),
                next=f"@{declared_context(type(message)) or '<context>'}.{decorator}({type(message).__name__})",
            )  # fmt: skip
        return target

    def _route(self, message: type[Message]) -> Target | None:
        return None if self._elsewhere is None else self._elsewhere.route(message)


def _require_own(key: object, where: str) -> None:
    """Raises `BadKey` for the key that a handler gives to its call: its caller's message is not what is wrong."""
    try:
        require_key(key, where)
    except BadKey as error:
        error.answered = True
        raise


def _read(limit: Limit, found: Binding, query: Any, claim: None, outer: Attempt | None, trace: str) -> Awaitable[Any]:
    workplace, handler = found
    return UnitOfWork(workplace, Attempt("", "", trace, 0.0, workplace.plan.name, limit.when)).read(
        handler, query, limit
    )
