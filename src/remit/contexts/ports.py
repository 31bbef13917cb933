"""What a handler may ask for by type: the ports that the runtime provides, and the table of them, one entry each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, get_args, get_origin, overload

from typing_extensions import TypeVar

from remit.contexts.context import Context
from remit.contexts.declarations import Later
from remit.domain import Aggregate, Projection
from remit.messages import Command, Query, Refusal

A = TypeVar("A", bound=Aggregate[Any, Any])
D = TypeVar("D", bound=Projection[Any, Any])
K = TypeVar("K")
R = TypeVar("R")
E = TypeVar("E", bound=Refusal)


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

    def add(self, aggregate: A, /) -> None:
        """Adds a new aggregate. If its identity is taken, the handler is run again: it may find the other one by then.

        Raises `AlreadyExists` where it adds the same identity again, and where the unit of work has another with it.
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

    Values stand in a statement as `$1`, `$2`. Tables without a schema are those of the context's schema. In the handler
    of a query, what is written is dropped. Both methods raise `ConstraintViolated`, `SqlError` (the statement is wrong)
    and `StoreUnavailable`; the unit of work is rolled back then, also where the handler catches it. So it is when a
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
    has_sql: bool = False
    """It takes statements: the store must do so too, and an answer may come from anything that the store has."""

    @property
    def told(self) -> str:
        """As one asks for it."""
        return self.port.__name__ if self.of is None else f"{self.port.__name__}[...]"


REPOSITORY = Injectable(port=Repository, of=Aggregate, remedy="Repository[<an aggregate>]")
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
SERVICE = Injectable(port=object, reaches_out=True)
"""What the user provides: any other type that the context has a service for."""

INJECTABLES = (REPOSITORY, VIEW, LATER, SENDER, SQL, CLOCK, IDS)


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
