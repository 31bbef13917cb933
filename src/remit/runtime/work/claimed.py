"""Claims, as rows of state: who has a value, what an aggregate has, and how it is given up with the aggregate.

A value is a row of its own, and taken by whoever writes it first. What an aggregate has is noted in a second row. Who
claims or gives up writes the aggregate as well, whatever it says: so two units of work that change the claims of one
aggregate meet, and so do its removal and a claim. Therefore these rows need to leave no version behind.
"""

from __future__ import annotations

from typing import Any, Protocol

from remit.domain import Claim
from remit.messages import Codec, Value
from remit.runtime.plan import AggregatePlan, ClaimPlan, RecordPlan
from remit.runtime.work.tracked import Tracked


class Tracking(Protocol):
    """A unit of work, as far as claims are concerned."""

    leaving: list[Tracked] | None
    """Aggregates that were removed, as long as what they have claimed is not given up."""

    async def load(self, plan: RecordPlan | ClaimPlan, id: str, /) -> Tracked | None:
        """What is tracked under this identity, loaded when it is asked for first."""
        ...

    def track(self, plan: RecordPlan | ClaimPlan, id: str, value: Any, /) -> Tracked:
        """Takes in something new."""
        ...


class Holder(Value):
    """Who has a value: the text of an identity."""

    by: str


HOLDER: Codec[Any] = Codec(Holder)


class Claimed(Value):
    """What an aggregate has: kinds of claims, and values."""

    values: tuple[tuple[str, str], ...] = ()


async def noted_of(unit: Tracking, owner: AggregatePlan, id: str) -> Tracked:
    """What is noted of an aggregate, or will be."""
    plan = owner.claims
    assert plan is not None  # noqa: S101  aggregates of this class claim something
    return await unit.load(plan, id) or unit.track(plan, id, Claimed())


async def give_up_all(unit: Tracking) -> None:
    """What aggregates have claimed that were removed is given up."""
    leaving, unit.leaving = unit.leaving or (), None
    for gone in leaving:
        owner: AggregatePlan = gone.plan
        noted = await noted_of(unit, owner, gone.id)
        for kind, value in noted.value.values:
            found = await unit.load(ClaimPlan(kind, Claim, HOLDER, owner), value)
            if found is not None and found.value.by == gone.id:
                found.removed = found.changed = True
        noted.removed = noted.changed = True
