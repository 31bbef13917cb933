"""Calls within a process: a function call in a unit of work of its own, without serialisation, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol

from remit.contexts import collecting
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
from remit.runtime.calling.noting import noted
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
from remit.stores import Store

DEADLINE = 10.0
"""The deadline of a call without one, in seconds."""
MARGIN = 0.005
"""A handler's call to another process ends this many seconds before the handler's own deadline, so that it can
react."""


class Target(Protocol):
    """The handler of a command or query, here or elsewhere. Its codec tells whether two messages are equal."""

    @property
    def contract(self) -> Contract: ...
    @property
    def codec(self) -> Codec[Any]: ...


class Elsewhere(Protocol):
    """Calls contexts in other processes."""

    def route(self, message: type[Message], /) -> Target | None:
        """The handler of a command or query; None if no process is known to have one."""
        ...

    def call(self, message: Message, seconds: float, latest: float, /, *, claim: CommandKey) -> Awaitable[Any]:
        """Calls the handler of a message and returns its reply. Takes at most `seconds` and ends by the loop time
        `latest`. Sets `claim.kept`. Raises declared refusals and `CallError`s."""
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
        """`owner_of` returns the context that owns a message, also for messages without a handler in this process."""
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

    def use_store(self, context: str, store: Store) -> None:
        """Units of work of calls to this context that begin from now on use this store."""
        for bindings in (self._commands, self._queries):
            for message, (place, run) in bindings.items():
                if place.plan.name == context:
                    bindings[message] = replace(place, store=store), run

    def send(
        self,
        command: Command[Any, Any],
        *,
        key: str | None,
        deadline: float | None,
        caller: str = "",
        trace: str = "",
    ) -> Awaitable[Any]:
        """Sends a command from outside of any handler and returns its reply. Raises its refusals and `CallError`s.

        `caller` is the owner of the key, `trace` the cause if another process gives one. Raises `BadKey` for an invalid
        key, and `BadValue` for a command that could not be read again.
        """
        if key is not None and not (key and fits(key)):
            require_key(key, type(command).__name__)
        found = self._commands.get(type(command))
        if found is None:
            key = key or trace or self._ids.new()  # a trace without a key was made for this very command
            target = self._target(command, "handle")
            claim = CommandKey(caller, key, trace or escaped(key), target.contract.type)
            return self._there(command, target, deadline, claim, None)
        if not key:
            trace = trace or self._ids.new()
            doing = self._here(self._applying.anew, found, command, deadline, None, None, trace)
        else:
            trace = trace or escaped(key)
            claim = CommandKey(caller, key, trace, found[1].contract.type)
            doing = self._here(self._applying.once, found, command, deadline, claim, None, trace)
        return doing if collecting.get() is None else noted(doing, found[0], self._freshness.seal)

    def receive(self, command: Command[Any, Any], claim: CommandKey, *, deadline: float) -> Awaitable[Any]:
        """Applies a command that another process sends, whose handler is here, and returns its reply. Sets
        `claim.kept`. Raises as `send`."""
        if not fits(claim.key):
            require_key(claim.key, type(command).__name__)
        claim.trace, found = claim.trace or escaped(claim.key), self._commands[type(command)]
        doing = self._here(self._applying.once, found, command, deadline, claim, None, claim.trace)
        return doing if collecting.get() is None else noted(doing, found[0], self._freshness.seal)

    async def send_within(
        self, outer: Attempt, run: int, command: Command[Any, Any], *, key: str | None, deadline: float | None
    ) -> Any:
        """Sends a command from a handler's run and returns its reply. Raises as `send`, and `KeyReused` and `Diverged`;
        `CallError` in the handler of a query and after the run has ended."""
        if not outer.origin:
            raise CallError(
                f"the handler of a query cannot send {type(command).__name__}: a query changes nothing",
                where=outer.context, expected="only `ask` in the handler of a query",
                next="send it from a command's handler, or from a reaction",
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
        call = called.enter(mark, contract.type)
        failed: BaseException | None = None
        try:
            if found is None:
                return await self._there(command, target, deadline, claim, outer)
            doing = self._here(self._applying.once, found, command, deadline, claim, outer, outer.trace)
            return await (doing if collecting.get() is None else noted(doing, found[0], self._freshness.seal))
        except BaseException as error:
            failed = error
            raise
        finally:
            called.leave(call, failed, kept=claim.kept, over=run != outer.run)

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
        """Asks a query and returns its answer. `trace` is the cause if another process gives one. Raises its refusals
        and `CallError`s. With `fresh` also `BadKey` and the errors of `Freshness.freshen`; with `after` those of
        `Freshness.catch_up`."""
        if fresh is not False or after:
            return self._ask_fresh(query, deadline, outer, fresh, after)
        found = self._queries.get(type(query))
        if outer is not None:
            trace = outer.trace
        if found is None:
            target = self._target(query, "answer")
            asking = "" if outer is None else outer.context
            return self._there(query, target, deadline, CommandKey(asking, "", trace, ""), outer)
        return self._here(_read, found, query, deadline, None, outer, trace)

    async def _ask_fresh(
        self, query: Query[Any, Any], deadline: float | None, outer: Attempt | None, fresh: bool | str, after: str
    ) -> Any:
        """Waits until all earlier events, or what is written at the position `after`, have reached the context that
        answers, then asks with the time that is left."""
        if outer is not None:
            raise CallError(
                "a handler cannot wait for a fresh answer", where=outer.context,
                expected="`ask` without `fresh` and `after` in a handler", next="react to the event instead",
            )  # fmt: skip
        if not isinstance(fresh, bool):
            key_text(fresh, "ordering key", type(query).__name__)
        left, owner = DEADLINE if deadline is None else deadline, self._owner_of(type(query))
        if owner is not None:  # otherwise no context answers it, which the call reports
            loop = asyncio.get_running_loop()
            when, type_name = loop.time() + left, contract_of(type(query), owner).type
            if after:
                await self._freshness.catch_up(owner, type_name, after, when=when)
            if fresh is not False:
                key = fresh if isinstance(fresh, str) else None
                await self._freshness.freshen(owner, type_name, key, when=when)
            left = when - loop.time()
        return await Calls.ask(self, query, deadline=left)  # not `self.ask`, which would report it a second time

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
        """Runs a handler of this process. `trace` is the cause of the message, and the identity of a command without a
        key."""
        handler = found[1]
        arriving = handler.codec.read(handler.codec.write(message)) if self._parity else message
        if claim is not None:
            claim.sign(handler, arriving)
        seconds = DEADLINE if deadline is None else seconds_of(deadline, type(message).__name__)
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
        """Calls a context in another process, always with a key, so that a failed attempt can be repeated."""
        assert self._elsewhere is not None  # noqa: S101  # `target` came from it
        seconds = DEADLINE if deadline is None else seconds_of(deadline, type(message).__name__)
        latest = outer.deadline - MARGIN if outer is not None else NEVER
        return self._elsewhere.call(message, seconds, latest, claim=claim)

    def _target(self, message: Message, decorator: str) -> Target:
        """The handler of a message in another process. Raises `CallError` if there is none."""
        target = self._route(type(message))
        if target is None:
            _refuse_other(message, decorator)
            known = sorted(m.__name__ for m in (self._commands if decorator == "handle" else self._queries))
            raise CallError(
                f"no handler for {type(message).__name__}", where=type(message).__module__,
                expected=one_of(known, "a message that a context of this system handles, and none handles any"),
                next=f"@{declared_context(type(message)) or '<context>'}.{decorator}({type(message).__name__})",
            )  # fmt: skip
        return target

    def _route(self, message: type[Message]) -> Target | None:
        return None if self._elsewhere is None else self._elsewhere.route(message)


def _refuse_other(message: Any, decorator: str) -> None:
    """Raises `CallError` for a class in place of a message, and for a message that is called by the other method."""
    verb, kind = ("send", "command") if decorator == "handle" else ("ask", "query")
    cls: Any = message if isinstance(message, type) else type(message)
    other = Query if decorator == "handle" else Command
    if isinstance(message, type):
        what, next = f"{cls.__name__} is a class, and no message", f"make one: {verb}({cls.__name__}(...))"
    elif issubclass(cls, other):
        what = f"{cls.__name__} is not a {kind}"
        next = f"{'ask' if verb == 'send' else 'send'}({cls.__name__}(...))"
    else:
        return
    raise CallError(what, where=f"{cls.__module__}.{cls.__qualname__}", expected=f"{verb}(<a {kind}>)", next=next)


def _require_own(key: object, where: str) -> None:
    """Raises `BadKey` for an invalid key of a handler's call, marked as no fault of the handled message."""
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
