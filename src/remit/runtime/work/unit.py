"""The unit of work: what a handler loads and decides for one message. A commit writes its rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import repeat
from typing import Any

import msgspec

from remit.contexts import collecting
from remit.domain import as_recorded, has_recorded, recording, take_recorded
from remit.errors import AlreadyExists, BadValue, Diverged, NotAdded, SecondAggregate
from remit.log import Channel
from remit.messages import DomainEvent, Refusal
from remit.runtime.events import DeliveryIgnored, LaterRefused, UnitCommitted
from remit.runtime.plan import AggregatePlan, ClaimPlan, HandlerPlan, ProjectionPlan, RecordPlan
from remit.runtime.work.attempts import Attempt, is_end, meant
from remit.runtime.work.claimed import give_up_all
from remit.runtime.work.deadlines import Limit
from remit.runtime.work.folding import Documents
from remit.runtime.work.lost import not_added, refuse_returned
from remit.runtime.work.reach import within
from remit.runtime.work.recorder import Recorder
from remit.runtime.work.sourced import Sourced, begun, from_snapshot, restored
from remit.runtime.work.stored import all_stored, is_written_as_state, stored
from remit.runtime.work.tracked import Tracked
from remit.runtime.work.turns import Place, Taken
from remit.stores import Change, KeyClaim, Unit, partition_of, was_written
from remit.stores.sql import Transaction, has_sql

Row = tuple[int, bytes]
"""Version and body of stored state."""
KeptPlan = AggregatePlan | ProjectionPlan | RecordPlan | ClaimPlan
"""How a kind of tracked state is stored."""
Foreseen = tuple[Place, Row | None]
"""A place and the row that was found there."""

_NO_ROW: Row = (0, b"")

# Named tuples have a constructor written in Python. This one takes less than half the time.
_row = tuple[Any, ...].__new__


class UnitOfWork(Recorder, msgspec.Struct, eq=False):
    """Serves one message; or several of a subscription in a row, if their handlers have no effects outside of it.

    Each handler sees what is committed and what earlier messages of the unit have written. The commit fails if the same
    state was written concurrently. A struct, as `Limit`.
    """

    taken: Taken | None = None
    """Where the previous unit of work, which conflicted, failed to add aggregates."""
    foreseen: Foreseen | None = None
    """The row that was looked up with the command's outcome, for the handler's probable first load."""
    claim: KeyClaim | None = None
    """The row of the message's idempotency key, if it has one."""
    beside: Change | None = None
    """An additional row of the runtime."""
    refused: LaterRefused | DeliveryIgnored | None = None
    """Reported after the commit: the command sent for later was refused, or the foreign message was ignored."""
    transaction: Transaction | None = None
    """For the statements of a handler that asks for SQL."""
    bound: Any = None
    """The session and the connection of SQLAlchemy over that transaction."""
    leaving: list[Tracked] | None = None
    """Removed aggregates whose claims have not been given up yet."""
    announced: list[tuple[Any, str]] | None = None
    """Events without an aggregate that have not been recorded yet, each with its ordering key."""
    folded: dict[str, Documents] | None = None
    """The documents that events are folded into, by the kind of their read model."""
    _unfinished: bool = False
    """Whether `leaving` or `announced` has any."""
    _tracked: dict[Place, Tracked] = {}
    _loaded: list[Place] = []
    """What was loaded for the current message."""
    _touched: dict[Tracked, None] = {}
    """Aggregates handed out since the last handler ended; only these can have changed."""
    _written: Tracked | None = None
    """The one aggregate that this message has written."""

    def next_message(self, attempt: Attempt, key: str) -> None:
        """Begins the next message: keeps what was decided, forgets what was only read."""
        self.attempt, self.key, self._written, self.recorded = attempt, key, None, None
        for place in self._loaded:
            if place in self._tracked and not self._tracked[place].changed:
                del self._tracked[place]
        self._loaded.clear()

    async def run(self, handler: HandlerPlan, message: Any) -> Any:  # noqa: C901  # one coroutine, as `Applying._apply`
        """Runs a handler with its dependencies, then records its changes and events.

        Raises what the handler raises, `SecondAggregate`, `NotAdded`, `BadKey`, `BadValue`, `Diverged`.
        """
        attempt = self.attempt
        if attempt.run:
            attempt.begin_again()
        attempt.run += 1
        before, around, reach = recording.get(), within.get(), self.workplace.reach
        recording.set(attempt)
        if reach is not around:  # setting a context variable is dear, so only where a system has relations
            within.set(reach)
        try:
            reply = await handler.call(self, message)
            if attempt.called is not None:
                await attempt.called.join()  # a task of the handler may change state when its call has ended
            if self._touched:
                touched, self._touched = self._touched, {}
                for tracked in touched:
                    for event, place in self._take_up(handler, tracked):
                        for reaction in self.record(event, tracked.id, place):
                            returned = await reaction.call(self, event)
                            if self._touched or returned is not None:
                                await self._follow_up(reaction, returned)
            if self._unfinished:
                await self._finish(handler)
            if attempt.called is not None:
                await attempt.end()
            attempt.whole = True
        except BaseException as error:
            if not is_end(error):
                await attempt.fail(error)
            if isinstance(error, Diverged) and error.where == attempt.context:
                error.where = handler.name
            raise
        finally:
            attempt.ended = True
            if attempt.noted is not None and not attempt.whole:
                for aggregate in attempt.noted:
                    take_recorded(aggregate)  # events of a failed run; the aggregate may be kept for another one
            if before is not None and not before.ended:
                recording.set(before)  # not reset(token): an abandoned coroutine is closed in another context
            if reach is not around and within.get() is reach:
                within.set(around)
        for aggregate in attempt.noted or ():
            if has_recorded(aggregate):
                raise not_added(handler, aggregate)
        return reply

    async def _follow_up(self, handler: HandlerPlan, returned: object) -> None:
        """Records the changes and events of a `together` reaction, and runs the `together` reactions to these events.
        Raises `RemitError` if it has returned a refusal."""
        refuse_returned(handler, returned)
        touched, self._touched = self._touched, {}
        recorded = self.recorded
        for tracked in touched:
            for event, place in self._take_up(handler, tracked):
                for reaction in self.record(event, tracked.id, place):
                    await self._follow_up(reaction, await reaction.call(self, event))
        self.recorded = recorded  # reactions to that event may still follow

    async def _finish(self, handler: HandlerPlan) -> None:
        """Gives up claims of removed aggregates, and records events without an aggregate."""
        while self.leaving or self.announced:
            await give_up_all(self)
            announced, self.announced = self.announced or (), None
            for event, key in announced:
                for reaction in self.announce_now(event, key):
                    await self._follow_up(reaction, await reaction.call(self, event))
        self._unfinished = False

    async def read(self, handler: HandlerPlan, message: Any, limit: Limit) -> Any:
        """Runs a query's handler within a limit and drops its changes. Raises what the handler raises, or the exception
        that `meant` selects from a group."""
        before, around, reach = recording.get(), within.get(), self.workplace.reach
        records = before is not None and not before.ended
        if records:
            recording.set(None)
        if reach is not around:
            within.set(reach)
        try:
            answer = await handler.call(self, message)
        except BaseException as error:
            if is_end(error) or (failure := meant(error)) is error:
                raise
            raise failure from error
        finally:
            if records and before is not None and not before.ended:
                recording.set(before)
            if reach is not around and within.get() is reach:
                within.set(around)
            if self.transaction is not None:
                await self.aclose()
        if limit.asked:
            limit.refuse_late()
        if isinstance(answer, Refusal):
            raise answer
        return answer

    async def load(self, plan: KeptPlan, id: str) -> Tracked | None:
        """Returns what is tracked under this identity, loading it on first use; None if there is nothing. It does not
        track the absence: the caller does with `keep` before a handler sees None."""
        place = (plan.kind, id)
        tracked = self._tracked.get(place)
        if tracked is None:
            foreseen = self.foreseen
            if foreseen is not None:
                self.foreseen = None
            if foreseen is not None and foreseen[0] == place:
                row = foreseen[1]
            else:
                store = self.workplace.store
                row = await (store.load(plan.kind, id) if plan.is_aggregate else stored(store, plan, id))
                tracked = self._tracked.get(place)  # another task of the handler may have loaded or made it meanwhile
            if tracked is None:
                if row is None:
                    return None
                if plan.stream is None:
                    made: Tracked | None = Tracked.load(plan, id, *row)
                else:  # a query changes nothing, so no events are applied once more
                    made = from_snapshot(plan, id, *row, copies=self.attempt.origin != "")
                if made is None:
                    tracked = await self._restored(plan, id, *row)
                else:
                    tracked = self._tracked[place] = made
                    self._loaded.append(place)
        if tracked.removed:
            return None
        if plan.is_aggregate:
            self._touched[tracked] = None
        return tracked

    async def _restored(self, plan: KeptPlan, id: str, version: int, body: bytes) -> Tracked:
        """Tracks a row that was read. Raises `BadMessage`."""
        if plan.stream is None:
            self.keep(plan, id, version, body)
        else:
            found = await restored(self.workplace.store, plan, id, version, body)
            if (plan.kind, id) not in self._tracked:
                self._tracked[plan.kind, id] = found
                self._loaded.append((plan.kind, id))
        return self._tracked[plan.kind, id]

    def keep(self, plan: KeptPlan, id: str, version: int = 0, body: bytes = b"") -> None:
        """Tracks a row that was read, until the next message. Without a row it tracks the absence: a write of this
        handler then conflicts with one that another unit of work has made since. It replaces nothing tracked."""
        if (plan.kind, id) not in self._tracked:
            self._tracked[plan.kind, id] = Tracked.load(plan, id, version, body)
            self._loaded.append((plan.kind, id))

    def tracks(self, plan: KeptPlan, id: str) -> bool:
        """Whether a row, or the absence of one, is tracked under this identity."""
        return (plan.kind, id) in self._tracked

    def overlook(self) -> None:
        """Drops the row looked up in advance: after the first wait it may be outdated."""
        self.foreseen = None

    async def load_all(self, plan: KeptPlan, ids: Collection[str]) -> list[Tracked | None]:
        """As `load`, for several identities of one kind, in their order. Missing ones take one round trip together."""
        kind = plan.kind
        missing = {id: None for id in ids if (kind, id) not in self._tracked}
        rows: Mapping[str, Row] = await all_stored(self.workplace.store, plan, missing) if missing else {}
        for id in missing:
            await self._restored(plan, id, *rows.get(id, _NO_ROW))
        found = [self._tracked.get((kind, id)) for id in ids]
        for tracked in found:
            if tracked is not None and tracked.plan.is_aggregate and not tracked.removed:
                self._touched[tracked] = None
        return [None if tracked is None or tracked.removed else tracked for tracked in found]

    async def page(self, plan: RecordPlan, after: str | None, limit: int) -> tuple[list[Tracked], str | None]:
        """The next page of a kind, including changes of this unit of work, and the identity that the next page begins
        after; None if this was the last. It has about `limit` entries: more if some were added here, fewer if some were
        removed."""
        kind = plan.kind
        rows = await self.workplace.store.page(kind, after, limit)
        upto = rows[-1][0] if len(rows) == limit else None
        for row in rows:
            self.keep(plan, *row)
        here = {id for of, id in self._tracked if of == kind and (after is None or id > after)}
        there = {id for id, *_ in rows}
        found = [self._tracked[kind, id] for id in sorted(here) if upto is None or id <= upto]
        return [each for each in found if not each.removed and (each.changed or each.id in there)], upto

    def track(self, plan: KeptPlan, id: str, value: Any) -> Tracked:
        """Tracks a new value. After a removal at the same place, it continues its version, and is stored even if it is
        removed in turn: what the removed one has stored is still there."""
        place = (plan.kind, id)
        before = self._tracked.get(place)
        version = before.version if before is not None else (self.taken or {}).get(place) or 0
        made = (
            Tracked(plan, id, value, version, new=True)
            if plan.stream is None
            else begun(plan, id, value, version, before)
        )
        tracked = self._tracked[place] = made
        if before is not None:
            tracked.always = before.always or before.changed or before.body != b""
        if plan.is_aggregate:
            self._touched[tracked] = None
        return tracked

    def obtain(self, plan: AggregatePlan, id: str, value: Any) -> Tracked:
        """Tracks a new aggregate that is not written as long as it is as it was made; else the next message forgets
        it. One that follows a removal is always written."""
        before = self._tracked.get((plan.kind, id))
        tracked = self.track(plan, id, value)
        if before is None or not (before.body or before.changed):
            with suppress(BadValue):  # it may be mended before it is written
                tracked.made = tracked.encoded()
            self._loaded.append((plan.kind, id))
        return tracked

    def add(self, plan: AggregatePlan, id: str, value: Any) -> None:
        """Adds a new aggregate. Raises `AlreadyExists`."""
        tracked = self._tracked.get((plan.kind, id))
        removed = tracked is not None and tracked.removed
        if tracked is not None and tracked.value is value and not removed:
            tracked.made = b""  # one that `obtain` has made is to be written
            return
        is_there = tracked is not None and (tracked.version or tracked.changed or tracked in self._touched)
        is_there = is_there or (self.taken is not None and self.taken.get((plan.kind, id), 0) is None)
        if is_there and not removed:
            raise AlreadyExists(
                f"{plan.type.__name__} {id!r} exists already", where=plan.kind,
                expected="an identity that no other one has", next="use find() or obtain() where it may exist",
            )  # fmt: skip
        made = self.track(plan, id, value)
        if tracked is None:
            made.always = True  # the store was not asked: only the commit can tell that there is no other one

    def remove(self, plan: AggregatePlan, id: str, value: Any) -> None:
        """Removes a tracked aggregate; events that it has recorded are stored. Raises `NotAdded`."""
        tracked = self._tracked.get((plan.kind, id))
        if tracked is None or tracked.value is not value:
            name = plan.type.__name__
            raise NotAdded(
                f"{name} {id!r} cannot be removed: it was not loaded here", where=plan.kind,
                expected="an aggregate that was loaded from this repository or added to it",
                next=f"load it: repository.remove(await repository.get({id!r}))",
            )  # fmt: skip
        tracked.removed = True
        self._touched[tracked] = None
        if plan.claims is not None:
            self.leaving, self._unfinished = [*(self.leaving or ()), tracked], True

    def announce(self, event: Any, key: str) -> None:
        """Keeps an event without an aggregate, to be recorded when the handler has ended."""
        self.announced, self._unfinished = [*(self.announced or ()), (as_recorded(event), key)], True

    async def taken_meanwhile(self) -> Taken:
        """After a conflict: what the store now has where this unit added aggregates. Raises `StoreUnavailable`."""
        new = [place for place, each in self._tracked.items() if each.plan.is_aggregate and each.changed and each.new]
        rows = [(place, await self.workplace.store.load(*place)) for place in new]
        return {place: None if row[1] else row[0] for place, row in rows if row is not None}

    def documents(self, plan: ProjectionPlan, kept: Documents | None = None) -> Documents:
        """The documents of a read model, to fold events into them; those that are kept, if there are any."""
        if self.folded is None:
            self.folded = {}
        if (found := self.folded.get(plan.kind)) is None:
            found = self.folded[plan.kind] = kept or Documents(plan, self.workplace.store)
        return found

    def _take_up(self, handler: HandlerPlan, tracked: Tracked) -> Iterable[tuple[DomainEvent, str]]:
        """Prepares a changed aggregate for storing; returns the events it has recorded, with their further headers.
        Raises `SecondAggregate`."""
        events = take_recorded(tracked.value)
        body = tracked.after(events) if isinstance(tracked, Sourced) else tracked.encoded()
        if not events and not tracked.always and tracked.says(body):
            return ()
        first = self._written
        if first is not None and first is not tracked and (first.plan, first.id) != (tracked.plan, tracked.id):
            both = f"{first.plan.kind} {first.id!r} and {tracked.plan.kind} {tracked.id!r}"
            raise SecondAggregate(
                f"{handler.name} wrote {both} in one unit of work",
                where=handler.name, expected="one aggregate per message, reactions with together=True included",
                next="let a later reaction to the first one's event write the second",
            )  # fmt: skip
        if body != tracked.body:
            tracked.check(body)
        self._written, tracked.body, tracked.changed = tracked, body, True
        if not isinstance(tracked, Sourced):
            return zip(events, repeat(""), strict=False)
        return tracked.numbered(events, partial(self.enter, Channel.PRIVATE, tracked.plan.stream.adopted))

    def begin(self) -> Transaction:
        """The transaction for the handler's SQL statements."""
        if self.transaction is None:
            store = self.workplace.store
            assert has_sql(store)  # noqa: S101  # checked at start
            self.transaction = store.begin()
        return self.transaction

    def commit(self, rows: Unit) -> Awaitable[None]:
        """Commits the rows, together with the handler's SQL statements. Raises as `Store.commit`."""
        if rows.entries and (collected := collecting.get()) is not None:
            store = self.workplace.store
            touched = collected.touched.setdefault(self.workplace.plan.name, set())
            touched.update((entry.channel, partition_of(entry.key, store.partitions)) for entry in rows.entries)
        written = self.workplace.store.commit(rows) if self.transaction is None else self.transaction.commit(rows)
        say = self.workplace.committed
        return written if say is None else self._said(written, rows, say)

    async def _said(self, written: Awaitable[None], rows: Unit, say: Callable[[UnitCommitted], None]) -> None:
        """Reports the commit, also if the caller was cancelled while the rows were written."""
        cancelled: asyncio.CancelledError | None = None
        try:
            await written
        except asyncio.CancelledError as error:
            if not was_written(error, rows):
                raise
            cancelled = error
        now, cause, counts = (
            self.workplace.seconds(),
            self.attempt.trace,
            (len(rows.changes) + len(rows.rows), len(rows.entries)),
        )
        say(UnitCommitted(now, cause, self.workplace.plan.name, *counts))
        if cancelled is not None:
            raise cancelled

    async def aclose(self) -> None:
        """Rolls back the handler's SQL statements, unless they were committed. Idempotent."""
        transaction, self.transaction, self.bound = self.transaction, None, None
        if transaction is not None:
            await transaction.abandon()

    async def forget(self) -> None:
        """Drops everything that was loaded or decided."""
        await self.aclose()
        self._tracked.clear()
        self._touched.clear()
        self.leaving = self.announced = None
        self.entries.clear()
        self.claim = self.beside = None

    def unit(self) -> Unit:
        """The rows to write. Raises `BadValue` for a document that could not be read again."""
        changes: list[Change] = []
        rows = Unit(changes, self.entries, self.claim)
        for tracked in self._tracked.values():
            if tracked.changed:
                if not tracked.plan.is_aggregate and not is_written_as_state(tracked, rows, self.attempt.origin):
                    continue
                changes.append(_row(Change, (tracked.plan.kind, tracked.id, tracked.version, tracked.body)))
        if self.folded is not None:
            for documents in self.folded.values():
                documents.write(rows, changes, self.attempt.origin)
        if self.beside is not None:
            changes.append(self.beside)
        return rows
