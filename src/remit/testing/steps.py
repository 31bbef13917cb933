"""`given(...).when(...).then(...)`: tests a single step, without a system, a store or a running process."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Concatenate, Generic, Self, overload

from typing_extensions import ParamSpec, TypeVar

from remit.contexts import Clock, Context, Envelope
from remit.contexts.annotations import (
    first_parameter,
    is_kind,
    projected_by,
    published_by,
    takes_envelope,
    unresolved,
)
from remit.contexts.policies import methods_of
from remit.domain import (
    Aggregate,
    Claim,
    EventSourced,
    Projection,
    Record,
    refuse_other_identity,
    take_recorded,
)
from remit.messages import Command, DomainEvent, IntegrationEvent, Query, Refusal, key_text
from remit.runtime.plan import ProjectionPlan
from remit.runtime.work.folding import Documents
from remit.testing.answers import CommandType, On, QueryType
from remit.testing.bench import Bench
from remit.testing.compiled import carried, codec_of
from remit.testing.differences import shown
from remit.testing.histories import lived, require_folded
from remit.testing.mistakes import KitError
from remit.testing.outcome import Answered, Folded, Outcome, Published
from remit.testing.virtual import MovableClock

T = TypeVar("T", bound=Aggregate[Any, Any] | Record[Any] | DomainEvent | IntegrationEvent | None)
M = TypeVar("M", bound=Command[Any, Any] | Query[Any, Any] | DomainEvent | IntegrationEvent)
V = TypeVar("V", bound=DomainEvent)
E = TypeVar("E")
R = TypeVar("R")
S = TypeVar("S")
X = TypeVar("X")
P = ParamSpec("P")
C = TypeVar("C")
H = TypeVar("H", bound=Aggregate[Any, Any])


@overload
def given(projection: type[Projection[Any, E]], /, *events: E) -> GivenProjection[E]: ...
@overload
def given(
    context: Context[Any], /, *state: Aggregate[Any, Any] | Record[Any] | DomainEvent | IntegrationEvent
) -> GivenContext: ...
@overload
def given() -> Given[None]: ...
@overload
def given(first: T, /, *more: Aggregate[Any, Any] | Record[Any] | DomainEvent | IntegrationEvent) -> Given[T]: ...
def given(first: Any = None, /, *more: Any) -> Any:
    """The state before the tested step:

    - An aggregate, for one of its methods; or nothing, for a function that makes an aggregate. Events behind an
      event-sourced aggregate change it before the step.
    - A domain event, for a publisher.
    - A projection and the events that its document is made of.
    - Aggregates, records and events, for a handler. It finds the aggregates in its repositories, the records in its
      `Records`, and in its views the documents that the events make.
    - A context, then aggregates, records and events, for a message. The context's handlers handle it, including
      `together` reactions and publishers.

    The given state is copied, and the step changes the copy. Events that a given aggregate has recorded are dropped.
    """
    if isinstance(first, type):
        if not is_kind(first, Projection):
            is_sourced = is_kind(first, EventSourced)
            raise KitError(
                f"{first.__name__} is no projection", where="given",
                expected="a projection, a context, aggregates, records or events",
                next=f"given({first.__name__}(id=...), <its events>)" if is_sourced
                else f"given(...).when({first.__name__}, <an event>) if it is a policy",
            )  # fmt: skip
        return GivenProjection[Any](first, more)
    if isinstance(first, Context):
        return GivenContext(Bench(first, more))  # pyright: ignore[reportUnknownArgumentType]  # of any
    return Given[Any](() if first is None else (first, *more))


class _Prepared:
    """What handlers get beside aggregates and events."""

    _bench: Bench

    def at(self, moment: datetime) -> Self:
        """Sets the time of `Clock`. Raises `KitError` for a time without a time zone."""
        self._bench.provide(Clock, MovableClock(moment))
        return self

    # `service` is a class. `type[S]` would refuse protocols and abstract classes, which often name services.
    def provide(self, service: Callable[..., S], make: Callable[[], S], /) -> Self:
        """Sets what handlers get that ask for this type: a service, `Clock` or `Ids`. `make` is called once, at once.
        The services that the context itself provides are not made in such a test."""
        self._bench.provide(service, make())
        return self

    def claimed(self, claim: type[Claim[C, H]], value: C, /, *, by: H) -> Self:
        """Gives a value that an aggregate has: `.claimed(Email, "ada@example.org", by=Member(id="m1"))`. The aggregate
        is given too, unless it is given already.

        The step raises `KitError` for a claim that no handler asks for, and for a value that two aggregates have.
        """
        self._bench.claimed.append((claim, value, by))
        return self

    @overload
    def on(self, message: CommandType[X, R], /) -> On[Self, X, R]: ...
    @overload
    def on(self, message: QueryType[X, R], /) -> On[Self, X, R]: ...
    def on(self, message: Any, /) -> On[Any, Any, Any]:
        """Answers a command or query called by `Sender`: `.on(ConfirmInvoice).answers("i-1")`."""
        return On(self, self._bench.answers, message)


class Given(_Prepared, Generic[T]):
    """Some state."""

    def __init__(self, state: tuple[Any, ...]) -> None:
        self._state = state
        self._bench = Bench(None, state)

    @overload  # the overload for any method comes last: it takes what the others do not
    def when(  # type: ignore[overload-overlap]  # the same
        self: Given[V], publisher: Callable[[V], IntegrationEvent | None], /
    ) -> Published: ...
    @overload
    def when(  # type: ignore[overload-overlap]  # the same
        self: Given[V], publisher: Callable[[V, Envelope], IntegrationEvent | None], /
    ) -> Published: ...
    @overload
    def when(self, policy: type[object], event: DomainEvent | IntegrationEvent, /) -> Outcome[None]: ...
    @overload
    def when(self, handler: Callable[Concatenate[M, ...], Awaitable[R]], message: M, /) -> Outcome[R]: ...
    @overload
    def when(self, method: Callable[Concatenate[T, P], R], /, *arguments: P.args, **named: P.kwargs) -> Outcome[R]: ...
    @overload
    def when(self: Given[None], make: Callable[P, R], /, *arguments: P.args, **named: P.kwargs) -> Outcome[R]: ...
    def when(self, step: Any, /, *arguments: Any, **named: Any) -> Any:
        """Takes the step.

        - `when(Order.place, 120)` calls the method of the given aggregate with these arguments.
        - `when(placed)` calls a publisher with the given domain event, and with an envelope if it asks for one.
        - `when(charge, OrderPlaced(...))` runs a handler, and `when(Booking, Held(...))` a policy, in memory. Under a
          running event loop, a handler that waits for real I/O has to be awaited:
          `await given(...).when_awaited(...)`.

        Raises what the step raises, except refusals; and `KitError` if something is missing that the step needs.
        """
        if inspect.iscoroutinefunction(step) or _is_policy(step):
            return self._bench.run(step, *arguments)
        if self._state and isinstance(self._state[0], DomainEvent):
            if not arguments and takes_envelope(step):
                arguments = (self._bench.envelope(),)
            return _published(step, self._state[0], arguments, named)
        return _decided(lived(self._state)[0][:1], step, arguments, named)

    @overload
    async def when_awaited(self, policy: type[object], event: DomainEvent | IntegrationEvent, /) -> Outcome[None]: ...
    @overload
    async def when_awaited(self, handler: Callable[Concatenate[M, ...], Awaitable[R]], message: M, /) -> Outcome[R]: ...
    async def when_awaited(self, handler: Any, message: Any, /) -> Outcome[Any]:
        """As `when` with a handler or a policy, on the running event loop."""
        return await self._bench.run_awaited(handler, message)


class GivenContext(_Prepared):
    """A context and some of its state."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @overload
    def when(self, message: Command[R, Any], /) -> Outcome[R]: ...
    @overload
    def when(self, message: Query[R, Any], /) -> Answered[R]: ...
    @overload
    def when(self, message: DomainEvent | IntegrationEvent, /) -> Outcome[None]: ...
    def when(self, message: Any, /) -> Any:
        """Lets the context handle a message: a command or query by its handler, an event by all its reactions.

        Raises what a handler raises, except refusals. Raises `KitError` for a message that the context does not handle,
        and if something is missing that a handler needs.
        """
        outcome = self._bench.handle(message)
        return Answered[Any](outcome) if isinstance(message, Query) else outcome

    async def when_awaited(self, message: Any, /) -> Outcome[Any]:
        """As `when`, on the running event loop."""
        return await self._bench.handle_awaited(message)


class GivenProjection(Generic[E]):
    """A projection, and the events that its documents are made of."""

    def __init__(self, projection: type[Projection[Any, E]], events: tuple[E, ...]) -> None:
        self._projection = projection
        self._events = events

    def when(self, event: E, /) -> Folded[E]:
        """Applies one more event."""
        return self._folded((*self._events, event))

    def then(self, expected: Projection[Any, E] | None) -> Folded[E]:
        """Expects this document of the given events; None if the last event has removed its row.

        Raises `AssertionError` with the differences.
        """
        __tracebackhide__ = True
        return self._folded(self._events).then(expected)

    def _folded(self, events: tuple[E, ...]) -> Folded[E]:
        kind: Any = self._projection
        documents = Documents(ProjectionPlan(kind.__name__, kind, codec_of(kind), kind.key), None)
        last: Projection[Any, E] | None = None
        for event in events:
            last = self._fold(documents, event)
        return Folded(last)

    def _fold(self, documents: Documents, event: E) -> Projection[Any, E] | None:
        """Applies an event to its document, and returns the document as it is stored; None if it was removed."""
        name = self._projection.__name__
        if event.__class__ not in projected_by(self._projection):
            raise KitError(
                f"{name} does not follow {type(event).__name__}", where="given",
                expected=", ".join(each.__name__ for each in projected_by(self._projection)) or "an event",
            )  # fmt: skip
        arriving = carried(event)
        document = documents.apply(documents.key(arriving), arriving)
        if document.removed:
            return None
        document.value = carried(document.value)
        return document.value  # type: ignore[no-any-return]  # of any


def _is_policy(step: Any) -> bool:
    if not isinstance(step, type) or is_kind(step, Aggregate):
        return False
    if not methods_of(step):
        raise KitError(
            f"{step.__name__} is neither an aggregate nor a policy", where="when",
            expected="the class of an aggregate or of a policy", next="declare a policy with @<its context>.policy",
        )  # fmt: skip
    return True


def _published(step: Any, event: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Published:
    """Runs a publisher. Raises `KitError` for an event that it does not take, and for a result that it does not
    declare."""
    is_known = unresolved(step) is None
    taken = first_parameter(step) if is_known else None
    if taken is not None and is_kind(taken[1], DomainEvent) and type(event) is not taken[1]:
        wanted = taken[1].__name__
        raise KitError(
            f"{step.__name__} takes {wanted}, and {type(event).__name__} is given", where="when",
            expected="the event that the publisher takes", next=f"given({wanted}(...)).when({step.__name__})",
        )  # fmt: skip
    made = step(carried(event), *arguments, **named)
    if made is None:
        return Published([])
    declared = published_by(step) if is_known else []
    if not is_kind(made.__class__, IntegrationEvent) or (declared and type(made) not in declared):
        raise KitError(
            f"{step.__name__} returned {shown(made)}, which it does not declare", where="when",
            expected=" or ".join(each.__name__ for each in declared) or "an integration event or None",
            next="return one integration event that the return annotation names, or None",
        )  # fmt: skip
    return Published([carried(made)])


def _require_result(step: Any, answer: object) -> None:
    """Raises `KitError` if the code of a step has not run."""
    if inspect.iscoroutine(answer) or inspect.isgenerator(answer):
        answer.close()
        what = "a generator, which nothing runs" if inspect.isgenerator(answer) else "a coroutine, which nothing awaits"
        raise KitError(
            f"{getattr(step, '__name__', step)} returned {what}", where="when", expected="a method that has run",
            next="write it as a plain method",
        )  # fmt: skip


def _decided(
    given: Sequence[Any], step: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Outcome[Any]:
    """Runs a plain method or function, and returns what it decided."""
    if inspect.ismethod(step):
        raise KitError(
            f"{step.__qualname__} is already bound to an aggregate", where="when",
            expected="a method of the class, such as Order.place", next="given(order).when(Order.place, ...)",
        )  # fmt: skip
    subject = [carried(each) for each in given]
    try:
        answer = step(*subject, *arguments, **named)
    except Refusal as refusal:  # changes and events until then are dropped
        return Outcome[Any](states=[carried(each) for each in given], _refusal=carried(refusal))
    _require_result(step, answer)
    pairs: list[tuple[Any, Any]] = list(zip(given, subject, strict=True))
    for before, kept in pairs:
        if is_kind(kept.__class__, Aggregate):
            name = type(kept).__name__
            refuse_other_identity(kept, key_text(before.id, "identity", name), name)
            require_folded(before, kept, kept.__dict__.get("_recorded", ()))
    outcome = Outcome[Any](answer=answer)
    if isinstance(answer, Refusal):
        outcome.refusal, outcome.answer = carried(answer), None
    after: list[Any] = [*subject, answer]
    for kept in after:
        if is_kind(kept.__class__, Aggregate):
            outcome.recorded += map(carried, take_recorded(kept))
            outcome.states.append(carried(kept))
    return outcome
