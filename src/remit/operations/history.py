"""The history of one event-sourced aggregate: what happened to it, and its state after so many events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from remit.errors import BadMessage, RemitError, one_of
from remit.log import MessageRecord, place_of
from remit.runtime.plan import AggregatePlan
from remit.runtime.work.heads import head_of
from remit.runtime.work.sourced import folded, stream_of
from remit.stores import Store


class NoHistory(RemitError):
    """There is no such aggregate, or it has no such life or event, or it is stored as state."""

    code = "history.none"


class Happened(msgspec.Struct, frozen=True):
    """One event of a stream. `at` is in seconds since the epoch; `fields` are as they were stored."""

    number: int
    at: float
    id: str
    type: str
    version: int
    key: str
    cause: str
    trace: str
    fields: msgspec.Raw


class Life(msgspec.Struct, frozen=True):
    """One life of an identity, counted from 1: an aggregate that was removed may be added again."""

    life: int
    number: int
    """How many events it has."""
    events: Sequence[Happened]
    """Those that were asked for, in order."""
    is_over: bool
    """Whether the aggregate was removed."""


class History(msgspec.Struct, frozen=True):
    """What happened to an aggregate, and what it was after the events that were asked for."""

    aggregate: str
    id: str
    lives: Sequence[Life]
    at: int
    """How many events of the last of these lives make the state."""
    state: msgspec.Raw


async def read_history(
    store: Store, plan: AggregatePlan, id: str, *, life: int | None = None, at: int | None = None, limit: int
) -> History:
    """The last `limit` events of an identity, given as text, in all its lives or in one of them, counted from 1.

    With `at`, the events end with this number, in the life that was named or the last one, and the state is the one
    after it. Raises `NoHistory`, `BadMessage` for a stream that this release cannot read, `StoreError` and
    `StoreUnavailable`.
    """
    row = await store.load(plan.kind, id)
    found = list(enumerate(await store.lives(stream_of(plan, id)), 1))
    if not found:
        raise _nothing(plan, id, row)
    last = len(found) if life is None else life
    if not 1 <= last <= len(found):
        raise _missing(plan, id, f"has no life {life}", f"a life from 1 to {len(found)}")
    name, upto = found[last - 1][1]
    if at is not None and not 0 <= at <= upto:
        raise _missing(plan, id, f"has no event {at}", f"a number from 0 to {upto}")
    shown = found[last - 1 : last] if life is not None or at is not None else found
    lives: list[Life] = []
    left = limit
    for number, (of, most) in reversed(shown):
        end = at if at is not None else most
        page: Sequence[MessageRecord] = []
        if left and end:
            page = await store.stream(stream_of(plan, id), of, max(0, end - left), min(left, end))
        is_over = number < len(found) or (row is not None and not row[1])
        lives.insert(0, Life(number, most, [_happened(each) for each in page], is_over))
        left -= len(page)
    end = upto if at is None else at
    value: Any = await folded(store, plan, id, _identity(plan, id), life=name, upto=end)
    return History(plan.kind, id, lives, end, msgspec.Raw(plan.codec.encode(value)))


def _identity(plan: AggregatePlan, id: str) -> Any:
    assert plan.stream is not None  # noqa: S101  # callers ask for event-sourced aggregates only
    try:
        return plan.stream.identified(id)
    except msgspec.MsgspecError as error:
        raise BadMessage(
            f"{id!r} cannot be read as an identity of {plan.type.__name__}: {error}", where=plan.kind,
            expected="the text of an identity, as the class declares it", next="run the release that wrote it",
        ) from error  # fmt: skip


class _Headers(msgspec.Struct):
    """The headers that are shown. Each may be of any form."""

    cause: Any = ""
    trace: Any = ""


_headers = msgspec.json.Decoder(_Headers)


def _happened(record: MessageRecord) -> Happened:
    place, headers = place_of(record), _headers.decode(record.headers)
    return Happened(
        place.seq if place is not None else 0, record.at, record.id, record.type, record.version, record.key,
        str(headers.cause), str(headers.trace), msgspec.Raw(record.payload),
    )  # fmt: skip


def _nothing(plan: AggregatePlan, id: str, row: tuple[int, bytes] | None) -> NoHistory:
    if row is None:
        what, next = "does not exist", "look at the identity: it is the text of the whole id"
    elif row[1] and head_of(row[1]) is None:
        what, next = "is still stored as state", "its stream begins with the next command that changes it"
    else:
        what, next = "has no event", "it was added, and has recorded nothing"
    return NoHistory(
        f"{plan.type.__name__} {id!r} {what}", where=plan.kind, expected="an aggregate with events", next=next
    )


def _missing(plan: AggregatePlan, id: str, what: str, expected: str) -> NoHistory:
    return NoHistory(
        f"{plan.type.__name__} {id!r} {what}", where=plan.kind, expected=expected,
        next="leave the option out to see what there is",
    )  # fmt: skip


def not_sourced(name: str, known: Sequence[str]) -> NoHistory:
    """The error for an aggregate that is stored as state. `known` are those that have histories."""
    return NoHistory(
        f"{name} is stored as state: what it was before is not kept", where=name,
        expected=one_of(known, "an event-sourced aggregate, and this system has none"),
        next="remit log heads shows which messages the log still has",
    )  # fmt: skip
