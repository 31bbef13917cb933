"""What a unit of work holds: an aggregate or document, as it was loaded and as it is to be stored."""

from __future__ import annotations

from typing import Any

import msgspec

from remit.errors import BadMessage
from remit.messages import UNWRITABLE, Rest
from remit.runtime.plan import AggregatePlan, ClaimPlan, ProjectionPlan, RecordPlan


class Tracked(msgspec.Struct, eq=False):
    """An aggregate or document within a unit of work, with the version and the bytes it was loaded with. A struct, as
    `Limit`."""

    plan: Any
    id: str
    value: Any
    version: int = 0
    body: bytes = b""
    rest: Rest | None = None
    """What another release has stored with it."""
    changed: bool = False
    """Whether it is to be stored."""
    claiming: bool = False
    """Whether it has claimed something, or given it up: then it is stored whatever it says, so that its version says
    whose turn it was."""
    new: bool = False
    """Whether it was made in this unit of work, and not loaded."""
    removed: bool = False
    """Whether it was removed: here, or before it was loaded. Then only its version counts."""

    @property
    def is_aggregate(self) -> bool:
        """Else it is a document."""
        return self.plan.__class__ is AggregatePlan

    def encoded(self) -> bytes:
        """The bytes to be stored: none of what was removed. Raises `BadValue`."""
        if self.removed:
            return b""
        try:
            body: bytes = self.plan.codec.encode(self.value)
        except UNWRITABLE as error:
            raise self.plan.codec.bad_value(self.value, error) from error
        return body if self.rest is None else self.rest.completed(body)

    def says(self, body: bytes) -> bool:
        """Whether these bytes say the same as those it was loaded with, which another release may have written."""
        if body == self.body or not (self.version and self.body and body):
            return body == self.body
        value, rest = self.plan.codec.restore(self.body)
        return body == Tracked(self.plan, self.id, value, rest=rest).encoded()

    def check(self, body: bytes) -> None:
        """Raises `BadValue` where these bytes, which are to be stored, could not be read again."""
        if self.removed:
            return
        if self.rest is None:
            self.plan.codec.check_written(self.value, body)
        else:
            self.plan.codec.write(self.value)  # without what another release has stored with it

    @classmethod
    def load(
        cls, plan: AggregatePlan | ProjectionPlan | RecordPlan | ClaimPlan, id: str, version: int, body: bytes
    ) -> Tracked:
        """From what a store has. Raises `BadMessage`."""
        if not body:
            return cls(plan, id, None, version, removed=True)
        try:
            value, rest = plan.codec.restore(body)
        except msgspec.MsgspecError as error:
            raise BadMessage(
                f"{id!r} was stored by another release, and cannot be read by this one: {error}", where=plan.kind,
                expected=f"fields and values of {plan.type.__name__}", next="run the release that has written it",
            ) from error  # fmt: skip
        return cls(plan, id, value, version, body, rest)
