"""What a handler may ask for by type: the ports that the runtime provides, and the table of them, one entry each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, get_args, get_origin, overload

from typing_extensions import TypeVar

from remit.contexts.context import Context
from remit.contexts.declarations import Envelope, Later
from remit.domain import Aggregate, Claim, Projection, Record
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
        """The time now, in UTC."""
        ...


class Ids(Protocol):
    """New identities."""

    def new(self) -> str:
        """A new identity: 32 hexadecimal characters, roughly ordered by time."""
        ...


class _Holds(Protocol[K]):
    def _held(self) -> Aggregate[K, Any]: ...


class _Shows(Protocol[K]):
    def _shown(self) -> Projection[K, Any]: ...


class _Keeps(Protocol[K]):
    def _kept(self) -> Record[K]: ...


class _Claims(Protocol[V, A]):
    def _claimed(self) -> Claim[V, A]: ...


class Repository(Generic[A]):
    """The aggregates of one class, within a unit of work. What was loaded and changed is stored at its end.

    Every method raises `BadKey` for an identity whose text is longer than 512 bytes of UTF-8, has a NUL, or is none.
    """

    if TYPE_CHECKING:

        def _held(self) -> A: ...

    async def get(self: _Holds[K], id: K, /) -> A:
        """The aggregate with this identity. Raises `NotFound`."""
        raise NotImplementedError

    async def find(self: _Holds[K], id: K, /) -> A | None:
        """The aggregate with this identity, or None."""
        raise NotImplementedError

    async def obtain(self: _Holds[K], id: K, /) -> A:
        """The aggregate with this identity, or a new one with its defaults.

        Raises `Incomplete` where there is none, and a field besides `id` has no default.
        """
        raise NotImplementedError

    async def get_all(self: _Holds[K], ids: Iterable[K], /) -> list[A]:
        """The aggregates with these identities, in their order, in one round trip. Raises `NotFound`, which names all
        that are missing."""
        raise NotImplementedError

    async def find_all(self: _Holds[K], ids: Iterable[K], /) -> dict[K, A]:
        """Those of these aggregates that are there, by identity, in one round trip."""
        raise NotImplementedError

    def remove(self, aggregate: A, /) -> None:
        """Removes an aggregate that was loaded or added here. What it has recorded is stored and published with it.

        From then on it is not found. Its identity may be added again; whoever loaded it before the removal meets a
        conflict then. Raises `NotAdded` for one that this repository has not given.
        """
        raise NotImplementedError

    def add(self, aggregate: A, /) -> None:
        """Adds a new aggregate. If its identity is taken, the handler is run again: it may find the other one by then.

        Raises `AlreadyExists` where it adds the same identity again, and where the unit of work has another with it.
        """
        raise NotImplementedError


class Records(Generic[Rec]):
    """The records of one class, within a unit of work. Any number of them may be written by one message.

    Every method raises `BadKey`, as those of a repository do.
    """

    if TYPE_CHECKING:

        def _kept(self) -> Rec: ...

    async def get(self: _Keeps[K], id: K, /) -> Rec:
        """The record with this identity. Raises `NotFound`."""
        raise NotImplementedError

    async def find(self: _Keeps[K], id: K, /) -> Rec | None:
        """The record with this identity, or None."""
        raise NotImplementedError

    async def put(self, record: Rec, /) -> None:
        """Keeps a record, in the place of one with its identity. If that was changed since this handler has looked at
        it, the handler is run again."""
        raise NotImplementedError

    async def delete(self: _Keeps[K], id: K, /) -> bool:
        """Deletes the record with this identity, and says whether there was one."""
        raise NotImplementedError

    async def page(self: _Keeps[K], *, after: K | None = None, limit: int = 100) -> list[Rec]:
        """At most `limit` records (1 to 1,000), those after an identity, in the order of the texts of their identities.
        Less than `limit` are the last ones. Raises `ValueError` for another limit."""
        raise NotImplementedError


class Claims(Generic[Cl]):
    """Values that at most one aggregate has at a time, by their texts, within a unit of work.

    Every method raises `BadKey` for a value that cannot be an identity.
    """

    if TYPE_CHECKING:

        def _claimed(self) -> Cl: ...

    async def take(self: _Claims[V, A], value: V, /, *, by: A, otherwise: Refusal) -> None:
        """Takes a value for an aggregate, with the unit of work: of several that take it at a time one does. Nothing
        happens where the aggregate has it. It has it until `give_up`, or until it is removed.

        Raises the refusal `otherwise` where another aggregate has it, and `NotAdded` for an aggregate that was neither
        loaded nor added in this handler.
        """
        raise NotImplementedError

    async def give_up(self: _Claims[V, A], value: V, /, *, by: A) -> None:
        """Gives a value up that the aggregate has; otherwise nothing happens. Raises `NotAdded` as `take`."""
        raise NotImplementedError

    async def find(self: _Claims[V, A], value: V, /) -> A | None:
        """The aggregate that has a value, or None."""
        raise NotImplementedError


class Events(Generic[Ev]):
    """Publishes events without an aggregate: `Events[RoomAdded | RoomClosed]`. A class that other events inherit from
    stands for all of them that are known when the system starts: `Events[RoomEvent]`.

    Domain events of the context take the way of those that an aggregate has recorded: publishers and reactions see
    them. Integration events are published as they are.
    """

    def publish(self, event: Ev, /, *, key: object = None) -> None:
        """Publishes an event, with the unit of work. Events of one key are handled in order; `key` gives it for a class
        that names no field for it.

        Raises `OutboxError` where nothing or two things say the key, and for an event that was not asked for; `BadKey`.
        """
        raise NotImplementedError


class View(Generic[D]):
    """The documents of one projection. Read-only. Both methods raise `BadKey`, as those of a repository do."""

    if TYPE_CHECKING:

        def _shown(self) -> D: ...

    async def get(self: _Shows[K], key: K, /) -> D:
        """The document with this key. Raises `NotFound`."""
        raise NotImplementedError

    async def find(self: _Shows[K], key: K, /) -> D | None:
        """The document with this key, or None."""
        raise NotImplementedError


class Sql(Protocol):
    """Statements of the handler's own, in the database of the context's store: written with the unit of work, or not.

    Values stand in a statement as `$1`, `$2`. The SQL is that of the store: PostgreSQL's, or SQLite's in a file and in
    memory. In PostgreSQL, tables without a schema are those of the context's schema. In the handler of a query, what is
    written is dropped. Both methods raise `ConstraintViolated`, `SqlError` (the statement is wrong) and
    `StoreUnavailable`; the unit of work is rolled back then, also where the handler catches it. So it is when a
    statement is cancelled, by a time limit of the handler's own for example.
    """

    async def fetch(self, statement: str, /, *values: object) -> list[dict[str, Any]]:
        """The rows of a statement, by the names of their columns."""
        ...

    async def execute(self, statement: str, /, *values: object) -> int:
        """How many rows the statement has written."""
        ...


class Sender(Protocol):
    """Sends commands and asks queries: direct calls, each with a deadline in seconds.

    Every method raises `Unavailable`, `DeadlineExceeded`, `OutcomeUnknown` or `KeyReused` (all of them `CallError`),
    and `BadKey` for a key that cannot be one.
    """

    async def send(self, command: Command[R, Any], /, *, deadline: float | None = None, key: str | None = None) -> R:
        """The reply of the command's handler. Raises the declared refusals. `key` makes a repeated call apply once."""
        ...

    async def ask(self, query: Query[R, Any], /, *, deadline: float | None = None, fresh: bool | str = False) -> R:
        """The answer to the query. With `fresh`, waits until every message that was committed before, and every
        consequence of it by events, by commands sent for later and by calls of reactions, has been handled or is
        parked.

        With `fresh=True` it raises `Stale` when any key on the way is parked; with an ordering key, `fresh="ada"`, only
        when this very key is. Both raise `Stale` when a subscription on the way is stuck, or when the answer is taken
        from a projection that has missed messages; `DeadlineExceeded` with what is not handled in time, and
        `Unavailable` with who could not be asked until then.
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
    """One kind of dependency. Checks, plans, placement and the pages read it from here."""

    port: type
    """The type that a parameter is annotated with; of several subjects where it is `port[subject]`."""
    of: type | None = None
    """What a subject has to be a class of; None where the port has none."""
    is_known: Callable[[Context[Any], Any], bool] = _any
    """Whether the context can give the port of this subject."""
    remedy: str = "{context}.provide({wanted}, <zero-argument callable>)"
    """What to type where it cannot be given."""
    reaches_out: bool = False
    """It reaches what is outside of the unit of work: then each message has a unit of its own."""
    calls: bool = False
    """Other contexts may be called by it."""
    keeps_time: bool = False
    """It may tell what time it is before the unit of work commits."""
    several: bool = False
    """Its subject may be a union."""
    has_sql: bool = False
    """It takes statements: the store must do so too, and an answer may come from anything that the store has."""

    @property
    def told(self) -> str:
        """As one asks for it."""
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
CLOCK = Injectable(port=Clock, keeps_time=True)
IDS = Injectable(port=Ids)
ENVELOPE = Injectable(port=Envelope, keeps_time=True)
SERVICE = Injectable(port=object, reaches_out=True)
"""What the user provides: any other type that the context has a service for."""

INJECTABLES = (REPOSITORY, RECORDS, CLAIMS, EVENTS, VIEW, LATER, SENDER, SQL, CLOCK, IDS, ENVELOPE)


def owner_of(claim: type) -> Any:
    """The class of the aggregates that have values of a claim; Any where it does not say."""
    return next(iter(parameter_of(claim, Claim)[1:]), Any)


def injectable_of(context: Context[Any], wanted: Any) -> tuple[Injectable, Any]:
    """What kind of dependency an annotation asks for, and its subject: the `X` of `Repository[X]`, else the annotation.

    What the table does not have is a service.
    """
    origin, arguments = get_origin(wanted), get_args(wanted)
    for each in INJECTABLES:
        if origin is each.port and each.of is not None:
            return each, arguments[0]
        if wanted is each.port and each.of is None and wanted not in context.provided:
            return each, wanted
    return SERVICE, wanted
