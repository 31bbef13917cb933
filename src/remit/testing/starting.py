"""Runs a system in a test, whole or one context of it, with a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from remit.contexts import Context, Model
from remit.hosting import System
from remit.hosting.assembly import assemble
from remit.messages.component import Component
from remit.observability import log_event
from remit.runtime import Channels, Host, Listener, Placed, Ports, compile_system
from remit.runtime.plan import ContextPlan
from remit.stores import Store
from remit.testing.app import App, Heard, Made, SyncApp
from remit.testing.compiled import Known
from remit.testing.doubles import Double, DoubleCalls
from remit.testing.keeping import KeepingStore
from remit.testing.language import Language
from remit.testing.mistakes import KitError
from remit.testing.virtual import CountedIds, MovableClock, VirtualLoop

S = TypeVar("S")


class _Ready(NamedTuple):
    """A checked model and its compiled plans."""

    model: Model
    plans: Mapping[str, ContextPlan]


_ready: Known[_Ready] = Known()
"""A system is checked and compiled once, not in every test."""
MEMORY = "memory:"
PARTS = ("write", "read", "log")
"""The addresses of a context that is replaced by a double."""


class Starting:
    """A system that a test is about to run: `with` gives a `SyncApp`, `async with` an `App`."""

    def __init__(
        self,
        make: Callable[[Ports], Made],
        clock: MovableClock | None,
        contexts: Callable[[], Sequence[Context[Any]]],
        *,
        in_memory: bool,
    ) -> None:
        self._make = make
        self._contexts = contexts
        self._clock = clock
        self._in_memory = in_memory
        self._services: dict[type, Callable[[], Any]] = {}
        self._runner: asyncio.Runner | None = None
        self._app: App | None = None

    # `service` is a class. `type[S]` would refuse protocols and abstract classes, which often name services.
    def provide(self, service: Callable[..., S], make: Callable[[], S], /) -> Self:
        """Replaces a service that contexts provide, in this run. Entering raises `KitError` if no context provides
        it."""
        named: Any = service
        self._services[named] = make
        return self

    def __enter__(self) -> SyncApp:
        _require_no_loop()
        if not self._in_memory:
            raise KitError(
                "a system without the test's own event loop runs in memory only", where="running",
                expected="memory:", next="async with running(..., store=...)",
            )  # fmt: skip
        clock = self._clock or MovableClock()
        self._runner = runner = asyncio.Runner(loop_factory=lambda: VirtualLoop(clock))
        try:
            return SyncApp(runner.run(self.__aenter__()), _in_context_of_the_test(runner))
        except BaseException:
            runner.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        assert self._runner is not None  # noqa: S101  # __enter__ has set it
        with self._runner as runner:
            runner.run(self.__aexit__(kind, error, trace))

    async def __aenter__(self) -> App:
        with _replaced(self._contexts, self._services):
            made = self._make(self._ports())
        self._app = App(made)
        try:
            await made.host.start()
        except BaseException:
            await made.host.stop()
            raise
        return self._app

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        assert self._app is not None  # noqa: S101  # __aenter__ has set it
        try:
            if error is None:
                await self._app.refuse_forgotten()
        finally:
            await self._app.stop()

    def _ports(self) -> Ports:
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop) and self._in_memory:
            if self._clock not in (None, loop.clock):
                raise _other_clock("the event loop has another clock", "the clock of the loop")
            return Ports(loop.clock, CountedIds(), Random(0))  # noqa: S311  # repeatable randomness, no secret
        if self._clock is not None:
            raise _other_clock("the event loop runs in real time", "a loop with this clock")
        return Ports(ids=CountedIds()) if self._in_memory else Ports()


@contextmanager
def _replaced(
    contexts: Callable[[], Sequence[Context[Any]]], services: Mapping[type, Callable[[], Any]]
) -> Generator[None]:
    """Lets the contexts provide these services while their plans are made."""
    if not services:
        yield
        return
    found = [(context, dict(context.provided)) for context in contexts()]
    for service, make in services.items():
        users = [context for context, provided in found if service in provided]
        if not users:
            raise KitError(
                f"no context provides {service.__name__}", where="provide", expected="a service of a context",
                next=f"context.provide({service.__name__}, ...)",
            )  # fmt: skip
        for context in users:
            context.provided[service] = make
    try:
        yield
    finally:
        for context, provided in found:
            context.provided.clear()
            context.provided.update(provided)


def _require_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise KitError("an event loop is running", where="running", expected="none", next="async with running(...)")


def _other_clock(what: str, expected: str) -> KitError:
    return KitError(
        f"the clock cannot be moved: {what}", where="running", expected=expected,
        next="with running(...), without async; or let your plugin make a remit.testing.VirtualLoop",
    )  # fmt: skip


def _in_context_of_the_test(runner: asyncio.Runner) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs each call with the test's context variables of that moment. By itself, a runner keeps those of its first
    run, and `System.with_headers` around a call would have no effect."""
    return lambda work: runner.run(work, context=copy_context())


def running(
    system: System, *, clock: MovableClock | None = None, store: str = MEMORY, listeners: Sequence[Listener] = ()
) -> Starting:
    """Runs a whole system for a test. `with running(system) as app` needs no event loop; `async with` uses the running
    loop.

    `clock` is the clock of the system, which the test moves. Under `with` there is always one; under `async with` the
    loop must be a `VirtualLoop`. `store` is as in `System.connect`; other values than `memory:` need `async with` and
    real time.

    Leaving raises `AssertionError` if a message could not be handled and the test has not called `parked()`, if a
    message is neither handled nor parked and the test has not called `owed()`, or if a command sent for later was
    refused and the test has not called `refused()`. Entering raises the errors of
    `System.connect`, and `KitError` if the clock cannot be moved.
    """

    def make(ports: Ports) -> Made:
        hosted = system.hosting()
        model, plans = _known(hosted.contexts, hosted, system, *hosted.relations)
        heard = Heard()
        stores = {each.name: KeepingStore() for each in model.contexts} if store == MEMORY else None
        host = assemble(
            model, store=store, stores=stores, ports=ports, parity=True, listeners=[heard.hear, *listeners],
            plans=plans,
        )  # fmt: skip
        return Made(host, {each.name: Language(each.name, each, model.owners) for each in model.contexts}, heard)

    return Starting(make, clock, lambda: system.hosting().contexts, in_memory=store == MEMORY)


def alone(
    context: Context[Any], *, of: System, doubles: Sequence[Double] = (), clock: MovableClock | None = None
) -> Starting:
    """Runs one context of a system for a test, in memory, as a service that hosts nothing else. Its neighbours are
    doubles. `with`, `async with` and `clock` are as in `running`.

    Entering raises `ModelError` for an inconsistent context. It raises `KitError` for a double that stands for no
    neighbour, or that goes beyond the published language of its context. A call without an answer, a reply of another
    type and an undeclared refusal fail the test with `KitError`.
    """

    def make(ports: Ports) -> Made:
        hosted = of.hosting([context.name])
        model, plans = _known([*hosted.contexts, *of.contexts], hosted, of, *of.relations)
        known = {each.name: each for each in of.contexts}
        others = [name for name in model.names if name != context.name]
        languages = {name: Language(name, known.get(name), model.owners) for name in others}
        for double in doubles:
            if double.name not in languages:
                raise KitError(
                    f"{double.name} is no neighbour of {context.name}", where=f"Double({double.name!r})",
                    expected=f"one of: {', '.join(others)}",
                )  # fmt: skip
            double.require(languages[double.name])
        heard, faults = Heard(), list[Exception]()
        stores: dict[str, Store] = {name: KeepingStore() for name in model.names}
        placed = Placed(
            {context.name: ("write", "read", "acl")}, [Component(name, part) for name in others for part in PARTS]
        )  # fmt: skip
        channels = Channels(calls=DoubleCalls(doubles, faults))
        host = Host(
            model, stores, ports, placed=placed, channels=channels, listeners=[log_event, heard.hear], parity=True,
            plans=plans,
        )  # fmt: skip
        return Made(host, languages, heard, {each.name: each for each in doubles}, faults)

    return Starting(make, clock, lambda: [context], in_memory=True)


def _known(contexts: Sequence[Context[Any]], hosted: System, *beside: object) -> _Ready:
    """The model and plans of a system, with the services that its contexts provide now."""

    def make() -> _Ready:
        model = hosted.model()
        return _Ready(model, compile_system(model))

    model, plans = _ready.of(contexts, make, *beside)
    provided = {context.name: context.provided for context in hosted.contexts}
    return _Ready(model, {name: plan.with_services(provided[name]) for name, plan in plans.items()})
