"""The objects given to handlers for their dependencies, made for each unit of work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from remit.contexts import Events, Later, Repository, View, ports
from remit.domain import needed_fields
from remit.errors import Incomplete, NotFound, NotMeasured, OutboxError, StoreError
from remit.messages import LONGEST_KEY, Command, DomainEvent, key_text
from remit.runtime.plan import AggregatePlan, Dependency, ProjectionPlan, RowPlan
from remit.runtime.work.aging import note_age
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.claims import UnitClaims
from remit.runtime.work.records import UnitRecords
from remit.runtime.work.selected import UnitSelected, not_rows
from remit.runtime.work.tables import GuardedSql
from remit.runtime.work.unit import UnitOfWork

PREFIX = 12
"""The characters of an identity that hold its time, in hexadecimal milliseconds."""


class _Repository(Repository[Any]):
    __slots__ = ("_attempt", "_plan", "_run", "_unit")

    def __init__(self, unit: UnitOfWork, plan: AggregatePlan) -> None:
        self._unit = unit
        self._plan = plan
        self._attempt = attempt = unit.attempt
        self._run = attempt.run

    def _text(self, id: Any) -> str:
        """The text of an identity. Raises `BadKey`. Raises `CallError` if the run has ended: the unit of work may serve
        another message now."""
        attempt = self._attempt
        if attempt.ended or attempt.run != self._run:
            attempt.refuse_late(self._run, f"{self._plan.type.__name__} was asked for")
        if id.__class__ is str and len(id) <= LONGEST_KEY and id.isascii() and "\0" not in id:
            return id  # the fast path of `key_text`
        return key_text(id, "identity", self._plan.kind)

    async def find(self, id: Any, /) -> Any:
        text = self._text(id)
        tracked = await self._unit.load(self._plan, text)
        if tracked is None:
            self._unit.keep(self._plan, text)
            return None
        return tracked.value

    async def get(self, id: Any, /) -> Any:
        text = self._text(id)
        tracked = await self._unit.load(self._plan, text)
        if tracked is None:
            self._unit.keep(self._plan, text)
            raise _not_found(self._plan, f"identity {id!r}", "an identity that was added")
        return tracked.value

    async def obtain(self, id: Any, /) -> Any:
        text = self._text(id)
        tracked = await self._unit.load(self._plan, text)
        if tracked is None:
            try:
                made = self._plan.type(id=id)
            except TypeError as error:
                raise _not_made(self._plan, error) from error
            tracked = self._unit.obtain(self._plan, text, made)
        return tracked.value

    async def get_all(self, ids: Iterable[Any], /) -> Any:
        wanted = list(ids)
        found = await self._unit.load_all(self._plan, list(map(self._text, wanted)))
        missing = [id for id, tracked in zip(wanted, found, strict=True) if tracked is None]
        if missing:
            told = ", ".join(dict.fromkeys(map(repr, missing)))
            raise _not_found(self._plan, f"identity {told}", "identities that were added", "use find_all()")
        return [tracked.value for tracked in found if tracked is not None]

    async def find_all(self, ids: Iterable[Any], /) -> Any:
        wanted = list(ids)
        found = await self._unit.load_all(self._plan, list(map(self._text, wanted)))
        return {id: tracked.value for id, tracked in zip(wanted, found, strict=True) if tracked is not None}

    def add(self, aggregate: Any, /) -> None:
        self._unit.add(self._plan, self._text(aggregate.id), aggregate)

    def remove(self, aggregate: Any, /) -> None:
        self._unit.remove(self._plan, self._text(aggregate.id), aggregate)


def _not_made(plan: AggregatePlan, error: TypeError) -> Exception:
    name, missing = plan.type.__name__, [field for field in needed_fields(plan.type) if field != "id"]
    if not missing:  # `__post_init__` of the aggregate raised it
        return TypeError(f"{name} could not be made by obtain(): {error}")
    return Incomplete(
        f"{name} cannot be made by obtain(): it has no default for {', '.join(missing)}", where=plan.kind,
        expected="a default for every field but id",
        next=f"use find(), and where it gives None: add({name}(id=..., {missing[0]}=...))",
    )  # fmt: skip


class _View(View[Any]):
    __slots__ = ("_plan", "_unit")

    def __init__(self, unit: UnitOfWork, plan: ProjectionPlan) -> None:
        self._unit = unit
        self._plan = plan

    async def find(self, key: Any, /) -> Any:
        tracked = await self._unit.load(self._plan, key_text(key, "key of a document", self._plan.kind))
        return None if tracked is None else tracked.value

    async def find_all(self, keys: Iterable[Any], /) -> Any:
        wanted = list(keys)
        texts = [key_text(key, "key of a document", self._plan.kind) for key in wanted]
        found = await self._unit.load_all(self._plan, texts)
        return {key: tracked.value for key, tracked in zip(wanted, found, strict=True) if tracked is not None}

    def where(self, **filters: object) -> Any:
        plan = self._plan
        if not isinstance(plan, RowPlan):
            raise not_rows(plan)
        return UnitSelected(self._unit.workplace.store, plan, filters)

    async def get(self, key: Any, /) -> Any:
        found = await self.find(key)
        if found is None:
            raise _not_found(self._plan, f"key {key!r}", "a key that some event has had")
        return found

    async def age(self) -> float:
        name = self._plan.type.__name__
        raise NotMeasured(
            f"the age of {name} is not measured", where=self._plan.kind, expected="a model that promises its freshness",
            next=f"class {name}(..., freshness=Freshness(warn=5, critical=60))",
        )  # fmt: skip


class _MeasuredView(_View):
    """Of a model that declares `freshness=`. Notes the age of what is read: that at the beginning, since what is read
    then does not contain what comes later."""

    __slots__ = ("_age", "_begun")

    def __init__(self, unit: UnitOfWork, plan: ProjectionPlan) -> None:
        super().__init__(unit, plan)
        self._age = note_age(unit.workplace.ages, plan, asks=not unit.attempt.origin)
        self._begun = asyncio.get_running_loop().time()

    async def age(self) -> float:
        return self._age + asyncio.get_running_loop().time() - self._begun


def _not_found(plan: AggregatePlan | ProjectionPlan, what: str, expected: str, instead: str = "use find()") -> NotFound:
    return NotFound(
        f"no {plan.type.__name__} with {what}", where=plan.kind, expected=expected,
        next=f"{instead} where absence is normal",
    )  # fmt: skip


class _Later(Later[Any]):
    __slots__ = ("_attempt", "_run", "_unit")

    def __init__(self, unit: UnitOfWork, command: type) -> None:
        self._unit, self._attempt, self._run = unit, unit.attempt, unit.attempt.run

    def send(self, command: Command[Any, Any], /) -> None:
        self._attempt.refuse_late(self._run, f"{type(command).__name__} was sent")
        reach = self._unit.workplace.reach
        if reach is not None and command.__class__ not in reach.covered:
            reach.require(command.__class__, "sends for later")
        self._unit.later(command)


class _Events(Events[Any]):
    __slots__ = ("_attempt", "_known", "_run", "_unit")

    def __init__(self, unit: UnitOfWork, known: frozenset[type]) -> None:
        self._unit, self._attempt, self._run = unit, unit.attempt, unit.attempt.run
        self._known = known

    def publish(self, event: Any, /, *, key: object = None) -> None:
        unit, cls = self._unit, event.__class__
        self._attempt.refuse_late(self._run, f"{cls.__name__} was published")
        forms = unit.workplace.recorded if isinstance(event, DomainEvent) else unit.workplace.published
        where = self._attempt.context
        if cls not in self._known:
            raise _not_asked_for(cls, self._known, where)
        contract = forms[cls].contract
        if (contract.key is None) is (key is None):
            raise OutboxError(
                f"{cls.__name__} is published without an ordering key" if key is None
                else f"{cls.__name__} declares its ordering key, and key= gives another", where=where,
                expected="one key: events of one key are handled in order",
                next=f'class {cls.__name__}(..., key="<field>"), or key=... where it is published',
            )  # fmt: skip
        text = key_text(getattr(event, contract.key) if contract.key else key, "ordering key", contract.type)
        unit.announce(event, text)


def _not_asked_for(event: Any, known: Iterable[Any], where: str) -> OutboxError:
    """The error for an event that the handler publishes without asking for it."""
    name, told = event.__name__, " | ".join(sorted(each.__name__ for each in known))
    if any(issubclass(event, each) and event.__remit_name__ != each.__remit_name__ for each in known):
        return OutboxError(
            f"{name} is published, but its class was not loaded when the system started", where=where,
            expected="all events are imported before the start",
            next=f"import {event.__module__} in the module of the System",
        )  # fmt: skip
    return OutboxError(
        f"{name} is published, but was not asked for", where=where, expected=f"Events[{told}]",
        next=f"ask for Events[{told} | {name}]",
    )  # fmt: skip


class _Repeated:
    """Identities and time for a handler: the same each time its message is handled."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def new(self) -> str:
        attempt = self._attempt
        attempt.identities += 1
        made = blake2b(f"{attempt.origin}\0id\0{attempt.identities}".encode(), digest_size=16).hexdigest()
        return f"{int(attempt.begun * 1000):012x}{made[PREFIX:]}" if attempt.timed else made

    def now(self) -> datetime:
        """When handling of the message first began."""
        return datetime.fromtimestamp(self._attempt.begun, UTC)


def _statements(unit: UnitOfWork) -> Any:
    """The `Sql` of a handler."""
    reach = unit.workplace.reach
    if reach is None or reach.tables is None:
        return unit.begin()
    return GuardedSql(unit.begin(), reach.tables)


def _alchemy(unit: UnitOfWork, wanted: type) -> Any:
    """The session or the connection of SQLAlchemy of a handler."""
    bound = unit.bound
    if bound is None:
        from remit.stores.alchemy.bound import Bound  # SQLAlchemy is loaded only for a handler that asks for it

        reach = unit.workplace.reach
        require = None if reach is None or reach.tables is None else reach.tables.require
        bound = unit.bound = Bound(unit.begin(), unit.workplace.store.technology.dialect, require)
    return bound.given(wanted)


def _flushing(call: Callable[[UnitOfWork, Any], Awaitable[Any]]) -> Callable[[UnitOfWork, Any], Awaitable[Any]]:
    """A handler whose sessions are flushed when it returns. Raises `StoreError` without what SQLAlchemy needs."""
    try:
        from remit.stores.alchemy.bound import flushed
    except ImportError as error:
        raise StoreError(
            f"handlers cannot get a session of SQLAlchemy: {error}", where="AsyncSession",
            expected="SQLAlchemy 2.0.40 or newer, with greenlet", next="pip install 'remit[sqlalchemy]'",
        ) from error  # fmt: skip

    def handle(unit: UnitOfWork, message: Any) -> Awaitable[Any]:
        handling = call(unit, message)  # makes the session
        return flushed(unit.bound, handling, unit.workplace.plan.name)

    return handle


GIVEN: Mapping[ports.Injectable, Callable[[UnitOfWork, Any], Any]] = {
    ports.REPOSITORY: _Repository,
    ports.RECORDS: UnitRecords,
    ports.CLAIMS: UnitClaims,
    ports.EVENTS: _Events,
    ports.VIEW: _View,
    ports.LATER: _Later,
    ports.SENDER: lambda unit, _: unit.workplace.sender(unit),
    ports.SQL: lambda unit, _: _statements(unit),
    ports.ALCHEMY: _alchemy,
    ports.CLOCK: lambda unit, _: _Repeated(unit.attempt) if unit.attempt.origin else unit.workplace.clock,
    ports.IDS: lambda unit, _: _Repeated(unit.attempt) if unit.attempt.origin else unit.workplace.ids,
    ports.ENVELOPE: lambda unit, _: unit.envelope(),
    ports.SERVICE: lambda unit, service: unit.workplace.services[service],
}
"""Makes the object for a dependency, by its kind, from the unit of work and the subject."""


def giving(kind: ports.Injectable, subject: Any) -> Callable[[UnitOfWork, Any], Any]:
    """What makes the object for a dependency on a subject."""
    is_measured = isinstance(subject, ProjectionPlan) and subject.freshness is not None
    return _MeasuredView if is_measured else GIVEN[kind]


def supplied(
    function: Callable[..., Awaitable[Any]], needs: Sequence[Dependency]
) -> Callable[[UnitOfWork, Any], Awaitable[Any]]:
    """Binds a handler to its dependencies, once, when plans are compiled. Most handlers have at most two, and a loop
    over them would take longer than making them."""
    if any(need.kind is ports.ALCHEMY for need in needs):
        return _flushing(_supplied(function, needs))
    return _supplied(function, needs)


def _supplied(
    function: Callable[..., Awaitable[Any]], needs: Sequence[Dependency]
) -> Callable[[UnitOfWork, Any], Awaitable[Any]]:
    if not needs:
        return lambda unit, message: function(message)
    (give, subject), *others = [(need.give, need.subject) for need in needs]
    if not others:
        return lambda unit, message: function(message, give(unit, subject))
    (give_next, next_subject), *more = others
    if not more:
        return lambda unit, message: function(message, give(unit, subject), give_next(unit, next_subject))
    pairs = [(give, subject), *others]
    return lambda unit, message: function(message, *[make(unit, about) for make, about in pairs])
