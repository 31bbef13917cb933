"""Runs handlers in units of work over a store in memory, without a process."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextvars import copy_context
from typing import Any, TypeAlias, TypeVar

from remit.contexts import Clock, Context, Envelope, Ids
from remit.contexts.annotations import first_parameter, is_kind, projected_by, unresolved
from remit.domain import Aggregate, Claim, Record, take_recorded
from remit.errors import CallError, Conflict, DeadlineExceeded
from remit.log import Channel, forms_of, is_command
from remit.log import MessageRecord as Logged
from remit.messages import (
    Command,
    DomainEvent,
    IntegrationEvent,
    Message,
    Query,
    Refusal,
    decode_reply,
    key_text,
    union_members,
    write_reply,
)
from remit.runtime import Listeners, Ports, SystemClock
from remit.runtime.calling.calls import DEADLINE
from remit.runtime.following.effect import HANDLER_SECONDS
from remit.runtime.plan import AggregatePlan, ClaimPlan, HandlerPlan, ProjectionPlan, ReactionPlan, RecordPlan
from remit.runtime.services import Services
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.claims import UnitClaims
from remit.runtime.work.deadlines import NEVER, Limit
from remit.runtime.work.heads import headed
from remit.runtime.work.lost import refuse_returned
from remit.runtime.work.shared import Shared
from remit.runtime.work.tracked import Tracked
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Change, Entry, Unit
from remit.testing.answers import Answers
from remit.testing.calls import StepCalls, StepSender
from remit.testing.compiled import GIVEN, Compiled, carried, compiled, lone, lone_policy
from remit.testing.histories import lived
from remit.testing.keeping import KeepingStore
from remit.testing.mistakes import KitError
from remit.testing.outcome import Handled, Outcome
from remit.testing.virtual import CountedIds, MovableClock, VirtualLoop

T = TypeVar("T")
Kept: TypeAlias = Aggregate[Any, Any] | Record[Any]
AskedPlan: TypeAlias = AggregatePlan | RecordPlan | ClaimPlan


class _Taken(Refusal):
    """Another aggregate has the value."""


class Bench:
    """The environment of a context's handlers in a test."""

    def __init__(self, context: Context[Any] | None, state: Sequence[Any]) -> None:
        """Without a context, single handlers are run."""
        self.answers = Answers("given")
        self._context = context
        self.state = state
        self.claimed: list[tuple[type[Claim[Any, Any]], object, Aggregate[Any, Any]]] = []
        """The given claims: class, value, and the aggregate that has the value."""
        self.services = _Services()
        self.clock: SystemClock = MovableClock()
        self.ids: Ids = CountedIds()

    def provide(self, service: Any, made: Any) -> None:
        """Sets the object for handlers that ask for this type."""
        if service is Clock:
            self.clock = made if isinstance(made, SystemClock) else _Adapted(made)
        elif service is Ids:
            self.ids = made
        else:
            self.services.made[service] = made

    def envelope(self) -> Envelope:
        """The envelope for a publisher that asks for one."""
        return Envelope(id=self.ids.new(), time=self.clock.now())

    def run(self, handler: Callable[..., Any], *messages: Any) -> Outcome[Any]:
        """Runs a single handler."""
        return drive(self.run_awaited(handler, *messages))

    async def run_awaited(self, handler: Callable[..., Any], *messages: Any) -> Outcome[Any]:
        """As `run`, on the running event loop."""
        if len(messages) != 1 or not isinstance(messages[0], Message):
            raise KitError(
                f"{handler.__name__} is run with {len(messages)} arguments", where="when", expected="one message",
                next=f"when({handler.__name__}, <message>); the handler's other parameters are provided",
            )  # fmt: skip
        plan = _plan_of(handler, messages[0])
        return await _Run(self, plan).handle(messages[0])

    def handle(self, message: Any) -> Outcome[Any]:
        """Lets the context handle a message."""
        return drive(self.handle_awaited(message))

    async def handle_awaited(self, message: Any) -> Outcome[Any]:
        """As `handle`, on the running event loop."""
        assert self._context is not None  # noqa: S101  # only called with a context
        return await _Run(self, compiled(self._context)).handle(message)


def _plan_of(handler: Any, message: Any) -> Compiled:
    """The plan of a handler or a policy without its context."""
    if isinstance(handler, type):
        return lone_policy(handler)
    first = None if unresolved(handler) is not None else first_parameter(handler)
    if first is not None and first[0] == "self":
        policy = handler.__qualname__.rpartition(".")[0]
        raise KitError(
            f"{handler.__qualname__} is a method of a policy", where="when", expected="the class of the policy",
            next=f"when({policy}, {type(message).__name__}(...))",
        )  # fmt: skip
    if first is not None and not _takes(first[1], message):
        raise KitError(
            f"{handler.__name__} does not take {type(message).__name__}", where="when",
            expected=" or ".join(getattr(each, "__name__", str(each)) for each in union_members(first[1])),
        )  # fmt: skip
    return lone(handler, message.__class__)


def _takes(annotation: Any, message: Message) -> bool:
    """Whether a handler whose first parameter has this annotation is run for a message. A subclass of an event is
    handled as the event; a subclass of a command or query has a handler of its own."""
    kinds = union_members(annotation)
    if not all(is_kind(each, Message) for each in kinds):
        return True  # a type variable, or no annotation
    kind: Any = message.__class__
    return kind in kinds if is_kind(kind, Command, Query) else issubclass(kind, kinds)


class _Run:
    """One step, on a store of its own."""

    def __init__(self, bench: Bench, compiled: Compiled) -> None:
        self._plan = plan = compiled.plan
        self._store = KeepingStore()
        self._state, self._claimed = bench.state, bench.claimed
        self._answers = bench.answers
        self._outcome = Handled[Any]()
        self._faults: list[Exception] = []
        """Errors of the test, whatever the handler makes of them."""
        ports = Ports(bench.clock, bench.ids)
        shared = Shared(
            {plan.name: plan}, {plan.name: self._store}, compiled.model.contracts, bench.services, ports,
            ports.clock.seconds, Listeners([], ports.clock), self._sender,
        )  # fmt: skip
        self._place = compiled.workplace(shared.workplaces[plan.name])
        self._compiled, self._ports, self._deadlines = compiled, ports, shared.deadlines
        self._calls: StepCalls | None = None

    async def handle(self, message: Message) -> Outcome[Any]:
        """Runs all handlers of a message. Raises their exceptions other than refusals, and `KitError`."""
        await self._put()
        try:
            for handler in self._handlers(message):
                await self._decide(handler, message)
        finally:
            self._deadlines.close()
        if self._faults:
            raise self._faults[0]
        self._outcome.states = [state async for state in self._states()]
        return self._outcome

    async def _decide(self, handler: HandlerPlan, message: Message) -> None:
        try:
            reply = await self._serve_in_time(handler, message)
        except Refusal as refusal:
            if not _is_called(handler):  # no caller receives it: the runtime parks the key
                raise
            _require_declared(handler, refusal)
            reply = decode_reply(write_reply(refusal, handler.reply), handler.reply, handler.refusals)
        except Exception as error:
            if self._faults and self._faults[0] is not error:
                raise self._faults[0] from error
            raise
        outcome = self._outcome
        outcome.refusal, outcome.answer = (reply, None) if isinstance(reply, Refusal) else (None, reply)
        outcome.codec = handler.reply

    async def _serve_in_time(self, handler: HandlerPlan, message: Message) -> Any:
        """As `_serve`, within the time that a caller without a deadline, or a subscription, gives the handler. Raises
        `DeadlineExceeded` for a command or query, and `TimeoutError` for an event."""
        is_called = _is_called(handler)
        limit = self._deadlines.enter(DEADLINE if is_called else HANDLER_SECONDS)
        try:
            return await self._serve(handler, message, limit)
        except asyncio.CancelledError:
            if not limit.owns_cancellation():
                raise
        finally:
            self._deadlines.leave(limit)
        if not is_called:
            raise TimeoutError(f"the handler took longer than {HANDLER_SECONDS:.0f} s")
        raise DeadlineExceeded(
            f"{handler.contract.type} was not done within {DEADLINE:.0f} s", where=handler.name,
            expected="an end before the deadline of a call without one",
            next="shorten it; if its callers give it longer, test it so: app.send(..., deadline=...) of running(...)",
        )  # fmt: skip

    async def _serve(self, handler: HandlerPlan, message: Message, limit: Limit) -> Any:
        """Handles a message in a unit of work of its own, and returns the reply as a caller receives it. Changes made
        by a query are dropped. Raises `CancelledError` if the limit is over."""
        if any(need.kind.has_sql for need in handler.dependencies):
            raise KitError(
                f"{handler.name} runs SQL statements, but there is no database", where="given",
                expected="a store that runs statements",
                next="with running(system) as app: ..., or alone(context, of=system): both run in memory",
            )  # fmt: skip
        arriving = handler.codec.read(handler.codec.write(message))
        if isinstance(message, Query):
            unit = UnitOfWork(self._place, self._attempt("", limit.when))
            return self._replied(handler, await unit.read(handler, arriving, limit))
        contract, called = handler.contract, self._outcome.called
        key = "" if contract.key is None else key_text(getattr(arriving, contract.key), "ordering key", contract.type)
        attempt, taken, begun = self._attempt(until=limit.when), None, len(called)
        while True:
            before = called[begun:]
            del called[begun:]
            unit = UnitOfWork(self._place, attempt, taken=taken, key=key)
            reply = self._replied(handler, await unit.run(handler, arriving))
            called[begun:] = [
                *before,
                *(each for each in called[begun:] if each not in before),
            ]  # once, though run again
            try:
                rows = unit.unit()
                limit.refuse_late()
                await unit.commit(rows)
            except Conflict:  # the aggregate is there already, or a call of the handler has written it
                taken = await unit.taken_meanwhile()
                continue
            for entry in rows.entries:
                self._note(entry)
            return reply

    def _replied(self, handler: HandlerPlan, reply: Any) -> Any:
        """The reply as a caller receives it; None for a reaction."""
        if not _is_called(handler):
            refuse_returned(handler, reply)
            return None
        if isinstance(reply, Refusal):
            _require_declared(handler, reply)
        return decode_reply(write_reply(reply, handler.reply), handler.reply, handler.refusals)

    def _attempt(self, cause: str = GIVEN, until: float = NEVER) -> Attempt:
        """Without an origin, so that a handler gets the test's clock and identities unchanged. A query is no cause."""
        return Attempt("", cause, GIVEN, self._place.seconds(), self._plan.name, until)

    def _note(self, entry: Entry) -> None:
        channel, key, id, type, version, at, headers, payload = entry
        record = Logged(0, 0, id, "", key, type, version, at, headers, payload)
        forms = self._place.recorded if channel is Channel.PRIVATE else self._place.published
        read = {(plan.contract.type, plan.contract.version): plan.codec.read for plan in forms.values()}
        made = [read[type, each](form) for each, form in forms_of(record).items()]
        if channel is Channel.PRIVATE:
            self._outcome.recorded += made
        elif is_command(record):
            self._outcome.sent += made
        else:
            self._outcome.published += made

    # ── calls ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sender(self, unit: UnitOfWork) -> StepSender:
        if self._calls is None:
            self._calls = StepCalls(
                self._compiled.contract, self._answer, self._outcome.called, self._store, self._ports, self._deadlines
            )  # fmt: skip
        return self._calls.sender(unit)

    async def _answer(self, message: Any, limit: Limit) -> Any:
        """The reply to a handler's call. Raises a refusal, and `KitError` if the test gives no answer."""
        kind: type = message.__class__
        if kind in self._answers:
            try:
                reply = await self._answers.reply_to(message)
            except CallError:
                raise  # a test may answer as a context that is away
            except Exception as error:
                self._faults.append(error)
                raise
            if isinstance(reply, Refusal):
                raise reply
            return reply
        if (own := self._plan.commands.get(kind) or self._plan.queries.get(kind)) is not None:
            return await self._serve(own, message, limit)
        fault = KitError(
            f"a handler calls {kind.__name__}, but the test gives no answer to it",
            where=f"given({self._plan.name})", expected="an answer to each call",
            next=f".on({kind.__name__}).answers(<reply, refusal or function>)",
        )  # fmt: skip
        self._faults.append(fault)
        raise fault

    # ── state ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _handlers(self, message: Message) -> list[HandlerPlan]:
        kind, plan = type(message), self._plan
        called = plan.commands.get(kind) or plan.queries.get(kind)
        if called is not None:
            return [called]
        followed = [follow for follow in plan.follows.values() if isinstance(follow, ReactionPlan)]
        found = [each for follow in followed for each in follow.takes.values() if each.contract.message is kind]
        event = plan.events.get(kind)
        found += event.together if event is not None else []
        if not found:
            raise KitError(
                f"no handler of {plan.name} takes {kind.__name__}", where=f"given({plan.name})",
                expected="a message that the context handles", next=f"@{plan.name}.handle, answer or react",
            )  # fmt: skip
        return found

    def _asked(self) -> dict[type, AskedPlan]:
        """The plans of the aggregates, records and claims that handlers ask for, by class."""
        plan = self._plan
        handlers = [*plan.commands.values(), *plan.queries.values()]
        handlers += [each for event in plan.events.values() for each in event.together]
        for follow in plan.follows.values():
            handlers += [each for each in follow.takes.values() if isinstance(each, HandlerPlan)]
        subjects = [need.subject for handler in handlers for need in handler.dependencies]
        subjects += [claim.owner for claim in subjects if isinstance(claim, ClaimPlan)]
        return {each.type: each for each in subjects if isinstance(each, (AggregatePlan, ClaimPlan, RecordPlan))}

    async def _put(self) -> None:
        """Stores the given state."""
        plans = self._asked()
        unit = UnitOfWork(self._place, self._attempt())
        given, applied = lived(self._state)
        state: list[Any] = [*given, *self._holders()]
        for each in state:
            if isinstance(each, (Aggregate, Record)):
                await self._put_one(self._change(plans, each), type(each).__name__)  # pyright: ignore[reportUnknownArgumentType]  # of any
            elif isinstance(each, (DomainEvent, IntegrationEvent)):
                for projection in self._folded_from(type(each), is_applied=any(each is one for one in applied)):
                    documents, event = unit.documents(projection), carried(each)
                    id = documents.key(event)
                    await documents.load([id])
                    documents.apply(id, event)
            else:
                raise KitError(
                    f"{each!r} is given", where="given", expected="aggregates, records and events",
                    next=".provide(<type>, <zero-argument callable>)",
                )  # fmt: skip
        for claimed in self._claimed:
            await self._claim(plans, unit, *claimed)
        await unit.commit(unit.unit())

    async def _put_one(self, change: Change, name: str) -> None:
        if await self._store.load(change.kind, change.id) is not None:
            raise KitError(f"{name} {change.id!r} is given twice", where="given", expected="each identity once")
        await self._store.commit(Unit(changes=[change]))

    def _holders(self) -> list[Aggregate[Any, Any]]:
        """The aggregates of given claims, except those that are given themselves."""
        state: Sequence[Any] = self._state
        given = [(each.__class__, each.id) for each in state if is_kind(each.__class__, Aggregate)]
        found = {(type(by), by.id): by for _, _, by in self._claimed}
        return [by for place, by in found.items() if place not in given]

    async def _claim(
        self, plans: Mapping[type, AskedPlan], unit: UnitOfWork, claim: Any, value: object, by: Aggregate[Any, Any]
    ) -> None:
        plan = plans.get(claim)
        if not isinstance(plan, ClaimPlan):
            raise KitError(
                f"no handler of {self._plan.name} asks for Claims[{claim.__name__}]", where="claimed",
                expected=", ".join(each.__name__ for each in plans if issubclass(each, Claim)) or "no claim",
            )  # fmt: skip
        holder = await unit.load(plan.owner, key_text(by.id, "identity", plan.owner.kind))
        assert holder is not None  # noqa: S101  # _put stored it
        taken = KitError(f"{claim.__name__} {value!r} is given to two aggregates", where="claimed", expected="one")
        try:
            await UnitClaims(unit, plan).take(value, by=holder.value, otherwise=_Taken())
        except _Taken:
            raise taken from None

    def _folded_from(self, event: type, *, is_applied: bool) -> list[ProjectionPlan]:
        found = [each for each in self._plan.projections.values() if event in projected_by(each.type)]
        if not found and not is_applied:
            raise KitError(
                f"no projection of {self._plan.name} handles {event.__name__}", where="given",
                expected="an event that a projection handles", next=f"leave it out, or: when({event.__name__}(...))",
            )  # fmt: skip
        return found

    def _change(self, plans: Mapping[type, AskedPlan], kept: Kept) -> Change:
        plan = plans.get(type(kept))
        if plan is None:
            asked = "Repository" if isinstance(kept, Aggregate) else "Records"
            known = ", ".join(sorted(each.__name__ for each in plans if not issubclass(each, Claim))) or "none"
            raise KitError(
                f"no handler of {self._plan.name} asks for {asked}[{type(kept).__name__}]", where="given",
                expected=f"an aggregate or record that one of them asks for: {known}",
            )  # fmt: skip
        if isinstance(kept, Aggregate):
            take_recorded(kept)
        body = plan.codec.write(kept)
        if plan.stream is not None:  # a snapshot of no events, so that its stream begins with the step
            body = headed(plan.stream.fingerprint, 0, 0, body)
        return Change(plan.kind, key_text(kept.id, "identity", plan.kind), 0, body)

    async def _states(self) -> AsyncIterator[Kept]:
        for plan in self._asked().values():
            for kind, id in self._store.places:
                row = await self._store.load(kind, id) if kind == plan.kind else None
                if row is not None and row[1] and not isinstance(plan, ClaimPlan):  # removed state has an empty body
                    yield Tracked.load(plan, id, *row).value


class _Services(Services):
    """The services that the test provides. The context's own factories are not called: they might connect."""

    def __init__(self) -> None:
        super().__init__([])
        self.made = _Provided()

    def of(self, context: str) -> Mapping[type, Any]:
        return self.made


class _Provided(dict[type, Any]):
    def __missing__(self, service: Any) -> Any:
        name = getattr(service, "__name__", repr(service))
        raise KitError(
            f"a handler asks for {name}, but the test does not provide it", where="given",
            expected=f"an object for {name}", next=f".provide({name}, <zero-argument callable>)",
        )  # fmt: skip


class _Adapted(SystemClock):
    """Adapts a user's `Clock`."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now  # type: ignore[method-assign]  # it shows what that one shows
        self.seconds = lambda: clock.now().timestamp()
        self.ticks = self.seconds


def _is_called(handler: HandlerPlan) -> bool:
    """Whether a caller receives what the handler returns. Otherwise it is a reaction."""
    return issubclass(handler.contract.message, (Command, Query))


def _require_declared(handler: HandlerPlan, refusal: Refusal) -> None:
    message = handler.contract.message
    if type(refusal) not in handler.refusals:
        raise KitError(
            f"{handler.name} ends with {refusal}, which {message.__name__} does not declare", where=handler.name,
            expected=", ".join(each.__name__ for each in handler.refusals) or "no refusal",
            next=f"declare it: class {message.__name__}(Command[..., {type(refusal).__name__}])",
        ) from refusal  # fmt: skip


# ── without an event loop ───────────────────────────────────────────────────────────────────────────────────────────

_loops: list[VirtualLoop] = []


def drive(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end. Raises `KitError` if it would have to wait under a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run_alone(work)
    try:
        copy_context().run(work.send, None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    work.close()
    raise KitError(
        "the handler waits for something, but an event loop is running", where="when",
        expected="a handler that is awaited", next="await given(...).when_awaited(...)",
    )  # fmt: skip


def _run_alone(work: Coroutine[Any, Any, T]) -> T:
    """Uses one loop for all tests of the process: creating a loop takes longer than running a handler."""
    if not _loops:
        _loops.append(VirtualLoop())
        atexit.register(_loops[0].close)
    loop = _loops[0]
    try:
        return loop.run_until_complete(work)
    finally:
        if left := asyncio.all_tasks(loop):  # tasks that a handler has begun and not awaited
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left))
