"""Builds the base of a read model's next version from the states of aggregates, in place of the messages that have made
them.

The states are taken a chunk at a time, without locks. A chunk and the heads of the log are read at one moment, so it is
known exactly which messages its states include: those up to these heads, which are kept. Then the log is followed from
the heads of the first chunk on, and what a document includes already is passed over. Taking chunks between watermarks
in the log is the idea of DBLog (Andreakis and Papapanagiotou, 2020), which compares keys instead, because it cannot
read a chunk and the end of the log at one moment.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

import msgspec

from remit.domain import is_removed
from remit.errors import Conflict
from remit.log import Checkpoint, Log, MessageRecord, blank
from remit.messages import document_key
from remit.operations.refused import CannotRebuild
from remit.runtime.failures import told
from remit.runtime.plan import FoldPlan, StatePlan
from remit.runtime.work.sourced import restored
from remit.runtime.work.stored import is_written_as_state
from remit.runtime.work.tracked import Tracked
from remit.stores import Advance, Change, Forget, Store, Unit
from remit.transports.store_feed import StoreFeed

PAGE = 1_000
"""The most states of a chunk."""
MOST_BYTES = 4 * 1024 * 1024
"""A chunk has about so many bytes of states at most, and its documents have so many; a single one may have more."""
SOME = 100
"""States that are taken before other tasks get a turn."""
REPORT_SECONDS = 10.0
"""How often the source is told from which message on its log is needed."""
_STAND = "stand"
"""The identity of the row that says how far a base is. The other rows are its chunks, by their numbers."""


class Stand(msgspec.Struct, frozen=True):
    """How far a base is."""

    after: str | None = None
    """The last identity that is covered; None if none is."""
    chunks: int = 0
    states: int = 0
    """How many states were taken."""
    is_whole: bool = False


class Chunk(msgspec.Struct, frozen=True):
    """A chunk of a base."""

    upto: str | None
    """The last identity that it covers; None if it covers all further ones."""
    heads: dict[int, int]
    """Its states include the messages of each partition up to this one."""


_stands = msgspec.json.Decoder(Stand)
_chunks = msgspec.json.Decoder(Chunk)


class Base:
    """The base of one version of a read model, which is built from the states of one class of aggregates."""

    def __init__(self, store: Store, follow: FoldPlan, state: StatePlan, now: Callable[[], float]) -> None:
        """`store` is that of its context. `follow` is what the version follows: domain events of that context. `now`
        gives the time, in seconds since the epoch."""
        self._store, self._follow, self._state, self._now = store, follow, state, now
        self._kind = _kind(follow.id.name)
        self._told_at = -REPORT_SECONDS

    async def count(self) -> int:
        """The number of states that there are. It reads all of them. Raises as the store does."""
        return await self._store.count_states(self._state.aggregate.kind)

    async def take(self, *, pause: float, page: int) -> AsyncGenerator[int]:
        """Takes the states that are not taken yet, at most `page` in one transaction. Says after each one how many were
        taken until then. `pause` is the share of the time in which it rests, from 0.0 to below 1.0.

        Several processes may do so: each chunk is taken once. Raises `CannotRebuild` if the declared function fails,
        `BadMessage` for a state that cannot be read, `BadValue` for a document that cannot be stored, and as the store
        does.
        """
        loop, most = asyncio.get_running_loop(), min(page, PAGE)
        while True:
            began = loop.time()
            expected, stand = await self._stand()
            if stand.is_whole:
                return
            found, heads = await self._store.page_at(self._state.aggregate.kind, stand.after, most)
            unit, taken = await self._unit(_fitting(found), stand.chunks)
            rows = found[:taken]
            stand = self._mark(unit, expected, stand, rows, heads, is_last=len(rows) == len(found) < most)
            try:
                await self._store.commit(unit)
            except Conflict:
                if (await self._stand())[0] == expected:
                    raise
                continue  # another process has taken it
            await self._report()
            yield stand.states
            await asyncio.sleep((loop.time() - began) * pause / (1.0 - pause))

    async def feed(self, log: Log) -> StoreFeed:
        """What follows the base, as a feed of the version. Raises `CannotRebuild` if the base is not whole."""
        _, stand = await self._stand()
        if stand.chunks and not stand.is_whole:
            raise CannotRebuild(
                "not all states were taken, so nothing may be folded into their documents yet",
                where=self._follow.id.name, expected="the states of all aggregates", next="remit rebuild again",
            )  # fmt: skip
        chunks = await self._taken()
        return _SinceBase(self._follow, log, chunks) if chunks else StoreFeed(*self._follow.id[1:], log)

    # ── a chunk ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _unit(self, rows: Sequence[tuple[str, int, bytes]], number: int) -> tuple[Unit, int]:
        """The documents of as many of these states as one transaction should write, and of how many."""
        unit, changes, plan, size = Unit(rows=[]), list[Change](), self._follow.projection, 0
        unit.changes = changes
        for nth, row in enumerate(rows):
            if not nth % SOME:
                await asyncio.sleep(0)
            made = await self._made(*row)
            if made is None or is_removed(made):
                continue
            document = Tracked(plan, row[0], made)
            is_state = is_written_as_state(document, unit, f"{self._kind} {number}")
            size += len(document.body)
            if size > MOST_BYTES and size > len(document.body):
                if not is_state:
                    unit.rows = unit.rows[:-1]
                return unit, nth  # the next chunk begins with this state
            if is_state:
                changes.append(Change(plan.kind, document.id, 0, document.body))
        return unit, len(rows)

    async def _made(self, id: str, version: int, body: bytes) -> Any:
        aggregate, function, type = self._state.aggregate, self._state.function, self._follow.projection.type
        if aggregate.stream is None:
            found = Tracked.load(aggregate, id, version, body)
        else:
            found = await restored(self._store, aggregate, id, version, body)
        try:
            made = function(found.value)
        except Exception as error:
            raise self._failed(id, f"raised {told(error)}") from error
        if made is None or made.__class__ is type:
            return made
        raise self._failed(id, f"returned {made.__class__.__name__}")

    def _failed(self, id: str, how: str) -> CannotRebuild:
        of, type = self._state.aggregate.type.__name__, self._follow.projection.type.__name__
        return CannotRebuild(
            f"{self._state.function.__name__} {how} for {of} {id!r}", where=self._follow.id.name,
            expected=f"a function that makes the {type} of each {of}, or None where there is none",
            next="mend it, then remit rebuild again",
        )  # fmt: skip

    def _mark(
        self, unit: Unit, expected: int, stand: Stand, rows: Sequence[tuple[str, int, bytes]],
        heads: Mapping[int, Checkpoint], *, is_last: bool,
    ) -> Stand:  # fmt: skip
        """Adds to a chunk what is known of it. With the first one the version begins to follow, at its heads."""
        upto = rows[-1][0] if rows else stand.after
        next = Stand(upto, stand.chunks + 1, stand.states + len(rows), is_last)
        chunk = Chunk(None if is_last else upto, {part: head.pos for part, head in heads.items()})
        unit.changes = [
            *unit.changes,
            Change(self._kind, _STAND, expected, msgspec.json.encode(next)),
            Change(self._kind, f"{stand.chunks:09}", 0, msgspec.json.encode(chunk)),
        ]
        if not stand.chunks:
            id, at = self._follow.id, self._now()
            moves = [Advance(id, part, 0, "", head.pos, head.id, at) for part, head in heads.items()]
            unit.advance, unit.further = (moves[0] if moves else None), moves[1:]
        return next

    # ── what is kept of it ──────────────────────────────────────────────────────────────────────────────────────────

    async def _stand(self) -> tuple[int, Stand]:
        row = await self._store.load(self._kind, _STAND)
        return (0, Stand()) if row is None else (row[0], _stands.decode(row[1]))

    async def _taken(self) -> list[Chunk]:
        """The chunks, in order."""
        taken, after = list[Chunk](), ""
        while rows := await self._store.page(self._kind, after, PAGE):
            taken += [_chunks.decode(body) for id, _, body in rows if id != _STAND]
            after = rows[-1][0]
        return taken

    async def _report(self) -> None:
        """Tells the source from which message on its log is needed."""
        now = asyncio.get_running_loop().time()
        if now - self._told_at < REPORT_SECONDS:
            return
        stands = await self._store.checkpoints(self._follow.id)
        feed = StoreFeed(*self._follow.id[1:], self._store)
        await feed.standing(self._follow.id.name, self._now(), {part: at.pos for part, at in stands.items()})
        self._told_at = now


class _SinceBase(StoreFeed):
    """A log without the messages that the documents of a base include already: their places are blank."""

    def __init__(self, follow: FoldPlan, log: Log, chunks: Sequence[Chunk]) -> None:
        super().__init__(*follow.id[1:], log)
        self._follow, self._chunks = follow, chunks
        self._ends = [each.upto for each in chunks if each.upto is not None]
        self._over = chunks[-1].heads
        """After these messages, no document includes any."""

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        records = await super().read(part, after, limit)
        over = self._over.get(part, 0)
        return records if after >= over else [self._since(each) if each.pos <= over else each for each in records]

    def _since(self, record: MessageRecord) -> MessageRecord:
        """Raises `CannotRebuild` for a message about several documents, of which only some include it."""
        try:
            ids = self._documents(record)
        except Exception:  # noqa: BLE001  # what is wrong with it is found and told when it is folded
            return record
        included = {self._chunks[bisect_left(self._ends, id)].heads.get(record.part, 0) >= record.pos for id in ids}
        if len(included) > 1:
            raise CannotRebuild(
                f"message {record.id} is about the documents {', '.join(sorted(ids))}, and only some of these include"
                " it already", where=self._follow.id.name,
                expected="messages of which each is about one document, where a read model is built from states",
                next="remit rebuild --anew, while no such messages are written",
            )  # fmt: skip
        return blank(record) if True in included else record

    def _documents(self, record: MessageRecord) -> set[str]:
        """The documents that a message is about. Raises what is wrong with the message."""
        upcasters, plan, forms = self._follow.upcasters, self._follow.projection, [record]
        if upcasters is not None and (record.type, record.version) in upcasters:
            newest = upcasters.newest(record.type, record.version, record.payload)
            forms = [record._replace(type=each.type, version=each.version, payload=each.payload) for each in newest]
        events = [
            codec.read(each.payload)
            for each in forms
            if (codec := self._follow.takes.get((each.type, each.version))) is not None
        ]
        return {document_key(plan.key(event), event, plan.kind) for event in events}


def _fitting(rows: Sequence[tuple[str, int, bytes]]) -> Sequence[tuple[str, int, bytes]]:
    """As many of these states as one transaction should take: at least one, if there is any."""
    size = 0
    for nth, (_, _, body) in enumerate(rows):
        size += len(body)
        if size > MOST_BYTES and nth:
            return rows[:nth]
    return rows


def _kind(name: str) -> str:
    """The kind of the rows of a base, by the name of its version. The blank keeps it apart from class names."""
    return f" base of {name}"


async def has_base(store: Store, name: str) -> bool:
    """Whether a version of a read model, by its name, was begun from states. Raises as the store does."""
    return await store.load(_kind(name), _STAND) is not None


async def forget_base(store: Store, name: str) -> None:
    """Deletes what is kept of the base of a version, by its name. Raises as the store does."""
    while rows := await store.page(_kind(name), None, PAGE):
        await store.commit(Unit(forgets=[Forget(_kind(name), id, version) for id, version, _ in rows]))
