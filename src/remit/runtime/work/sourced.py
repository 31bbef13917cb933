"""Event-sourced aggregates in a unit of work.

The row of such an aggregate is the head of its stream: how many events it has, and a snapshot of the state that they
make. The row is written with every command anyway, for its version, so the snapshot costs no write of its own. It is a
cache: one that other code has made is not used, and the state is folded from the events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import msgspec

from remit.domain import as_recorded, not_folded
from remit.errors import AlreadyExists, BadMessage
from remit.log import MessageRecord, escaped, place_of, write_place
from remit.messages import DomainEvent
from remit.runtime.failures import told
from remit.runtime.plan import AggregatePlan
from remit.runtime.work.heads import Head, head_of, headed
from remit.runtime.work.tracked import Tracked
from remit.stores.port import Streams

PAGE = 1000
"""Events read at a time."""
Adopt = Callable[[bytes, str, str], object]
"""Writes the first event of an aggregate that was stored as state: from that state, its key, and further headers."""


def stream_of(plan: AggregatePlan, id: str) -> str:
    """The name of the stream of an aggregate."""
    return f"{plan.kind}/{id}"


class Sourced(Tracked):
    """An event-sourced aggregate in a unit of work."""

    life: int = 0
    events: int = 0
    """How many events it has, with those that this unit of work writes."""
    base: bytes = b""
    """The state that these events make. Empty before the first one."""
    before: Any = None
    """A copy of that state, if it costs less than decoding it again."""
    adopted: bytes = b""
    """The state with which its stream is to begin, if it is still stored as state."""

    def after(self, events: Sequence[DomainEvent]) -> bytes:
        """The bytes to store after these events, which it has recorded. Raises `BadValue`, and `NotFolded` unless the
        events lead to what it is."""
        self._refuse_unfolded(events)
        self.base = base = Tracked.encoded(self)
        if not base:
            return b""
        return headed(self.plan.stream.fingerprint, self.events + len(events) + bool(self.adopted), self.life, base)

    def encoded(self) -> bytes:
        return self.after(())

    def says(self, body: bytes) -> bool:
        if self.removed or not self.body:
            return body == (self.made or self.body)
        return True  # nothing has changed without an event

    def check(self, body: bytes) -> None:
        Tracked.check(self, self.base)

    def numbered(self, events: Sequence[DomainEvent], adopt: Adopt) -> Iterable[tuple[DomainEvent, str]]:
        """The events that are written with it, each with its place in the stream as a header."""
        stream = escaped(stream_of(self.plan, self.id))
        if self.adopted:
            adopt(self.adopted, self.id, write_place(stream, self.life, 1))
            self.adopted, self.events = b"", 1
        first, self.events = self.events + 1, self.events + len(events)
        return [(event, write_place(stream, self.life, number)) for number, event in enumerate(events, first)]

    def _refuse_unfolded(self, events: Sequence[DomainEvent]) -> None:
        """Raises `NotFolded` unless these events lead from the state before to what the aggregate is."""
        folded, self.before = self.before, None
        if folded is None:
            folded = self.plan.codec.decode(self.base) if self.base else self.plan.type(id=self.value.id)
        for event in events:
            folded.evolve(as_recorded(event))
        if folded != self.value and self.plan.codec.encode(folded) != self.plan.codec.encode(self.value):
            raise not_folded(self.value, folded, self.plan.kind)


def begun(plan: AggregatePlan, id: str, value: Any, version: int, before: Tracked | None) -> Sourced:
    """A new aggregate. If the identity was removed before, it begins another life of the stream.

    A life is named by the version at which it begins, or by the next one, if the life before has that name. Any later
    one begins at a greater version. Raises `AlreadyExists` if this unit of work has taken both names.
    """
    life = max(version, before.life + 1) if isinstance(before, Sourced) else version
    if life > version + 1:
        raise AlreadyExists(
            f"{plan.type.__name__} {id!r} was added and removed by this message before", where=plan.kind,
            expected="an identity that one message adds once", next="keep the first one, and do not remove it",
        )  # fmt: skip
    return Sourced(plan, id, value, version, new=True, life=life)


async def restored(streams: Streams, plan: AggregatePlan, id: str, version: int, body: bytes) -> Sourced:
    """The aggregate of a row: from its snapshot, or from its events if other code has made that.

    Raises `BadMessage` for a state or an event that this release cannot read, and for a stream with gaps.
    """
    if not body:
        return Sourced(plan, id, None, version, removed=True, life=version - 1)
    if (kept := from_snapshot(plan, id, version, body)) is not None:
        return kept
    head = head_of(body)
    if head is None:
        found = Tracked.load(plan, id, version, body)
        state = plan.codec.encode(found.value)
        return Sourced(plan, id, found.value, version, body, life=version, base=state, adopted=body)
    identity = plan.stream.identity(bytes(head.state)) if plan.stream is not None else id
    value = await folded(streams, plan, id, identity, life=head.life, upto=head.events)
    state = plan.codec.encode(value)
    return Sourced(plan, id, value, version, body, life=head.life, events=head.events, base=state)


def from_snapshot(plan: AggregatePlan, id: str, version: int, body: bytes, *, copies: bool = True) -> Sourced | None:
    """The aggregate of a row, from its snapshot. None if the row has none, or one that other code has made. `copies`
    says whether it keeps a copy for the check of its events."""
    head = head_of(body)
    value: Any = None if head is None else _from_snapshot(plan, head)
    if head is None or plan.stream is None or value is None:
        return None
    before = plan.stream.copied(value) if copies and plan.stream.copied is not None else None
    base = bytes(head.state)
    return Sourced(plan, id, value, version, body, life=head.life, events=head.events, base=base, before=before)


def _from_snapshot(plan: AggregatePlan, head: Head) -> Any:
    if plan.stream is None or head.schema != plan.stream.fingerprint:
        return None
    try:
        return plan.codec.decode(head.state)
    except msgspec.MsgspecError:
        return None


async def folded(streams: Streams, plan: AggregatePlan, id: str, identity: Any, *, life: int, upto: int) -> Any:
    """The state that the first `upto` events of one life of a stream make. `id` is the text of the identity. Raises as
    `restored`."""
    value: Any = plan.type(id=identity)
    name, number = stream_of(plan, id), 0
    async for record in events_of(streams, name, life, upto):
        number += 1
        place = place_of(record)
        if place is None or place.seq != number:
            break
        try:
            value = _apply(plan, value, record)
        except Exception as error:
            raise _not_folded(plan, name, number, record, error) from error
    else:
        if number == upto:
            return value
        number += 1
    raise BadMessage(
        f"event {number} of the stream {name!r} is missing", where=plan.kind,
        expected="all events of the stream in the store",
        next="if they were archived: remit log restore, with the release that archived them; otherwise restore the "
        "store from a backup",
    )  # fmt: skip


def _not_folded(plan: AggregatePlan, name: str, number: int, record: MessageRecord, error: Exception) -> BadMessage:
    """The error for a stream with an event that cannot be read, or at which `evolve` raises."""
    which = f"event {number} of the stream {name!r}"
    if isinstance(error, BadMessage):
        return type(error)(f"{which}: {error.what}", where=error.where, expected=error.expected, next=error.next)
    return BadMessage(
        f"{which}, {record.type} version {record.version}, cannot be folded: evolve raised {told(error)}",
        where=plan.kind, expected="an evolve that takes every event that was ever recorded",
        next=f"mend evolve of {plan.type.__name__}; remit history --at {number - 1} shows the state before",
    )  # fmt: skip


async def events_of(streams: Streams, name: str, life: int, upto: int) -> AsyncIterator[MessageRecord]:
    """The first `upto` events of one life of a stream, in order."""
    after = 0
    while after < upto:
        page = await streams.stream(name, life, after, min(PAGE, upto - after))
        for record in page:
            yield record
        if not page:
            return
        after += len(page)


def _apply(plan: AggregatePlan, value: Any, record: MessageRecord) -> Any:
    """The state after one more event. Raises `BadMessage`, and what `evolve` raises."""
    assert plan.stream is not None  # noqa: S101  # only event-sourced aggregates have a stream to fold
    upcasters = plan.stream.upcasters
    if upcasters is not None and (record.type, record.version) in upcasters:
        for form in upcasters.newest(record.type, record.version, record.payload):
            _evolve(plan, value, *form)
        return value
    return _evolve(plan, value, record.type, record.version, record.payload)


def _evolve(plan: AggregatePlan, value: Any, type: str, version: int, payload: bytes) -> Any:
    """The state after one more event, in its newest form."""
    assert plan.stream is not None  # noqa: S101  # only event-sourced aggregates have a stream to fold
    codec = plan.stream.codec_of(type, version)
    if codec is not None:
        value.evolve(codec.read(payload))
        return value
    if type == plan.stream.adopted.contract.type:
        return Tracked.load(plan, value.id, 0, payload).value
    raise BadMessage(
        f"it is {type} version {version}, which {plan.type.__name__} does not declare",
        where=plan.kind, expected=", ".join(sorted({type for type, _ in plan.stream.events})),
        next="run the release that wrote it, declare the event again, or declare an upcaster for it",
    )  # fmt: skip
