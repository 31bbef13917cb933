"""Records, as rows of state: put, deleted and listed within a unit of work."""

from __future__ import annotations

from typing import Any

from remit.contexts import Records
from remit.errors import NotFound, require_limit
from remit.messages import key_text
from remit.runtime.plan import RecordPlan
from remit.runtime.work.tracked import Tracked
from remit.runtime.work.unit import UnitOfWork

LARGEST_PAGE = 1000
"""The largest page."""


class UnitRecords(Records[Any]):
    """The records of one class, given to a handler."""

    __slots__ = ("_attempt", "_paged", "_plan", "_run", "_unit")

    def __init__(self, unit: UnitOfWork, plan: RecordPlan) -> None:
        self._unit, self._plan = unit, plan
        self._attempt, self._run = unit.attempt, unit.attempt.run
        self._paged: list[tuple[str | None, str | None]] = []
        """What pages have shown: the texts of identities after the first one, up to the second. None: from the first,
        up to the last."""

    def _text(self, id: Any) -> str:
        self._attempt.refuse_late(self._run, f"{self._plan.type.__name__} was asked for")
        return key_text(id, "identity", self._plan.kind)

    async def _load(self, id: Any) -> Tracked | None:
        text = self._text(id)
        tracked = await self._unit.load(self._plan, text)
        if tracked is None:
            self._unit.keep(self._plan, text)
        return tracked

    async def find(self, id: Any, /) -> Any:
        tracked = await self._load(id)
        return None if tracked is None else tracked.value

    async def get(self, id: Any, /) -> Any:
        found = await self.find(id)
        if found is None:
            raise NotFound(
                f"no {self._plan.type.__name__} with identity {id!r}", where=self._plan.kind,
                expected="an identity that was put", next="use find() where absence is normal",
            )  # fmt: skip
        return found

    async def put(self, record: Any, /) -> None:
        text = self._text(record.id)
        was_seen = self._unit.tracks(self._plan, text)
        was_absent = not was_seen and self._was_passed(text)
        tracked = await self._unit.load(self._plan, text)
        if tracked is not None and was_absent:
            tracked.version, tracked.changed = 0, True  # put since by another unit of work: the commit conflicts
        if tracked is None:
            self._unit.track(self._plan, text, record).changed = True
            return
        equal, tracked.value = tracked.value == record, record
        # One that was seen is stored even if unchanged: the commit then conflicts if it was changed since. Equal
        # records can have different bytes: Decimal("1.1"), Decimal("1.10"). One changed in place equals itself.
        if was_seen or not equal or not tracked.says(tracked.encoded()):
            tracked.changed = True

    def _was_passed(self, text: str) -> bool:
        """Whether a page would have shown the record. The records of a page are tracked."""
        return any((after is None or text > after) and (upto is None or text <= upto) for after, upto in self._paged)

    async def delete(self, id: Any, /) -> bool:
        tracked = await self._load(id)
        if tracked is not None:
            tracked.removed, tracked.changed = True, tracked.version > 0
        return tracked is not None

    async def page(self, *, after: Any = None, limit: int = 100) -> list[Any]:
        require_limit(limit, LARGEST_PAGE, self._plan.kind)
        last = first = None if after is None else self._text(after)
        found: list[Tracked] = []
        while len(found) < limit:
            some, last = await self._unit.page(self._plan, last, limit - len(found))
            found += some
            if last is None:
                break
        shown = found[:limit]
        self._paged.append((first, shown[-1].id if len(shown) == limit else None))
        return [tracked.value for tracked in shown]
