"""Where tracked state is stored: most kinds as state, row models as rows of their tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, TypeVar

from remit.errors import BadValue
from remit.messages import SortForm
from remit.runtime.plan import RowPlan
from remit.runtime.work.tracked import Tracked
from remit.stores import Forget, RowChange, Store, Unit

T = TypeVar("T")

Row = tuple[int, bytes]
"""Version and body."""


async def stored(store: Store, plan: Any, id: str) -> Row | None:
    """What is stored of a kind under an identity."""
    if isinstance(plan, RowPlan):
        return (await store.load_rows(plan.table, [id])).get(id)
    return await store.load(plan.kind, id)


async def all_stored(store: Store, plan: Any, ids: Collection[str]) -> Mapping[str, Row]:
    """As `stored`, for several identities."""
    return await (store.load_rows(plan.table, ids) if isinstance(plan, RowPlan) else store.load_all(plan.kind, ids))


def is_written_as_state(tracked: Tracked, unit: Unit, origin: str) -> bool:
    """Prepares a changed value that is no aggregate for storing. Adds it to the unit, and returns False, unless it is
    written as state. `origin` is the message that the unit of work handled last. Raises `BadValue`."""
    if tracked.removed and tracked.plan.forgets:
        if tracked.version:
            unit.forgets = _with(unit.forgets, Forget(tracked.plan.kind, tracked.id, tracked.version))
        return False
    tracked.body = tracked.encoded()
    tracked.check(tracked.body)
    if not isinstance(tracked.plan, RowPlan):
        return True
    if tracked.version or not tracked.removed:
        unit.rows = _with(unit.rows, _row(tracked, tracked.plan, origin))
    return False


def _with(some: Sequence[T], another: T) -> list[T]:
    """Adds to a list that was made here, or makes it."""
    made = some if isinstance(some, list) else [*some]
    made.append(another)
    return made


def _row(tracked: Tracked, plan: RowPlan, origin: str) -> RowChange:
    """A new row begins with a version that no earlier row with its key has had: removed rows leave nothing behind."""
    version = 1 + (tracked.version or _begun(origin))
    try:
        values = () if tracked.removed else plan.values(tracked.value)
    except (BadValue, AttributeError, TypeError) as error:
        raise _unsortable(plan, tracked, error) from error
    return RowChange(plan.table, tracked.id, tracked.version, version, tracked.body, values)


@lru_cache(16)
def _begun(origin: str) -> int:
    return int.from_bytes(blake2b(origin.encode(), digest_size=7).digest())


def _unsortable(plan: RowPlan, tracked: Tracked, error: Exception) -> BadValue:
    """The error for a row with a value that cannot be indexed. Names its field."""
    what = error.what if isinstance(error, BadValue) else str(error)
    field = next(field for field, each in plan.fields.items() if not _fits(tracked, field, each[1]))
    expected = error.expected if isinstance(error, BadValue) else "a value of the declared type"
    return BadValue(
        f"{field} of {plan.type.__name__} {tracked.id!r} cannot be indexed: {what}", where=plan.kind, expected=expected,
        next="correct evolve, or leave the field out of the indexes",
    )  # fmt: skip


def _fits(tracked: Tracked, field: str, form: SortForm) -> bool:
    try:
        form(getattr(tracked.value, field))
    except (BadValue, AttributeError, TypeError):
        return False
    return True
