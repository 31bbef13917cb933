"""Reads the logs of a running system as messages, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

from remit.contexts import Context
from remit.contexts.annotations import aggregates_of, announced_by, projected_by
from remit.domain import recorded_by
from remit.errors import one_of
from remit.log import Channel, MessageRecord, forms_of, is_command
from remit.messages import Codec, Command, DomainEvent, IntegrationEvent, Message, contract_of, key_text
from remit.runtime import Host
from remit.runtime.following.follower import Follower
from remit.testing.compiled import codec_of
from remit.testing.mistakes import KitError

PAGE = 500
"""Messages read at a time."""


class Parked(NamedTuple):
    """A parked key: its messages wait, because one of them cannot be handled."""

    subscription: str
    """`<context>.<name>` of the reaction or projection."""
    key: str
    error: str
    """Why the first of its messages failed."""
    letters: int
    """The number of waiting messages."""


class Owed(NamedTuple):
    """A message that a subscription has neither handled nor parked: it is tried again, or its handler still runs."""

    subscription: str
    """`<context>.<name>` of the reaction or projection; `<context>.commands` for commands sent for later."""
    type: str
    """The wire name of the message."""
    key: str
    """Its ordering key."""
    error: str
    """Why it failed last; empty if it has not failed."""
    messages: int
    """How many messages the subscription has not handled, in this partition of the log."""


class Behind(NamedTuple):
    """A subscription that has not handled all messages of a partition."""

    follower: Follower
    part: int
    position: int
    """Of the last message that it has handled."""
    head: int
    """Of the last message."""


class Logs:
    """Reads the stores of a host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def recorded(self, kind: type, key: str | None) -> list[Any]:
        """The domain events of a class and its subclasses."""
        return await self._read(Channel.PRIVATE, kind, key) or self._none_of(kind, "records")

    async def published(self, kind: type, key: str | None) -> list[Any]:
        """The integration events of a class and its subclasses."""
        return await self._read(Channel.PUBLISHED, kind, key) or self._none_of(kind, "publishes")

    async def sent(self, kind: type, key: str | None) -> list[Any]:
        """The commands sent for later of a class and its subclasses."""
        return await self._read(Channel.PUBLISHED, kind, key) or self._none_of(kind, "handles or sends")

    async def parked(self) -> list[Parked]:
        """All parked keys, in the order in which they were parked."""
        found = [each for store in self._host.named.values() for each in await store.parked()]
        found.sort(key=lambda each: each.since)
        return [Parked(each.subscription.name, each.key, each.error, each.letters) for each in found]

    async def behind(self) -> list[Behind]:
        """The subscriptions with messages that they have neither handled nor parked."""
        found: list[Behind] = []
        for follower in self._host.subscriptions:
            store = self._host.stores[follower.id.source]
            for part, head in (await store.heads(follower.id.channel)).items():
                if (position := follower.position(part)) < head.pos:
                    found.append(Behind(follower, part, position, head.pos))
        return found

    async def next_of(self, behind: Behind) -> MessageRecord | None:
        """The first message that a subscription has not handled; None if it has handled it meanwhile."""
        id = behind.follower.id
        page = await self._host.stores[id.source].read(id.channel, behind.part, behind.position, 1)
        return page[0] if page else None

    async def _read(self, channel: Channel, kind: type, key: str | None) -> list[Any]:
        found: list[tuple[str, list[Any]]] = []
        if key is not None:
            key = key_text(key, "ordering key", kind.__name__)
        commands = issubclass(kind, Command)
        for context, store in self._host.stores.items():
            read = self._forms(context, kind)
            for part in await store.heads(channel):
                records = await self._records(context, channel, part)
                asked = [each for each in records if key in (None, each.key) and is_command(each) == commands]
                found += [(record.id, list(_made(record, read))) for record in asked]
        found.sort(key=lambda each: each[0])  # identities are counted, so their order is that of recording
        return [message for _, made in found for message in made]

    async def _records(self, context: str, channel: Channel, part: int) -> list[MessageRecord]:
        store, found = self._host.stores[context], list[MessageRecord]()
        while page := await store.read(channel, part, found[-1].pos if found else 0, PAGE):
            found += page
        return found

    def _none_of(self, kind: Any, verb: str) -> list[Any]:
        """An empty list. Raises `KitError` for a class that the system cannot have: the list would always be empty."""
        known: set[type] = {*self._host.model.contracts}
        if issubclass(kind, DomainEvent):
            known = {event for context in self._host.model.contexts for event in _recorded_by(context, kind)}
        if not any(issubclass(each, kind) or (each is not Message and issubclass(kind, each)) for each in known):
            names = sorted({each.__name__ for each in known if issubclass(each, _base_of(kind))})
            close = get_close_matches(kind.__name__, names, 1)
            raise KitError(
                f"no context of this system {verb} {kind.__name__}", where=f"{kind.__module__}.{kind.__qualname__}",
                expected=one_of(names, "a message of this system, and it has none of this kind"),
                next=f"did you mean {close[0]}?" if close else "",
            )  # fmt: skip
        return []

    def _forms(self, context: str, kind: type) -> dict[tuple[str, int], Codec[Any]]:
        """The codecs of a class and its subclasses, for the messages that a context has written."""
        model, place = self._host.model, self._host.shared.workplaces.get(context)
        known: set[Any] = {kind, *model.contracts}
        if place is not None:  # includes events that no declaration names
            known |= {*place.recorded, *place.published}
        wanted = [message for message in known if issubclass(message, kind)]
        contracts = {message: contract_of(message, model.owner_of(message) or context) for message in wanted}
        return {(each.type, each.version): codec_of(message) for message, each in contracts.items()}


def _made(record: MessageRecord, read: dict[tuple[str, int], Codec[Any]]) -> Iterable[Message]:
    for version, payload in forms_of(record).items():
        codec = read.get((record.type, version))
        if codec is not None:
            yield codec.read(payload)


def _recorded_by(context: Context[Any], asked: type) -> Iterator[type]:
    """The domain events that a context may record. An aggregate that does not name its events may record the `asked`
    one, if that is in its package."""
    aggregates: list[Any] = [aggregate for aggregate, _ in aggregates_of(context)]
    for aggregate in aggregates:
        named = recorded_by(aggregate)
        if named != (DomainEvent,):
            yield from named
        elif f"{asked.__module__}.".startswith(f"{_package_of(aggregate)}."):
            yield asked
    yield from (event for event, _ in announced_by(context))
    yield from (handler.message for handler in [*context.handlers, *context.publishers])
    yield from (event for projection in context.projections for event in projected_by(projection))


def _package_of(cls: type) -> str:
    return cls.__module__.rpartition(".")[0] or cls.__module__


def _base_of(kind: type) -> type:
    return next(base for base in (DomainEvent, IntegrationEvent, Command) if issubclass(kind, base))


def require_kind(kind: Any, base: type, word: str) -> None:
    """Raises `KitError` unless `kind` is a class of `base`."""
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise KitError(
            f"{getattr(kind, '__name__', kind)} is asked for", where=word, expected=f"a class of {base.__name__}",
        )  # fmt: skip
