"""What a test does with a running system: it calls, waits, injects events, and reads what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, overload

from remit.errors import RemitError
from remit.log import Channel, write_headers
from remit.messages import Command, DomainEvent, IntegrationEvent, Query, Refusal, contract_of, key_text
from remit.runtime import Host
from remit.runtime.events import KeyParked, LaterRefused
from remit.stores import Entry, Unit
from remit.testing.compiled import codec_of
from remit.testing.differences import shown
from remit.testing.doubles import Double
from remit.testing.language import Language
from remit.testing.logs import Logs, Parked, require_kind
from remit.testing.mistakes import KitError
from remit.testing.virtual import VirtualLoop

R = TypeVar("R")
E = TypeVar("E", bound=Refusal)
D = TypeVar("D", bound=DomainEvent)
V = TypeVar("V", bound=IntegrationEvent)
C = TypeVar("C", bound=Command[Any, Any])

PATIENCE_SECONDS = 5.0
"""How long it is waited for what fails and is tried again."""
LOOK_SECONDS = 0.005
"""Between two looks meanwhile."""


class Refused(NamedTuple):
    """A command that was sent for later and refused."""

    type: str
    """Its wire name: `<context>.<name>`."""
    key: str
    """By which it is ordered."""
    refusal: Refusal


class Heard:
    """What a process has said that a test has to know."""

    def __init__(self) -> None:
        self.causes: dict[tuple[str, str], BaseException] = {}
        """Why keys were parked, by subscription and key."""
        self.refused: list[Refused] = []

    def hear(self, event: KeyParked | LaterRefused) -> None:
        """A listener."""
        if isinstance(event, KeyParked):
            self.causes[event.subscription, event.key] = event.error
        elif isinstance(event.refusal, Refusal):
            self.refused.append(Refused(event.type, event.key, event.refusal))


@dataclass
class Made:
    """A process that is ready to be started, and what the test is told of it."""

    host: Host
    languages: dict[str, Language]
    """By context, what a test may inject."""
    heard: Heard
    doubles: dict[str, Double] = field(default_factory=dict[str, Double])
    faults: list[Exception] = field(default_factory=list[Exception])
    """What doubles have done wrong."""


class App:
    """A running system in a test. Implements `Sender`: a message makes a round trip through the codec on its way, so
    that one which would not survive the wire fails the test.

    Whatever reads first waits until the system is settled.
    """

    def __init__(self, made: Made) -> None:
        self._made = made
        self._host = made.host
        self._logs = Logs(made.host)
        self._parked_seen = self._refused_seen = False

    async def send(self, command: Command[R, Any], /, *, deadline: float | None = None, key: str | None = None) -> R:
        """See `Sender.send`."""
        reply: R = await self._told(self._host.send(command, deadline=deadline, key=key))
        return reply

    async def ask(self, query: Query[R, Any], /, *, deadline: float | None = None, fresh: bool | str = False) -> R:
        """See `Sender.ask`."""
        answer: R = await self._told(self._host.ask(query, deadline=deadline, fresh=fresh))
        return answer

    @overload
    async def attempt(
        self, message: Command[R, E], /, *, deadline: float | None = None, key: str | None = None
    ) -> R | E: ...
    @overload
    async def attempt(
        self, message: Query[R, E], /, *, deadline: float | None = None, key: str | None = None
    ) -> R | E: ...
    async def attempt(self, message: Any, /, *, deadline: float | None = None, key: str | None = None) -> Any:
        """See `Sender.attempt`."""
        return await self._told(self._host.attempt(message, deadline=deadline, key=key))

    async def settled(self) -> None:
        """Returns when every message was handled by whoever follows it, or its key is parked.

        What fails is tried again meanwhile, for 5 seconds at most. On a `VirtualLoop` these are seconds of its clock.
        Raises `KitError` for what a double has done wrong.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_SECONDS
        while True:
            if isinstance(loop, VirtualLoop):
                await loop.idle()
            if not await self._logs.owed() or loop.time() >= until:
                break
            await asyncio.sleep(LOOK_SECONDS)
        self._raise_faults()

    async def recorded(self, event: type[D], /, *, key: str | None = None) -> list[D]:
        """The domain events of a class, or of those below it, in order; with `key`, those that are ordered by it."""
        require_kind(event, DomainEvent, "recorded")
        await self.settled()
        return await self._logs.recorded(event, key)

    async def published(self, event: type[V], /, *, key: str | None = None) -> list[V]:
        """The integration events of a class that were published, injected ones included, as `recorded`."""
        require_kind(event, IntegrationEvent, "published")
        await self.settled()
        return await self._logs.published(event, key)

    async def sent(self, command: type[C], /, *, key: str | None = None) -> list[C]:
        """The commands of a class that were sent for later, as `recorded`."""
        require_kind(command, Command, "sent")
        await self.settled()
        return await self._logs.sent(command, key)

    async def parked(self) -> list[Parked]:
        """The keys that are parked, in the order in which they were. A test that has asked for them does not fail of
        those that are left at its end."""
        await self.settled()
        self._parked_seen = True
        return await self._logs.parked()

    async def refused(self) -> list[Refused]:
        """The commands that were sent for later and refused, in the order in which they were. A test that has asked for
        them does not fail of them."""
        await self.settled()
        self._refused_seen = True
        return list(self._made.heard.refused)

    async def inject(self, *events: IntegrationEvent, key: str | None = None) -> None:
        """Puts integration events into the log of the context that publishes them, in this order: whoever follows them
        gets them as from there. The same event twice is two messages, as if it had been published twice.

        `key` orders them; by default it is the field that the event names. Raises `KitError` for an event that its
        context does not publish, and for one that needs a key.
        """
        for event in events:
            kind: Any = type(event)
            source = self._source_of(kind)
            contract = contract_of(kind, source)
            given = key if key is not None or contract.key is None else getattr(event, contract.key)
            if given is None:
                raise KitError(
                    f"{kind.__name__} does not say by which key it is ordered", where="inject",
                    expected="a key", next="inject(..., key=<that of the domain event>)",
                )  # fmt: skip
            id = self._host.ports.ids.new()
            entry = Entry(
                Channel.PUBLISHED, key_text(given, "ordering key", contract.type), id, contract.type, contract.version,
                self._host.ports.clock.seconds(), write_headers(id, id), codec_of(kind).write(event),
            )  # fmt: skip
            await self._host.stores[source].commit(Unit(entries=[entry]))

    def _source_of(self, event: type[IntegrationEvent]) -> str:
        owner = self._host.model.owner_of(event)
        language = self._made.languages.get(owner or "")
        if language is None or owner is None:
            raise KitError(
                f"{event.__name__} is of no context that publishes to this one", where="inject",
                expected=f"an event of one of: {', '.join(self._made.languages)}",
            )  # fmt: skip
        language.require_published(event, "inject")
        double = self._made.doubles.get(owner)
        if double is not None and double.publishes is not None and event not in double.publishes:
            raise KitError(
                f"the double of {owner} does not publish {event.__name__}", where="inject",
                expected=", ".join(each.__name__ for each in double.publishes) or "nothing",
                next=f"Double({owner!r}, publishes=[..., {event.__name__}])",
            )  # fmt: skip
        return owner

    async def _told(self, call: Coroutine[Any, Any, Any]) -> Any:
        try:
            reply = await call
        except RemitError as error:
            self._raise_faults(error)
            raise
        self._raise_faults()
        return reply

    def _raise_faults(self, cause: Exception | None = None) -> None:
        if self._made.faults:
            raise self._made.faults.pop(0) from cause

    async def stop(self) -> None:
        """Ends the system."""
        await self._host.stop()

    async def refuse_forgotten(self) -> None:
        """At the end of a test that has passed: raises what it was not told, and `AssertionError` for parked keys and
        for refused commands that it has not asked for."""
        __tracebackhide__ = True
        await self.settled()
        left = [] if self._parked_seen else await self._logs.parked()
        if left:
            lines = [f"  {each.subscription}, key {each.key!r}: {each.error}" for each in left]
            what = f"{len(left)} parked at the end, because a message could not be handled:"
            cause = self._made.heard.causes.get((left[0].subscription, left[0].key))
            raise AssertionError("\n".join([what, *lines, "  Next: mend it, or expect it by app.parked()"])) from cause
        refused = [] if self._refused_seen else self._made.heard.refused
        if refused:
            lines = [f"  {each.type}, key {each.key!r}: {shown(each.refusal)}" for each in refused]
            what = f"{len(refused)} refused that were sent for later, and nobody was told:"
            raise AssertionError(
                "\n".join([what, *lines, "  Next: mend it, or expect it by app.refused()"])
            ) from refused[0].refusal


class SyncApp:
    """`App` for a test without an event loop. The system runs while one of these methods does; in between, it and its
    clock stand still."""

    def __init__(self, app: App, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._app = app
        self._run = run

    def send(self, command: Command[R, Any], /, *, deadline: float | None = None, key: str | None = None) -> R:
        """See `Sender.send`."""
        reply: R = self._run(self._app.send(command, deadline=deadline, key=key))
        return reply

    def ask(self, query: Query[R, Any], /, *, deadline: float | None = None, fresh: bool | str = False) -> R:
        """See `Sender.ask`."""
        answer: R = self._run(self._app.ask(query, deadline=deadline, fresh=fresh))
        return answer

    @overload
    def attempt(self, message: Command[R, E], /, *, deadline: float | None = None, key: str | None = None) -> R | E: ...
    @overload
    def attempt(self, message: Query[R, E], /, *, deadline: float | None = None, key: str | None = None) -> R | E: ...
    def attempt(self, message: Any, /, *, deadline: float | None = None, key: str | None = None) -> Any:
        """See `Sender.attempt`."""
        return self._run(self._app.attempt(message, deadline=deadline, key=key))

    def settled(self) -> None:
        """See `App.settled`."""
        self._run(self._app.settled())

    def recorded(self, event: type[D], /, *, key: str | None = None) -> list[D]:
        """See `App.recorded`."""
        found: list[D] = self._run(self._app.recorded(event, key=key))
        return found

    def published(self, event: type[V], /, *, key: str | None = None) -> list[V]:
        """See `App.published`."""
        found: list[V] = self._run(self._app.published(event, key=key))
        return found

    def sent(self, command: type[C], /, *, key: str | None = None) -> list[C]:
        """See `App.sent`."""
        found: list[C] = self._run(self._app.sent(command, key=key))
        return found

    def parked(self) -> list[Parked]:
        """See `App.parked`."""
        found: list[Parked] = self._run(self._app.parked())
        return found

    def refused(self) -> list[Refused]:
        """See `App.refused`."""
        found: list[Refused] = self._run(self._app.refused())
        return found

    def inject(self, *events: IntegrationEvent, key: str | None = None) -> None:
        """See `App.inject`."""
        self._run(self._app.inject(*events, key=key))
