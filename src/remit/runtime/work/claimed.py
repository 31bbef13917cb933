"""How claims are stored, and how removed aggregates give theirs up.

Each claimed value is a row; the first unit of work to write it holds the value. A second row lists the claims of an
aggregate. Claiming and giving up also writes the aggregate, so that two units of work that change the claims of one
aggregate conflict, and so do a claim and a removal. Therefore these rows can be deleted together with their version.
"""

from __future__ import annotations

from typing import Any, Protocol

from remit.domain import Claim
from remit.messages import Codec, Value
from remit.runtime.plan import AggregatePlan, ClaimPlan, RecordPlan
from remit.runtime.work.tracked import Tracked


class Tracking(Protocol):
    """The part of a unit of work that claims need."""

    leaving: list[Tracked] | None
    """Removed aggregates whose claims have not been given up yet."""

    async def load(self, plan: RecordPlan | ClaimPlan, id: str, /) -> Tracked | None:
        """Returns what is tracked under this identity, loading it on first use; None if there is nothing."""
        ...

    def track(self, plan: RecordPlan | ClaimPlan, id: str, value: Any, /) -> Tracked:
        """Tracks a new value."""
        ...


class Holder(Value):
    """The holder of a value: the text of its identity."""

    by: str


HOLDER: Codec[Any] = Codec(Holder)


class Claimed(Value):
    """The claims of an aggregate: kinds and values."""

    values: tuple[tuple[str, str], ...] = ()


async def noted_of(unit: Tracking, owner: AggregatePlan, id: str) -> Tracked:
    """The list of an aggregate's claims; a new one if there is none."""
    plan = owner.claims
    assert plan is not None  # noqa: S101  aggregates of this class claim something
    return await unit.load(plan, id) or unit.track(plan, id, Claimed())


async def give_up_all(unit: Tracking) -> None:
    """Gives up the claims of removed aggregates."""
    leaving, unit.leaving = unit.leaving or (), None
    for gone in leaving:
        owner: AggregatePlan = gone.plan
        noted = await noted_of(unit, owner, gone.id)
        for kind, value in noted.value.values:
            found = await unit.load(ClaimPlan(kind, Claim, HOLDER, owner), value)
            if found is not None and found.value.by == gone.id:
                found.removed = found.changed = True
        noted.removed = noted.changed = True
