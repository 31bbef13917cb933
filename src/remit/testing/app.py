"""What a test does with a running system: call, wait, inject events, and read the results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn, TypeVar, overload

import msgspec

from remit.errors import RemitError, one_of
from remit.log import Channel, MessageRecord, trace_of, write_headers
from remit.messages import Command, DomainEvent, IntegrationEvent, Query, Refusal, contract_of, key_text
from remit.runtime import Host
from remit.runtime.events import KeyParked, LaterRefused, Retrying
from remit.runtime.failures import told
from remit.runtime.following.follower import Follower
from remit.stores import Entry, Unit
from remit.testing.compiled import codec_of
from remit.testing.differences import shown
from remit.testing.doubles import Double
from remit.testing.language import Language
from remit.testing.logs import Behind, Logs, Owed, Parked, require_kind
from remit.testing.mistakes import KitError
from remit.testing.virtual import MovableClock, VirtualLoop

R = TypeVar("R")
E = TypeVar("E", bound=Refusal)
D = TypeVar("D", bound=DomainEvent)
V = TypeVar("V", bound=IntegrationEvent)
C = TypeVar("C", bound=Command[Any, Any])

PATIENCE_SECONDS = 5.0
"""How long to wait while failed messages are retried."""
LOOK_SECONDS = 0.005
"""Between two checks while waiting."""
NOT_ENDED = "it has not ended yet"
"""Why a message is owed that has not failed."""


class Refused(NamedTuple):
    """A command that was sent for later and refused."""

    type: str
    """Its wire name: `<context>.<name>`."""
    key: str
    """Its ordering key."""
    refusal: Refusal


class Heard:
    """Why messages failed, why keys were parked, and which commands were refused, in the process of a test."""

    def __init__(self) -> None:
        self.causes: dict[tuple[str, str], BaseException] = {}
        """Why keys were parked, by subscription and key."""
        self.refused: list[Refused] = []
        self._failed: dict[tuple[str, str], BaseException] = {}
        """Why messages failed that are tried again, by subscription and trace."""

    def hear(self, event: KeyParked | LaterRefused | Retrying) -> None:
        """Receives runtime events, as a listener of the process."""
        if isinstance(event, KeyParked):
            self.causes[event.subscription, event.key] = event.error
        elif isinstance(event, Retrying):
            self._failed[event.follower, event.cause] = event.error
        elif isinstance(event.refusal, Refusal):
            self.refused.append(Refused(event.type, event.key, event.refusal))

    def why(self, follower: Follower, record: MessageRecord) -> tuple[str, BaseException | None]:
        """The subscription that has not handled a message, and why the message failed last; None if it has not."""
        names = [id.name for id in follower.ids]  # several, if they follow together
        found = ((name, error) for name in names if (error := self._failed.get((name, trace_of(record)))) is not None)
        return next(found, (names[0], None))


@dataclass
class Made:
    """A process that is ready to be started, and its data for the test."""

    host: Host
    languages: dict[str, Language]
    """What a test may inject, by context."""
    heard: Heard
    doubles: dict[str, Double] = field(default_factory=dict[str, Double])
    faults: list[Exception] = field(default_factory=list[Exception])
    """Errors of doubles."""


class App:
    """A running system in a test. Implements `Sender`. Messages make a round trip through the codec, so that a message
    that would not survive the wire fails the test.

    Methods that read first wait until the system is settled.
    """

    def __init__(self, made: Made) -> None:
        self._made = made
        self._host = made.host
        self._logs = Logs(made.host)
        self._parked_seen = self._refused_seen = False
        self._owed_seen: Collection[tuple[str, int]] | None = None
        """The subscriptions that owed something when the test has asked for it; None if it has not asked."""

    @property
    def clock(self) -> MovableClock:
        """The clock that the system goes by. The test moves it. Raises `KitError` where that is real time."""
        clock = self._host.ports.clock
        if not isinstance(clock, MovableClock):
            raise KitError(
                "the system goes by real time", where="app.clock", expected="a clock that can be moved",
                next="with running(...), without async; or let your plugin make a remit.testing.VirtualLoop",
            )  # fmt: skip
        return clock

    async def send(self, command: Command[R, Any], /, *, deadline: float | None = None, key: str | None = None) -> R:
        """See `Sender.send`."""
        reply: R = await self._told(self._host.send(command, deadline=deadline, key=key))
        return reply

    async def ask(
        self, query: Query[R, Any], /, *, deadline: float | None = None, fresh: bool | str = False, after: str = ""
    ) -> R:
        """See `Sender.ask`."""
        answer: R = await self._told(self._host.ask(query, deadline=deadline, fresh=fresh, after=after))
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

    @overload
    async def at_once(self, /, *messages: Command[R, E], deadline: float | None = None) -> list[R | E]: ...
    @overload
    async def at_once(self, /, *messages: Query[R, E], deadline: float | None = None) -> list[R | E]: ...
    async def at_once(self, /, *messages: Any, deadline: float | None = None) -> Any:
        """Makes several calls at the same time, as several callers do. Their replies and refusals, in the order of the
        messages.

        Returns when all calls have ended. Raises the error of the first one that failed otherwise, as `attempt` does.
        """
        calls = (self.attempt(message, deadline=deadline) for message in messages)
        ended = await asyncio.gather(*calls, return_exceptions=True)
        for each in ended:
            if isinstance(each, BaseException) and not isinstance(each, Refusal):
                raise each
        return ended

    async def settled(self) -> None:
        """Returns when every message is handled by all its subscribers, or its key is parked.

        Failed messages are retried meanwhile, for at most 5 seconds. On a `VirtualLoop` these are seconds of its clock.
        Raises `KitError` for an error of a double.
        """
        await self._settle(())

    async def _settle(self, but: Collection[tuple[str, int]]) -> list[Behind]:
        """As `settled`. Does not wait for the subscriptions `but`, each with a partition. Returns those that have not
        handled everything."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_SECONDS
        while True:
            if isinstance(loop, VirtualLoop):
                await loop.idle()
            behind = await self._logs.behind()
            if all((each.follower.name, each.part) in but for each in behind) or loop.time() >= until:
                break
            await asyncio.sleep(LOOK_SECONDS)
        self._raise_faults()
        return behind

    async def recorded(self, event: type[D], /, *, key: str | None = None) -> list[D]:
        """The domain events of a class and its subclasses, in order; with `key`, those with that ordering key. Raises
        `KitError` if `event` is not a class of domain events."""
        require_kind(event, DomainEvent, "recorded")
        await self.settled()
        return await self._logs.recorded(event, key)

    async def published(self, event: type[V], /, *, key: str | None = None) -> list[V]:
        """The published integration events of a class, including injected ones. Otherwise as `recorded`."""
        require_kind(event, IntegrationEvent, "published")
        await self.settled()
        return await self._logs.published(event, key)

    async def sent(self, command: type[C], /, *, key: str | None = None) -> list[C]:
        """The commands of a class that were sent for later. Otherwise as `recorded`."""
        require_kind(command, Command, "sent")
        await self.settled()
        return await self._logs.sent(command, key)

    async def parked(self) -> list[Parked]:
        """The parked keys, in the order in which they were parked. A test that has called this does not fail at its end
        because of parked keys."""
        await self.settled()
        self._parked_seen = True
        return await self._logs.parked()

    async def owed(self) -> list[Owed]:
        """The messages that are neither handled nor parked, although the system was given 5 seconds: the first of each
        subscription and partition. They are tried again, or their handlers still run. A test that has called this does
        not fail at its end because of such messages, and its end does not wait for them."""
        behind = await self._settle(())
        self._owed_seen = {(each.follower.name, each.part) for each in behind}
        return [owed for owed, _ in await self._owed(behind)]

    async def _owed(self, behind: Sequence[Behind]) -> list[tuple[Owed, BaseException | None]]:
        """What is owed, each with the error."""
        found: list[tuple[Owed, BaseException | None]] = []
        for each in behind:
            record = await self._logs.next_of(each)
            if record is not None:
                name, error = self._made.heard.why(each.follower, record)
                text = each.follower.note if error is None else told(error)
                found.append((Owed(name, record.type, record.key, text, each.head - each.position), error))
        return found

    async def refused(self) -> list[Refused]:
        """The commands sent for later that were refused, in the order in which they were refused. A test that has
        called this does not fail at its end because of refused commands."""
        await self.settled()
        self._refused_seen = True
        return list(self._made.heard.refused)

    async def inject(self, *events: IntegrationEvent, key: str | None = None) -> None:
        """Puts integration events into the log of the context that publishes them, in this order. Subscribers receive
        them as if that context had published them. The same event given twice is two messages.

        `key` is their ordering key; the default is the field that the event declares. Raises `KitError` for an event
        that its context does not publish, and for a missing key.
        """
        for event in events:
            kind: Any = type(event)
            source = self._source_of(kind)
            contract = contract_of(kind, source)
            given = key if key is not None or contract.key is None else getattr(event, contract.key)
            if given is None:
                raise KitError(
                    f"{kind.__name__} is injected without an ordering key", where="inject",
                    expected="a key", next="inject(..., key=<that of the domain event>)",
                )  # fmt: skip
            id = self._host.ports.ids.new()
            entry = Entry(
                Channel.PUBLISHED, key_text(given, "ordering key", contract.type), id, contract.type, contract.version,
                self._host.ports.clock.seconds(), write_headers(id, id), codec_of(kind).write(event),
            )  # fmt: skip
            await self._host.stores[source].commit(Unit(entries=[entry]))

    async def receive(self, source: str, message: object, /, *, headers: Mapping[str, str] | None = None) -> bool:
        """Delivers a message to a webhook of the system, by the name of its source, as if its signature fitted. Returns
        False for a repetition.

        `message` is the body as bytes, or a value that is sent as JSON. Raises `KitError` for an unknown source, and
        `BadMessage` for bytes that are not JSON.
        """
        hooks = [hook for hook in self._host.hooks if hook.source.name == source]
        if len(hooks) != 1:
            raise KitError(
                f"{len(hooks)} webhooks are named {source!r}", where="receive",
                expected=one_of(hook.source.name for hook in self._host.hooks),
            )  # fmt: skip
        body = message if isinstance(message, bytes) else msgspec.json.encode(message)
        return await hooks[0].accept({name.lower(): value for name, value in (headers or {}).items()}, body)

    def _source_of(self, event: type[IntegrationEvent]) -> str:
        owner = self._host.model.owner_of(event)
        language = self._made.languages.get(owner or "")
        if language is None or owner is None:
            raise KitError(
                f"{event.__name__} belongs to no context that publishes to this one", where="inject",
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
        """Stops the system."""
        await self._host.stop()

    async def refuse_forgotten(self) -> None:
        """Called at the end of a passed test. Raises errors of doubles, and `AssertionError` for parked keys, messages
        that are still owed and refused commands that the test has not asked for."""
        __tracebackhide__ = True
        behind = await self._settle(self._owed_seen or ())
        heard = self._made.heard
        parked = [] if self._parked_seen else await self._logs.parked()
        if parked:
            lines = [f"{each.subscription}, key {each.key!r}: {each.error}" for each in parked]
            what = "parked at the end, because a message could not be handled"
            _refuse(what, lines, "parked", heard.causes.get((parked[0].subscription, parked[0].key)))
        owed = await self._owed(behind) if self._owed_seen is None else []
        if owed:
            lines = [
                f"{each.type}, key {each.key!r}, for {each.subscription}: {each.error or NOT_ENDED}" for each, _ in owed
            ]
            _refuse("still owed at the end: neither handled nor parked", lines, "owed", owed[0][1])
        refused = [] if self._refused_seen else heard.refused
        if refused:
            lines = [f"{each.type}, key {each.key!r}: {shown(each.refusal)}" for each in refused]
            _refuse("refused at the end, of the commands sent for later", lines, "refused", refused[0].refusal)


def _refuse(what: str, lines: Sequence[str], method: str, cause: BaseException | None) -> NoReturn:
    """Fails the test. `method` of `App` is how a test expects it."""
    __tracebackhide__ = True
    said = [
        f"{len(lines)} {what}:",
        *(f"  {line}" for line in lines),
        f"  Next: mend it, or expect it by app.{method}()",
    ]
    raise AssertionError("\n".join(said)) from cause


class SyncApp:
    """`App` for a test without an event loop. The system runs only while one of these methods runs; in between, the
    system and its clock stand still."""

    def __init__(self, app: App, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._app = app
        self._run = run

    @property
    def clock(self) -> MovableClock:
        """The clock that the system goes by. The test moves it."""
        return self._app.clock

    def send(self, command: Command[R, Any], /, *, deadline: float | None = None, key: str | None = None) -> R:
        """See `Sender.send`."""
        reply: R = self._run(self._app.send(command, deadline=deadline, key=key))
        return reply

    def ask(
        self, query: Query[R, Any], /, *, deadline: float | None = None, fresh: bool | str = False, after: str = ""
    ) -> R:
        """See `Sender.ask`."""
        answer: R = self._run(self._app.ask(query, deadline=deadline, fresh=fresh, after=after))
        return answer

    @overload
    def attempt(self, message: Command[R, E], /, *, deadline: float | None = None, key: str | None = None) -> R | E: ...
    @overload
    def attempt(self, message: Query[R, E], /, *, deadline: float | None = None, key: str | None = None) -> R | E: ...
    def attempt(self, message: Any, /, *, deadline: float | None = None, key: str | None = None) -> Any:
        """See `Sender.attempt`."""
        return self._run(self._app.attempt(message, deadline=deadline, key=key))

    @overload
    def at_once(self, /, *messages: Command[R, E], deadline: float | None = None) -> list[R | E]: ...
    @overload
    def at_once(self, /, *messages: Query[R, E], deadline: float | None = None) -> list[R | E]: ...
    def at_once(self, /, *messages: Any, deadline: float | None = None) -> Any:
        """See `App.at_once`."""
        return self._run(self._app.at_once(*messages, deadline=deadline))

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

    def owed(self) -> list[Owed]:
        """See `App.owed`."""
        found: list[Owed] = self._run(self._app.owed())
        return found

    def refused(self) -> list[Refused]:
        """See `App.refused`."""
        found: list[Refused] = self._run(self._app.refused())
        return found

    def inject(self, *events: IntegrationEvent, key: str | None = None) -> None:
        """See `App.inject`."""
        self._run(self._app.inject(*events, key=key))

    def receive(self, source: str, message: object, /, *, headers: Mapping[str, str] | None = None) -> bool:
        """See `App.receive`."""
        found: bool = self._run(self._app.receive(source, message, headers=headers))
        return found
