"""State tracked by a unit of work: an aggregate or document as it was loaded and as it will be stored."""

from __future__ import annotations

from typing import Any

import msgspec

from remit.domain import refuse_other_identity
from remit.errors import BadMessage
from remit.messages import UNWRITABLE, Rest
from remit.runtime.plan import AggregatePlan, ClaimPlan, ProjectionPlan, RecordPlan
from remit.runtime.work.heads import head_of


class Tracked(msgspec.Struct, eq=False):
    """An aggregate or document in a unit of work, with the version and the bytes it was loaded with. A struct, as
    `Limit`."""

    plan: Any
    id: str
    value: Any
    version: int = 0
    body: bytes = b""
    rest: Rest | None = None
    """Stored fields that only another release knows."""
    changed: bool = False
    """Whether it is to be stored."""
    always: bool = False
    """Whether it is stored even if its bytes are unchanged. If it made or gave up a claim, so that concurrent claims
    conflict on its version; if it was added without asking the store; if it takes the place of a stored one that was
    removed in this unit of work."""
    new: bool = False
    """Whether it was made in this unit of work, not loaded."""
    removed: bool = False
    """Whether it was removed, here or before it was loaded. Then only its version counts."""
    made: bytes = b""
    """The bytes that an aggregate had when `obtain` made it."""

    def encoded(self) -> bytes:
        """The bytes to store; empty if it was removed. Raises `BadValue`."""
        if self.removed:
            return b""
        try:
            body: bytes = self.plan.codec.encode(self.value)
        except UNWRITABLE as error:
            raise self.plan.codec.bad_value(self.value, error) from error
        return body if self.rest is None else self.rest.completed(body)

    def says(self, body: bytes) -> bool:
        """Whether these bytes mean the same as the loaded ones, which another release may have written, or as those
        with which `obtain` made it, if it is not to be stored yet."""
        if self.made and body == self.made and not self.changed:
            return True
        if body == self.body or not (self.version and self.body and body):
            return body == self.body
        value, rest = self.plan.codec.restore(self.body)
        return body == Tracked(self.plan, self.id, value, rest=rest).encoded()

    def check(self, body: bytes) -> None:
        """Raises `BadValue` if these bytes could not be read again, and `IdentityChanged` if an aggregate has another
        identity than it is stored under."""
        if self.removed:
            return
        if self.plan.is_aggregate and self.value.id != self.id:  # an identity that is text is its own form
            refuse_other_identity(self.value, self.id, self.plan.kind)
        if self.rest is None:
            self.plan.codec.check_written(self.value, body)
        else:
            self.plan.codec.write(self.value)  # checks it without the fields of another release

    @classmethod
    def load(
        cls, plan: AggregatePlan | ProjectionPlan | RecordPlan | ClaimPlan, id: str, version: int, body: bytes
    ) -> Tracked:
        """Decodes a stored row. Raises `BadMessage`."""
        if not body:
            return cls(plan, id, None, version, removed=True)
        try:
            value, rest = plan.codec.restore(body)
        except msgspec.MsgspecError as error:
            if plan.is_aggregate and (head := head_of(body)) is not None:  # it was event-sourced before
                return cls.load(plan, id, version, bytes(head.state))
            raise BadMessage(
                f"{id!r} was stored by another release and cannot be read by this one: {error}", where=plan.kind,
                expected=f"fields and values of {plan.type.__name__}", next="run the release that wrote it",
            ) from error  # fmt: skip
        return cls(plan, id, value, version, body, rest)
