"""What a handler may ask for beside its message: the table of injectables, one entry each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from remit.contexts.context import Context
from remit.contexts.declarations import Later
from remit.contexts.ports import Clock, Ids, Repository, Sender, Sql, View
from remit.domain import Aggregate, Projection
from remit.messages import Command


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
