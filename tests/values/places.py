"""One system in which a value of every type stands at every place, and the ways in which it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from operator import attrgetter
from pathlib import Path
from types import new_class
from typing import Any, NamedTuple, Optional, TypeVar
from uuid import uuid4

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Later,
    Projection,
    Query,
    Refusal,
    Repository,
    System,
    Value,
    View,
)
from remit.errors import NotFound
from remit.hosting.assembly import assemble
from remit.log import Channel, SubscriptionId
from remit.messages import Codec
from remit.messages.component import Component
from remit.runtime import Channels, Host, Placed, Ports
from remit.stores.memory.store import MemoryStore
from remit.transports import CallChannel, EventChannel
from remit.transports.http.calls import HttpCalls
from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents
from tests.values.kinds import KEYS, TYPES, of

T = TypeVar("T")
Fields = dict[str, Any]
PLACES = ("item", "event", "public", "later", "reply", "refusal")
ONE_PROCESS = ["memory", "memory parity", "sqlite", "postgresql"]
APART = ["http json", "http msgpack", "nats json", "nats msgpack"]
PARTS = ("write", "read", "log")
SECONDS = 20.0

one, two = Context("one"), Context("two")
SPOILT: dict[tuple[str, str], Fields] = {}
"""By the identity of an item and a place: the fields that a handler gives what stands there."""


def made(name: str, base: Any, fields: Fields, options: Fields | None = None, **more: Any) -> Any:
    """A class with these fields; `more` is what else stands in it."""
    body = {"__annotations__": fields, "__module__": __name__, **more}
    return new_class(name, (base,), options or {}, lambda space: space.update(body))


def annotated(function: Callable[..., Any], **annotations: Any) -> Any:
    """A handler of classes that are made here, which no annotation can name."""
    function.__annotations__ = annotations
    return function


def said(id: str, place: str, of: Any, names: Fields) -> Fields:
    """What is to stand at a place: what came, but for what a test has spoilt."""
    return {name: getattr(of, name) for name in names} | SPOILT.get((id, place), {})


class Family:
    """Messages of each kind, aggregates and a document, with a field for each of some types."""

    def __init__(self, name: str, types: list[Any]) -> None:
        self.name = name
        self.types = fields = {f"t{number}": type for number, type in enumerate(types)}
        kept, aggregate = {name: Optional[type] for name, type in fields.items()}, Aggregate[str]  # noqa: UP045  # of what is a value here
        nothing, id = dict.fromkeys(fields), {"id": str}
        self.record = made(f"Record{name}", Value, fields)
        self.refusal = made(f"Refused{name}", Refusal, fields)
        self.keep = made(f"Keep{name}", of(Command, self.record, self.refusal), id | {"refuse": bool} | fields)
        self.again = made(f"Again{name}", Command[None], id | fields)
        self.ask = made(f"Ask{name}", of(Query, self.record), fields)
        self.look = made(f"Look{name}", of(Query, self.record), id | {"what": str})
        self.hear = made(f"Hear{name}", of(Query, self.record), id)
        self.event = made(f"Told{name}", DomainEvent, id | fields)
        self.public = made(f"Public{name}", IntegrationEvent, id | fields, {"version": 1})
        self.item = made(f"Item{name}", aggregate, id | kept, **nothing)
        self.copy = made(f"Copy{name}", aggregate, id | kept, **nothing)
        self.heard = made(f"Heard{name}", aggregate, id | kept, **nothing)

        def evolve(document: Any, event: Any) -> None:
            self._write(document, event)

        self.document = made(
            f"Document{name}", of(Projection, str, self.event), kept, **nothing,
            key=staticmethod(attrgetter("id")), evolve=evolve,
        )  # fmt: skip
        self._handle()
        self._answer()

    def where(self, place: str) -> str:
        """The class whose value stands at a place."""
        by_place: Fields = {
            "item": self.item, "event": self.event, "public": self.public, "later": self.again, "reply": self.record,
            "refusal": self.refusal,
        }  # fmt: skip
        return str(by_place[place].__name__)

    def _write(self, into: Any, of: Any, place: str = "") -> None:
        for name, value in said(of.id, place, of, self.types).items():
            setattr(into, name, value)

    def _handle(self) -> None:
        async def keep(command: Any, items: Any, later: Any) -> Any:
            item = await items.obtain(command.id)
            self._write(item, command, "item")
            item.record(self.event(id=item.id, **said(item.id, "event", command, self.types)))
            later.send(self.again(id=item.id, **said(item.id, "later", command, self.types)))
            if command.refuse:
                raise self.refusal(**said(item.id, "refusal", command, self.types))
            return self.record(**said(item.id, "reply", command, self.types))

        async def again(command: Any, copies: Any) -> None:
            self._write(await copies.obtain(command.id), command)

        def publish(event: Any) -> Any:
            return self.public(id=event.id, **said(event.id, "public", event, self.types))

        async def hear(event: Any, heard: Any) -> None:
            self._write(await heard.obtain(event.id), event)

        repository, later, bound, other = _any(Repository), _any(Later), _any(one), _any(two)
        bound.handle(self.keep)(
            annotated(keep, command=self.keep, items=repository[self.item], later=later[self.again])
        )
        bound.handle(self.again)(annotated(again, command=self.again, copies=repository[self.copy]))
        bound.publish(self.event)(annotated(publish, event=self.event, **{"return": self.public}))
        bound.project(self.document)
        other.react(self.public)(
            annotated(_named(hear, f"hear_{self.name}"), event=self.public, heard=repository[self.heard])
        )

    def _answer(self) -> None:
        async def ask(query: Any) -> Any:
            return self.record(**said("", "", query, self.types))

        async def look(query: Any, items: Any, copies: Any, documents: Any) -> Any:
            found = {"item": items, "copy": copies, "document": documents}[query.what]
            return self.record(**said("", "", await found.get(query.id), self.types))

        async def hear(query: Any, heard: Any) -> Any:
            return self.record(**said("", "", await heard.get(query.id), self.types))

        bound, other, repository, view = _any(one), _any(two), _any(Repository), _any(View)
        bound.answer(self.ask)(annotated(ask, query=self.ask))
        looking = {"items": repository[self.item], "copies": repository[self.copy], "documents": view[self.document]}
        bound.answer(self.look)(annotated(look, query=self.look, **looking))
        other.answer(self.hear)(annotated(hear, query=self.hear, heard=repository[self.heard]))


class Tell(Command[int]):
    """Of something that happened under a key of the caller's choice."""

    key: str


class Happened(DomainEvent, key="key"):
    key: str


class Teller(Aggregate[str, Happened]):
    count: int = 0


@one.handle(Tell)
async def tell(command: Tell, tellers: Repository[Teller]) -> int:
    teller = await tellers.obtain("teller")
    teller.count += 1
    teller.record(Happened(key=command.key))
    return teller.count


class Named:
    """Aggregates, events and documents that go by a key of one type."""

    def __init__(self, number: int, type: Any) -> None:
        self.type = type
        self.touch = made(f"Touch{number}", Command[int], {"who": type})
        self.count = made(f"Count{number}", Query[list[Any]], {"who": type})
        self.hear = made(f"Heard{number}", Query[int], {"who": type})
        self.event = made(f"Touched{number}", DomainEvent, {"who": type}, {"key": "who"})
        self.public = made(f"Public{number}", IntegrationEvent, {"who": type}, {"key": "who", "version": 1})
        aggregate: Any = Aggregate
        self.thing = made(f"Thing{number}", aggregate[type], {"id": type, "count": int}, count=0)
        self.other = made(f"Other{number}", aggregate[type], {"id": type, "count": int}, count=0)
        self.document = made(
            f"Counted{number}", of(Projection, type, self.event), {"count": int}, count=0,
            key=staticmethod(attrgetter("who")), evolve=_count,
        )  # fmt: skip
        self._bind(number)

    def _bind(self, number: int) -> None:
        async def touch(command: Any, things: Any) -> int:
            thing = await things.obtain(command.who)
            thing.count += 1
            thing.record(self.event(who=thing.id))
            return int(thing.count)

        async def count(query: Any, things: Any, documents: Any) -> list[Any]:
            thing, document = await things.find(query.who), await documents.find(query.who)
            return [None if thing is None else thing.count, None if document is None else document.count]

        def publish(event: Any) -> Any:
            return self.public(who=event.who)

        async def hear(event: Any, others: Any) -> None:
            _count(await others.obtain(event.who), event)

        async def heard(query: Any, others: Any) -> int:
            return int((await others.get(query.who)).count)

        bound, other, repository, view = _any(one), _any(two), _any(Repository), _any(View)
        bound.handle(self.touch)(annotated(touch, command=self.touch, things=repository[self.thing]))
        bound.answer(self.count)(
            annotated(count, query=self.count, things=repository[self.thing], documents=view[self.document])
        )
        bound.publish(self.event)(annotated(publish, event=self.event, **{"return": self.public}))
        bound.project(self.document)
        other.react(self.public)(
            annotated(_named(hear, f"hear_key_{number}"), event=self.public, others=repository[self.other])
        )
        other.answer(self.hear)(annotated(heard, query=self.hear, others=repository[self.other]))


def _count(document: Any, _: Any) -> None:
    document.count += 1


def _any(value: Any) -> Any:
    return value


def _named(function: T, name: str) -> T:
    _any(function).__name__ = name
    return function


def _is_ever_plain(type: Any) -> bool:
    return Codec[Any](type).is_plain.__name__ == "<lambda>"


FAMILIES = [
    Family("Plain", [type for type in TYPES if _is_ever_plain(type)]),
    Family("Other", [type for type in TYPES if not _is_ever_plain(type)]),
]
"""Of what is written without being read again, as long as it is plain, and of all else: one field of these in a record
has all of it read again."""
NAMED = [Named(number, type) for number, type in enumerate(KEYS)]
system = System("values", contexts=[one, two])


# ── running ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class World(NamedTuple):
    """The system, running: who calls, and who keeps."""

    name: str
    runner: asyncio.Runner
    caller: Host
    keeper: Host

    @property
    def looks_at_calls(self) -> bool:
        """Whether a call is written, though nothing of it is kept."""
        return self.name not in ONE_PROCESS or "parity" in self.name

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def standing(self) -> Any:
        """How long the logs are."""
        return [dict(await self.keeper.stores["one"].heads(channel)) for channel in Channel]


async def arrived(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer to a question, once there is something to tell."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            return await ask()
        except NotFound:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(name: str, folder: Path, address: Callable[[str], str]) -> AsyncGenerator[tuple[Host, Host]]:
    """Who calls and who keeps; `address` gives that of a server, once it is needed."""
    technology, _, how = name.partition(" ")
    hosts = await _apart(technology, how, address) if name in APART else [_alone(technology, how, folder, address)]
    async with AsyncExitStack() as stack:
        for host in hosts:
            await host.start()
            stack.push_async_callback(host.stop)
        yield hosts[-1], hosts[0]


def _alone(technology: str, how: str, folder: Path, address: Callable[[str], str]) -> Host:
    store = {"memory": "memory:", "sqlite": f"sqlite:{folder}/{{context}}.db"}.get(technology)
    if store is None:
        server = address(technology)
        store = f"{server}{'&' if '?' in server else '?'}schema=values_{uuid4().hex[:8]}_{{context}}"
    return assemble(system.model(), store=store, parity=how == "parity")


async def _apart(technology: str, encoding: Any, address: Callable[[str], str]) -> list[Host]:
    """Who keeps and who calls, in processes of their own but for the process."""
    addresses = dict[str, list[str]]()
    model, hosts = system.model(), list[Host]()
    for name, other in (("one", "two"), ("two", "one")):
        events: EventChannel | None = None
        if technology == "http":
            calls: CallChannel = _Listening(name, addresses)
        else:
            connection = NatsConnection(address("nats"), name=name)
            calls, events = NatsCalls(connection, "values"), NatsEvents(connection, "values", codec=encoding)
        hosts.append(_process(model, name, other, Channels(calls, events, encoding)))
    return hosts


def _process(model: Any, name: str, other: str, channels: Channels) -> Host:
    pushed = channels.events is not None
    placed = Placed(
        elsewhere=[Component(other, part) for part in PARTS],
        relays=[SubscriptionId(f"{name}.relay:nats", name, Channel.PUBLISHED)] if pushed else [],
        pushed=[(other, Channel.PUBLISHED)] if pushed else [],
    )
    return Host(model, {name: MemoryStore()}, Ports(), placed=placed, channels=channels)


class _Listening(HttpCalls):
    """Tells the others its port once it has one."""

    def __init__(self, context: str, addresses: dict[str, list[str]]) -> None:
        super().__init__(addresses, listen="127.0.0.1:0")
        self._context, self._known = context, addresses

    async def open(self) -> None:
        await super().open()
        self._known.update({f"{self._context}.{part}": [self.listening or ""] for part in PARTS})
