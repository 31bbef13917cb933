"""The unit of work: what one message has loaded and decided. Until it is committed it is only a list of rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from remit.domain import Aggregate, has_recorded, recording, take_recorded
from remit.errors import AlreadyExists, BadKey, Diverged, NotAdded, SecondAggregate
from remit.log import LATER, Channel, write_headers, write_newer, write_wish
from remit.messages import Command, DomainEvent, key_text
from remit.runtime.events import UnitCommitted
from remit.runtime.plan import AggregatePlan, Dependency, EventPlan, HandlerPlan, ProjectionPlan
from remit.runtime.work.attempts import DERIVED, Attempt, is_end, meant
from remit.runtime.work.called import identity_of
from remit.runtime.work.deadlines import Limit
from remit.runtime.work.tracked import Tracked
from remit.runtime.work.turns import Place
from remit.runtime.work.workplace import Workplace
from remit.stores import Change, Claim, Entry, Unit, was_written
from remit.stores.port import Transaction, has_sql

Row = tuple[int, bytes]
"""Version and body."""
Foreseen = tuple[Place, Row | None]
"""What a store has at a place."""

# A named tuple's own constructor is a function written in Python: this one takes less than half of its time.
_row = tuple[Any, ...].__new__


class UnitOfWork(msgspec.Struct, eq=False):
    """Serves one message; or several of a subscription, one after another, whose handlers reach nothing outside of it.

    Each of these handlers sees what is committed, and what the messages before it in the unit have written. The commit
    fails if anybody else has written that state meanwhile. A struct, as `Limit`.
    """

    workplace: Workplace
    attempt: Attempt
    """The attempt to handle the message that it serves now."""
    taken: frozenset[Place] = frozenset()
    """What the unit of work before this one, which met a conflict, has added in vain: it is there."""
    foreseen: Foreseen | None = None
    """What is likely to be loaded first, and was looked up together with the outcome of the command."""
    key: str = ""
    """The ordering key that messages inherit which have none of their own."""
    entries: list[Entry] = []
    claim: Claim | None = None
    """The key of the message, if it has one."""
    beside: Change | None = None
    """A row of the runtime's own."""
    transaction: Transaction | None = None
    """For the statements of a handler that has asked for it."""
    _tracked: dict[Place, Tracked] = {}
    _loaded: list[Place] = []
    """What was loaded for the message that it serves now."""
    _touched: dict[Tracked, None] = {}
    """Aggregates handed out since the last handler ended: only these can have changed."""
    _written: Tracked | None = None
    """The one aggregate that this message has written."""

    def next_message(self, attempt: Attempt, key: str) -> None:
        """The following message: what was decided stays, what was only looked at is loaded anew."""
        self.attempt, self.key, self._written = attempt, key, None
        for place in self._loaded:
            if place in self._tracked and not self._tracked[place].changed:
                del self._tracked[place]
        self._loaded.clear()

    async def run(self, handler: HandlerPlan, message: Any) -> Any:  # noqa: C901  # one coroutine, as `Applying._apply`
        """Runs a handler with its dependencies, then takes up what it changed and recorded.

        Raises what the handler raises, `SecondAggregate`, `NotAdded`, `BadKey`, `BadValue`, `Diverged`.
        """
        attempt = self.attempt
        if attempt.run:
            attempt.begin_again()
        attempt.run += 1
        before = recording.get()
        recording.set(attempt)
        try:
            reply = await self._call(handler, message)
            if attempt.called is not None:
                await attempt.called.join()  # a branch may change something when its call has ended
            if self._touched:
                touched, self._touched = self._touched, {}
                for tracked in touched:
                    for event in self._take_up(handler, tracked):
                        for reaction in self._record(event, tracked.id):
                            await self._call(reaction, event)
                            if self._touched:
                                await self._follow_up(reaction)
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
                    take_recorded(aggregate)  # of a run that has failed; it may be kept for another one
            if before is not None and not before.ended:
                recording.set(before)  # not by a token: what is never ended is closed in another context
        for aggregate in attempt.noted or ():
            if has_recorded(aggregate):
                raise _not_added(handler, aggregate)
        return reply

    async def _follow_up(self, handler: HandlerPlan) -> None:
        """Takes up what a handler has changed and recorded, and has run what reacts together with it."""
        touched, self._touched = self._touched, {}
        for tracked in touched:
            for event in self._take_up(handler, tracked):
                for reaction in self._record(event, tracked.id):
                    await self._call(reaction, event)
                    if self._touched:
                        await self._follow_up(reaction)

    async def read(self, handler: HandlerPlan, message: Any, limit: Limit) -> Any:
        """Runs a query's handler within a limit; whatever it changes is dropped."""
        before = recording.get()
        if before is not None and not before.ended:
            recording.set(None)
        try:
            answer = await self._call(handler, message)
        finally:
            if before is not None and not before.ended:
                recording.set(before)
            if self.transaction is not None:
                await self.aclose()
        if limit.asked:
            limit.refuse_late()
        return answer

    def _call(self, handler: HandlerPlan, message: Any) -> Awaitable[Any]:
        """Calls a handler with what it asks for. To unpack arguments takes longer than all else here: few ask for more
        than one thing."""
        needs = handler.dependencies
        if not needs:
            return handler.function(message)  # type: ignore[no-any-return]  # handlers are coroutine functions
        if len(needs) == 1:
            return handler.function(message, self._resolve(needs[0]))  # type: ignore[no-any-return]  # the same
        return handler.function(message, *map(self._resolve, needs))  # type: ignore[no-any-return]  # the same

    def _resolve(self, need: Dependency) -> Any:
        give = need.give
        return need.subject if give is None else give(self, need.subject)

    async def load(self, plan: AggregatePlan | ProjectionPlan, id: str) -> Tracked | None:
        """What is tracked under this identity, loaded when it is asked for first."""
        place = (plan.kind, id)
        tracked = self._tracked.get(place)
        if tracked is None:
            foreseen = self.foreseen
            if foreseen is not None:
                self.foreseen = None
            if foreseen is not None and foreseen[0] == place:
                row = foreseen[1]
            else:
                row = await self.workplace.store.load(plan.kind, id)
                tracked = self._tracked.get(place)  # another branch of the handler may have loaded or made it meanwhile
            if tracked is None:
                if row is None:
                    return None
                tracked = self._tracked[place] = Tracked.load(plan, id, *row)
                self._loaded.append(place)
        if tracked.is_aggregate:
            self._touched[tracked] = None
        return tracked

    def overlook(self) -> None:
        """Forgets what was foreseen: it is as good as loaded only until something else happens."""
        self.foreseen = None

    def track(self, plan: AggregatePlan | ProjectionPlan, id: str, value: Any) -> Tracked:
        """Takes in something new."""
        tracked = self._tracked[plan.kind, id] = Tracked(plan, id, value)
        if tracked.is_aggregate:
            self._touched[tracked] = None
        return tracked

    def add(self, plan: AggregatePlan, id: str, value: Any) -> None:
        """Takes in a new aggregate. Raises `AlreadyExists`."""
        tracked = self._tracked.get((plan.kind, id))
        if tracked is not None and tracked.value is value:
            return
        is_there = tracked is not None and (tracked.version or tracked.changed or tracked in self._touched)
        if is_there or (plan.kind, id) in self.taken:
            raise AlreadyExists(
                f"{plan.type.__name__} {id!r} exists already", where=plan.kind,
                expected="an identity that was never added", next="use find() or obtain() where it may exist",
            )  # fmt: skip
        self.track(plan, id, value)

    async def taken_meanwhile(self) -> frozenset[Place]:
        """After a conflict: which of the aggregates that were new here are in the store. Raises `StoreUnavailable`."""
        new = [
            place for place, each in self._tracked.items() if each.is_aggregate and each.changed and not each.version
        ]
        return frozenset([place for place in new if await self.workplace.store.load(*place) is not None])

    async def fold(self, plan: ProjectionPlan, event: Any) -> None:
        """Takes an event into its document."""
        id = key_text(plan.key(event), "key of a document", plan.kind)
        tracked = await self.load(plan, id) or self.track(plan, id, plan.type())
        try:
            tracked.value.evolve(event)
        except BaseException as error:
            raise meant(error) from error
        tracked.changed = True

    def _take_up(self, handler: HandlerPlan, tracked: Tracked) -> list[DomainEvent]:
        """Notes what has changed in an aggregate; gives the events it has recorded."""
        events = take_recorded(tracked.value)
        body = tracked.encoded()
        if not events and tracked.says(body):
            return events
        if (first := self._written) is not None and first is not tracked:
            both = f"{first.plan.kind} {first.id!r} and {tracked.plan.kind} {tracked.id!r}"
            raise SecondAggregate(
                f"{handler.name} wrote {both} in one unit of work",
                where=handler.name, expected="one aggregate per message, reactions with together=True included",
                next="let a later reaction to the first one's event write the second",
            )  # fmt: skip
        if body != tracked.body:
            tracked.check(body)
        self._written, tracked.body, tracked.changed = tracked, body, True
        return events

    def _record(self, event: DomainEvent, key: str) -> Sequence[HandlerPlan]:
        """Puts a domain event on its way, with what is published of it; gives the reactions that come together."""
        recorded = self.workplace.recorded
        plan = recorded.get(event.__class__) or recorded[event.__class__]
        key = self._enter(Channel.PRIVATE, plan, event, key)
        if not plan.publish:
            return plan.together
        made = [public for publish in plan.publish if (public := publish(event)) is not None]
        if len(made) == 1:
            self._enter(Channel.PUBLISHED, self.workplace.published[made[0].__class__], made[0], key)
        elif made:
            self._publish(made, key)
        return plan.together

    def _publish(self, made: Sequence[Any], key: str) -> None:
        """Puts on its way what several publishers made of one domain event. Versions of one contract are one message:
        whoever follows several of them handles it once."""
        forms: dict[str, list[tuple[int, EventPlan, Any]]] = {}
        for event in made:
            plan = self.workplace.published[event.__class__]
            forms.setdefault(plan.contract.type, []).append((plan.contract.version, plan, event))
        for versions in forms.values():
            (_, plan, event), *newer = sorted(versions, key=itemgetter(0))
            beside = write_newer({version: of.codec.write(form) for version, of, form in newer}) if newer else ""
            self._enter(Channel.PUBLISHED, plan, event, key, beside)

    def _enter(self, channel: Channel, plan: EventPlan, message: Any, key: str, more: str = "") -> str:
        """Puts a message on its way; the key it is ordered by is its own, or the one handed down.

        `more` are further headers, each with a comma before it.
        """
        contract = plan.contract
        if contract.key is not None:
            key = key_text(getattr(message, contract.key), "ordering key", contract.type)
        workplace, attempt = self.workplace, self.attempt
        headers = write_headers(attempt.cause, attempt.trace, more)
        self.entries.append(
            _row(
                Entry,
                (channel, key, workplace.ids.new(), contract.type, contract.version, workplace.seconds(), headers,
                 plan.codec.write(message)),
            )
        )  # fmt: skip
        return key

    def begin(self) -> Transaction:
        """The transaction of the handler's own statements."""
        if self.transaction is None:
            store = self.workplace.store
            assert has_sql(store)  # noqa: S101  # a system with another one does not start
            self.transaction = store.begin()
        return self.transaction

    def commit(self, rows: Unit) -> Awaitable[None]:
        """Writes the rows, together with what the handler's own statements have written. Raises as `Store.commit`."""
        written = self.workplace.store.commit(rows) if self.transaction is None else self.transaction.commit(rows)
        say = self.workplace.committed
        return written if say is None else self._said(written, rows, say)

    async def _said(self, written: Awaitable[None], rows: Unit, say: Callable[[UnitCommitted], None]) -> None:
        """Says that the rows were written, also to a caller who has no more time."""
        cancelled: asyncio.CancelledError | None = None
        try:
            await written
        except asyncio.CancelledError as error:
            if not was_written(error, rows):
                raise
            cancelled = error
        now, cause, counts = self.workplace.seconds(), self.attempt.trace, (len(rows.changes), len(rows.entries))
        say(UnitCommitted(now, cause, self.workplace.plan.name, *counts))
        if cancelled is not None:
            raise cancelled

    async def aclose(self) -> None:
        """Rolls back what the handler's own statements have written, unless it was committed. Idempotent."""
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            await transaction.abandon()

    async def forget(self) -> None:
        """Drops everything loaded and decided."""
        await self.aclose()
        self._tracked.clear()
        self._touched.clear()
        self.entries.clear()
        self.claim = self.beside = None

    def later(self, command: Command[Any, Any]) -> None:
        """Records a command sent for later. Raises `BadKey`, and `Diverged` as `Called.key_of`."""
        plan, attempt = self.workplace.published[command.__class__], self.attempt
        contract, headers = plan.contract, LATER
        if contract.identity is not None:
            identity = identity_of(getattr(command, contract.identity))
            wish = attempt.calls().key_of(contract.type, plan.codec.canonical(command), identity)
            headers = write_wish(attempt.context + DERIVED, wish)
        try:
            self._enter(Channel.PUBLISHED, plan, command, self.key or attempt.cause, headers)
        except BadKey as error:
            error.answered = True  # as of any call of a handler: its caller's message is not what is wrong
            raise

    def unit(self) -> Unit:
        """The rows to be written. Raises `BadValue` for a document that could not be read again."""
        changes: list[Change] = []
        for tracked in self._tracked.values():
            if tracked.changed:
                if not tracked.is_aggregate:
                    tracked.body = tracked.encoded()
                    tracked.check(tracked.body)
                changes.append(_row(Change, (tracked.plan.kind, tracked.id, tracked.version, tracked.body)))
        if self.beside is not None:
            changes.append(self.beside)
        return Unit(changes, self.entries, self.claim)


def _not_added(handler: HandlerPlan, aggregate: Aggregate[Any, Any]) -> NotAdded:
    events = ", ".join(type(event).__name__ for event in take_recorded(aggregate))
    name = type(aggregate).__name__
    return NotAdded(
        f"{handler.name} recorded {events} on {name} {aggregate.id!r}, which no repository has", where=handler.name,
        expected="an aggregate that was loaded from a repository or added to one",
        next=f"ask for Repository[{name}] and add it: repository.add(...)",
    )  # fmt: skip
