"""The claims of one class, as a handler is given them."""

from __future__ import annotations

from typing import Any

from remit.contexts import Claims
from remit.errors import NotAdded
from remit.messages import Refusal, key_text
from remit.runtime.plan import ClaimPlan
from remit.runtime.work.claimed import Claimed, Holder, give_up_all, noted_of
from remit.runtime.work.tracked import Tracked
from remit.runtime.work.unit import UnitOfWork


class UnitClaims(Claims[Any]):
    """The claims of one class, given to a handler."""

    __slots__ = ("_attempt", "_plan", "_run", "_unit")

    def __init__(self, unit: UnitOfWork, plan: ClaimPlan) -> None:
        self._unit, self._plan = unit, plan
        self._attempt, self._run = unit.attempt, unit.attempt.run

    async def take(self, value: Any, /, *, by: Any, otherwise: Refusal) -> None:
        text, owner = await self._text(value), self._owner(by)
        claimant = await self._claimant(owner, by)
        found = await self._unit.load(self._plan, text)
        if found is None:
            claimant.always = True
            self._unit.track(self._plan, text, Holder(by=owner)).changed = True
            await self._note(owner, (self._plan.kind, text), has=True)
        elif found.value.by != owner:
            raise otherwise

    async def give_up(self, value: Any, /, *, by: Any) -> bool:
        text, owner = await self._text(value), self._owner(by)
        claimant = await self._claimant(owner, by)
        found = await self._unit.load(self._plan, text)
        if found is None:
            self._unit.keep(self._plan, text)
        if found is None or found.value.by != owner:
            return False
        claimant.always = found.removed = found.changed = True
        await self._note(owner, (self._plan.kind, text), has=False)
        return True

    async def find(self, value: Any, /) -> Any:
        text = await self._text(value)
        found = await self._unit.load(self._plan, text)
        if found is None:
            self._unit.keep(self._plan, text)
            return None
        owner = await self._unit.load(self._plan.owner, found.value.by)
        return None if owner is None else owner.value

    async def _text(self, value: Any) -> str:
        """The text of a value. First gives up the claims of aggregates removed in this unit of work."""
        self._attempt.refuse_late(self._run, f"{self._plan.type.__name__} was asked for")
        text = key_text(value, "value of a claim", self._plan.kind)
        if self._unit.leaving:
            await give_up_all(self._unit)
        return text

    def _owner(self, by: Any) -> str:
        return key_text(by.id, "identity", self._plan.owner.kind)

    async def _claimant(self, id: str, by: Any) -> Tracked:
        """What is tracked for this aggregate. Raises `NotAdded` if it was not loaded or added here, or was removed."""
        plan = self._plan.owner
        tracked = await self._unit.load(plan, id)
        if tracked is None or tracked.value is not by:
            raise NotAdded(
                f"{self._plan.type.__name__} is claimed by {plan.type.__name__} {id!r}, which is in no repository",
                where=self._plan.kind, expected="an aggregate that this handler has loaded or added",
                next=f"add it first: ask for Repository[{plan.type.__name__}]",
            )  # fmt: skip
        return tracked

    async def _note(self, owner: str, claim: tuple[str, str], *, has: bool) -> None:
        """Updates the list of an aggregate's claims."""
        noted = await noted_of(self._unit, self._plan.owner, owner)
        others = tuple(each for each in noted.value.values if each != claim)
        noted.value, noted.changed = Claimed(values=(*others, claim) if has else others), True
