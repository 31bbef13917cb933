"""The dependencies that a handler may ask for by type: the ports that the runtime provides, and a table of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, get_args, get_origin, overload

from typing_extensions import TypeVar

from remit.contexts.context import Context
from remit.contexts.declarations import Envelope, Later
from remit.contexts.selecting import Selected
from remit.domain import Aggregate, Claim, Projection, Record, Row
from remit.messages import Command, DomainEvent, IntegrationEvent, Message, Query, Refusal, parameter_of, union_members

A = TypeVar("A", bound=Aggregate[Any, Any])
D = TypeVar("D", bound=Projection[Any, Any])
K = TypeVar("K")
R = TypeVar("R")
V = TypeVar("V")
E = TypeVar("E", bound=Refusal)
Rec = TypeVar("Rec", bound=Record[Any])
Cl = TypeVar("Cl", bound=Claim[Any, Any])
Ev = TypeVar("Ev", bound=DomainEvent | IntegrationEvent)


class Clock(Protocol):
    """Wall-clock time."""

    def now(self) -> datetime:
        """The current time, in UTC."""
        ...


class Ids(Protocol):
    """Source of new identities."""

    def new(self) -> str:
        """A new identity: 32 hexadecimal characters, roughly ordered by time."""
        ...


class _Holds(Protocol[K]):
    def _held(self) -> Aggregate[K, Any]: ...


class _Shows(Protocol[K]):
    def _shown(self) -> Projection[K, Any]: ...


class _Lists(Protocol):
    def _shown(self) -> Row[Any, Any]: ...


class _Keeps(Protocol[K]):
    def _kept(self) -> Record[K]: ...


class _Claims(Protocol[V, A]):
    def _claimed(self) -> Claim[V, A]: ...


class Repository(Generic[A]):
    """The aggregates of one class, within a unit of work. Loaded aggregates that were changed are stored at its end.

    Every method that takes an identity raises `BadKey` if its text is longer than 512 bytes of UTF-8, contains a NUL or
    is not valid Unicode.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def _held(self) -> A: ...

    async def get(self: _Holds[K], id: K, /) -> A:
        """The aggregate with this identity. Raises `NotFound` if there is none."""
        raise NotImplementedError

    async def find(self: _Holds[K], id: K, /) -> A | None:
        """The aggregate with this identity, or None."""
        raise NotImplementedError

    async def obtain(self: _Holds[K], id: K, /) -> A:
        """The aggregate with this identity, or a new one with default values. A new one is stored once the handler has
        changed it, recorded an event on it, taken a claim for it, or added it with `add`.

        Raises `Incomplete` if there is none and a field other than `id` has no default.
        """
        raise NotImplementedError

    async def get_all(self: _Holds[K], ids: Iterable[K], /) -> list[A]:
        """The aggregates with these identities, in the given order, in one round trip. Raises `NotFound`, which names
        all missing identities."""
        raise NotImplementedError

    async def find_all(self: _Holds[K], ids: Iterable[K], /) -> dict[K, A]:
        """The existing aggregates among these identities, by identity, in one round trip."""
        raise NotImplementedError

    def remove(self, aggregate: A, /) -> None:
        """Removes an aggregate that was loaded or added here. Events that it has recorded are stored and published.

        Afterwards it is not found. Its identity may be added again; a unit of work that loaded the aggregate before its
        removal then fails with a conflict and is run again. Raises `NotAdded` for an aggregate that was neither loaded
        from this repository nor added to it.
        """
        raise NotImplementedError

    def add(self, aggregate: A, /) -> None:
        """Adds a new aggregate. If its identity turns out to be taken at the commit, the handler is run again, and can
        then find the other aggregate.

        Raises `AlreadyExists` if the unit of work has loaded or added an aggregate with this identity, and if the
        handler adds the taken identity again when it is run again.
        """
        raise NotImplementedError


class Records(Generic[Rec]):
    """The records of one class, within a unit of work. One message may write any number of records.

    Methods that take an identity raise `BadKey`, as those of `Repository` do.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def _kept(self) -> Rec: ...

    async def get(self: _Keeps[K], id: K, /) -> Rec:
        """The record with this identity. Raises `NotFound` if there is none."""
        raise NotImplementedError

    async def find(self: _Keeps[K], id: K, /) -> Rec | None:
        """The record with this identity, or None."""
        raise NotImplementedError

    async def put(self, record: Rec, /) -> None:
        """Stores a record and replaces one with the same identity. If another unit of work changed it since this
        handler read it, or put it since this handler found none, the handler is run again. A page is read too: it finds
        no record under the identities that it goes past."""
        raise NotImplementedError

    async def delete(self: _Keeps[K], id: K, /) -> bool:
        """Deletes the record with this identity. Returns whether there was one."""
        raise NotImplementedError

    async def page(self: _Keeps[K], *, after: K | None = None, limit: int = 100) -> list[Rec]:
        """A page of at most `limit` records (1 to 1,000), those behind the identity `after`, ordered by the texts of
        their identities. A page with fewer than `limit` records is the last one. A record that another unit of work
        adds to the page meanwhile is a conflict only if this handler puts one with its identity.

        Raises `ValueError` for another limit.
        """
        raise NotImplementedError


class Claims(Generic[Cl]):
    """Values that at most one aggregate has at a time, compared as texts, within a unit of work.

    Every method raises `BadKey` for a value that cannot be an identity.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def _claimed(self) -> Cl: ...

    async def take(self: _Claims[V, A], value: V, /, *, by: A, otherwise: Refusal) -> None:
        """Takes a value for an aggregate, when the unit of work commits. If several units of work take it at the same
        time, one of them succeeds. The aggregate keeps the value until `give_up`, or until it is removed. If it has the
        value already, nothing happens.

        Raises the refusal `otherwise` if another aggregate has the value, and `NotAdded` for an aggregate that was
        neither loaded nor added in this handler.
        """
        raise NotImplementedError

    async def give_up(self: _Claims[V, A], value: V, /, *, by: A) -> bool:
        """Releases a value that the aggregate has. Returns False, and does nothing, if the aggregate does not have it.
        Raises `NotAdded` as `take` does."""
        raise NotImplementedError

    async def find(self: _Claims[V, A], value: V, /) -> A | None:
        """The aggregate that has a value, or None."""
        raise NotImplementedError


class Events(Generic[Ev]):
    """Publishes events without an aggregate: `Events[RoomAdded | RoomClosed]`. A base class stands for
    itself and all its subclasses that are loaded when the system starts: `Events[RoomEvent]`.

    Domain events of the context are treated like those that an aggregate records: publishers and reactions receive
    them. Integration events are published as they are.
    """

    __slots__ = ()

    def publish(self, event: Ev, /, *, key: object = None) -> None:
        """Publishes an event when the unit of work commits. Events of one key are handled in order. `key` is needed for
        a class of events that names no key field, and only for such a class.

        Raises `OutboxError` if the key is missing or is given twice, and for an event that the handler did not ask for.
        Raises `BadKey` if the key cannot be one.
        """
        raise NotImplementedError


class View(Generic[D]):
    """The documents of one projection, or the rows of one row model. Read-only: it shows what is committed.

    Methods that take a key raise `BadKey`, as those of `Repository` do.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def _shown(self) -> D: ...

    async def get(self: _Shows[K], key: K, /) -> D:
        """The document with this key. Raises `NotFound` if there is none."""
        raise NotImplementedError

    async def find(self: _Shows[K], key: K, /) -> D | None:
        """The document with this key, or None."""
        raise NotImplementedError

    async def find_all(self: _Shows[K], keys: Iterable[K], /) -> dict[K, D]:
        """The existing documents among these keys, by key, in one round trip."""
        raise NotImplementedError

    async def age(self) -> float:
        """How old the model is, in seconds: at most so long ago it contained everything that its sources had written,
        but for keys that are parked. That of what this handler has read, whatever is written while it runs. Infinite
        if it was not known when the handler began.

        Raises `NotMeasured` if the model declares no `freshness=`.
        """
        raise NotImplementedError

    def where(self: _Lists, **filters: object) -> Selected[D]:
        """The rows of a row model whose fields have these values: `where(courier="ada")`. The fields are the first ones
        of a declared index. The last of them may have a range: `AtLeast(x)`, `AtMost(x)` or `Between(x, y)`. Without
        filters, all rows.

        Raises `NoIndex` if no declared index begins with these fields, `BadValue` for a value of another type, and
        `BadKey` for one that no index holds, such as a text of more than 512 bytes. An HTTP edge answers that with 400.
        """
        raise NotImplementedError


class Sql(Protocol):
    """Runs SQL statements in the database of the store of the context, as part of the unit of work.

    Parameters in a statement are `$1`, `$2`. The dialect is that of the store: PostgreSQL's, or SQLite's for a file and
    in memory. In PostgreSQL, a table name without a schema refers to the schema of the context. In the handler of a
    query, writes are dropped.

    Both methods raise `ConstraintViolated`, `SqlError` (the statement is wrong) and `StoreUnavailable`. After any of
    them the unit of work is rolled back, even if the handler catches the error. It is also rolled back if a statement
    is cancelled, for example by a time limit inside the handler.
    """

    async def fetch(self, statement: str, /, *values: object) -> list[dict[str, Any]]:
        """The rows of a statement, each as a dict by column name."""
        ...

    async def execute(self, statement: str, /, *values: object) -> int:
        """Runs a statement. Returns the number of rows that it wrote."""
        ...


class Sender(Protocol):
    """Sends commands and asks queries: direct calls, each with a deadline in seconds (default: 10).

    Inside a handler, a call ends with the handler's own deadline at the latest. Every method raises a subclass of
    `CallError` if the call ends with neither a reply nor a declared refusal, such as `Unavailable`, `DeadlineExceeded`,
    `OutcomeUnknown` or `KeyReused`, and `BadKey` for a key that cannot be one.
    """

    async def send(self, command: Command[R, Any], /, *, deadline: float | None = None, key: str | None = None) -> R:
        """The reply of the handler of the command. Raises the declared refusals. Calls with the same `key` are applied
        once."""
        ...

    async def ask(
        self, query: Query[R, Any], /, *, deadline: float | None = None, fresh: bool | str = False, after: str = ""
    ) -> R:
        """The answer to the query. Raises the declared refusals.

        With `fresh`, waits until every message that was committed before the call has been handled or is parked,
        including all consequences by events, by commands sent for later and by calls of reactions. `fresh=True` raises
        `Stale` if any key on the way is parked. An ordering key, such as `fresh="ada"`, raises it only if this key is.
        Both raise `Stale` if a subscription on the way is stuck, or if the answer comes from a projection that has
        missed messages; `DeadlineExceeded`, with what is not yet handled; and `Unavailable`, with the context that
        could not be asked in time.

        With `after`, a `Written.position`, waits until the read models that the answer comes from have handled what is
        written there, and for nothing that follows from it. Raises `BadPosition`; `Stale` if a read model cannot go on,
        or a key is parked in it that may be of what was written; `DeadlineExceeded` and `Unavailable` as with `fresh`.
        """
        ...

    @overload
    async def attempt(
        self, message: Command[R, E], /, *, deadline: float | None = None, key: str | None = None
    ) -> R | E: ...
    @overload
    async def attempt(
        self, message: Query[R, E], /, *, deadline: float | None = None, key: str | None = None
    ) -> R | E: ...


def _any(context: Context[Any], subject: Any) -> bool:
    return True


@dataclass(frozen=True, eq=False, kw_only=True)
class Injectable:
    """A kind of dependency. Checks, plans and placement read its properties from here."""

    port: type
    """The type with which a parameter is annotated: `port`, or `port[subject]`."""
    of: type | None = None
    """The base class of every subject. None if the port takes no subject."""
    is_known: Callable[[Context[Any], Any], bool] = _any
    """Whether the context can provide the port for this subject."""
    remedy: str = "{context}.provide({wanted}, <zero-argument callable>)"
    """What to type if the port cannot be provided."""
    reaches_out: bool = False
    """True if it acts outside of the unit of work. Then each message is handled in a unit of work of its own."""
    calls: bool = False
    """True if it can call other contexts."""
    keeps_time: bool = False
    """True if it can reveal the time before the unit of work commits."""
    several: bool = False
    """True if its subject may be a union."""
    has_sql: bool = False
    """True if it runs statements. The store must support them, and an answer may depend on anything in the store."""

    @property
    def told(self) -> str:
        """How it is written in an annotation."""
        return self.port.__name__ if self.of is None else f"{self.port.__name__}[...]"


REPOSITORY = Injectable(port=Repository, of=Aggregate, remedy="Repository[<an aggregate>]")
RECORDS = Injectable(port=Records, of=Record, remedy="Records[<a record>]")
CLAIMS = Injectable(
    port=Claims,
    of=Claim,
    is_known=lambda context, claim: isinstance(owner := owner_of(claim), type) and issubclass(owner, Aggregate),
    remedy="class {subject}(Claim[<type of the value>, <an aggregate>])",
)
EVENTS = Injectable(
    port=Events,
    of=Message,
    several=True,
    is_known=lambda context, events: all(
        issubclass(event, (DomainEvent, IntegrationEvent)) and event not in (DomainEvent, IntegrationEvent)
        for event in union_members(events)
    ),
    remedy="Events[<domain events of {context} | integration events>]",
)
VIEW = Injectable(
    port=View,
    of=Projection,
    is_known=lambda context, projection: projection in context.projections,
    remedy="@{context}.project class {subject}(Projection[...])",
)
LATER = Injectable(port=Later, of=Command, remedy="Later[<a command>]")
SENDER = Injectable(port=Sender, reaches_out=True, calls=True)
SQL = Injectable(port=Sql, reaches_out=True, has_sql=True)
ALCHEMY = Injectable(port=object, reaches_out=True, has_sql=True)
"""`AsyncSession` or `AsyncConnection` of SQLAlchemy, or a subclass. They are known by name: nothing imports SQLAlchemy
here."""
_ALCHEMY = frozenset({"sqlalchemy.ext.asyncio.session.AsyncSession", "sqlalchemy.ext.asyncio.engine.AsyncConnection"})
SYNCHRONOUS = Injectable(
    port=object,
    is_known=lambda context, wanted: False,
    remedy="AsyncSession in place of Session, AsyncConnection in place of Connection;"
    " await session.run_sync(function) runs code that takes a Session",
)
"""`Session` or `Connection` of SQLAlchemy: they would block the event loop, so no handler gets one."""
_SYNCHRONOUS = frozenset({"sqlalchemy.orm.session.Session", "sqlalchemy.engine.base.Connection"})
CLOCK = Injectable(port=Clock, keeps_time=True)
IDS = Injectable(port=Ids)
ENVELOPE = Injectable(port=Envelope, keeps_time=True)
SERVICE = Injectable(port=object, reaches_out=True)
"""A service of the user: any type for which `Context.provide` was called."""

INJECTABLES = (REPOSITORY, RECORDS, CLAIMS, EVENTS, VIEW, LATER, SENDER, SQL, CLOCK, IDS, ENVELOPE)


def owner_of(claim: type) -> Any:
    """The class of the aggregates that have values of a claim. Any if the claim does not declare it."""
    return next(iter(parameter_of(claim, Claim)[1:]), Any)


def injectable_of(context: Context[Any], wanted: Any) -> tuple[Injectable, Any]:
    """The kind of dependency that an annotation asks for, and its subject: the `X` of `Repository[X]`, or the
    annotation itself. An annotation that the table does not contain is a service.
    """
    origin, arguments = get_origin(wanted), get_args(wanted)
    for each in INJECTABLES:
        if origin is each.port and each.of is not None:
            return each, arguments[0]
        if wanted is each.port and each.of is None and wanted not in context.provided:
            return each, wanted
    if isinstance(wanted, type) and wanted not in context.provided:
        names = {f"{each.__module__}.{each.__qualname__}" for each in wanted.__mro__}
        if not names.isdisjoint(_ALCHEMY):
            return ALCHEMY, wanted
        if not names.isdisjoint(_SYNCHRONOUS):
            return SYNCHRONOUS, wanted
    return SERVICE, wanted
