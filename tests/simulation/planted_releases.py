"""Bugs of two releases that run beside each other, for generated programs to find."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import inspect

from remit.messages.codec import Rest
from remit.messages.fields import Unknown, parts_of


def drop_what_is_not_known(patch: pytest.MonkeyPatch) -> None:
    """An older release writes an aggregate without what only the newer one has stored."""

    def without(self: Rest, body: bytes) -> bytes:
        return body

    patch.setattr(Rest, "completed", without)


def drop_what_is_not_known_in_sets(patch: pytest.MonkeyPatch) -> None:
    put_back = Unknown.put_back

    def without(self: Unknown, before: Any, after: Any) -> None:
        self.inside = {step: unknown for step, unknown in self.inside.items() if not isinstance(step, bytes)}
        put_back(self, before, after)

    patch.setattr(Unknown, "put_back", without)


def drop_what_is_not_known_in_dataclasses(patch: pytest.MonkeyPatch) -> None:
    """A dataclass is read without a word about fields which it does not have: nobody looks for them."""

    def no_dataclass(shape: Any) -> bool:
        return any(
            isinstance(found, inspect.StructType) and not found.forbid_unknown_fields for _, found in parts_of(shape)
        )

    patch.setattr("remit.messages.codec.is_lenient", no_dataclass)


def leave_out_what_a_function_makes(patch: pytest.MonkeyPatch) -> None:
    """What a default factory makes is evaluated once, and left out of commands that say the same."""

    def always(of: inspect.Field) -> bool:
        return of.default is not msgspec.NODEFAULT or of.default_factory is not msgspec.NODEFAULT

    patch.setattr("remit.messages.fields._is_constant", always)


def let_keys_change(patch: pytest.MonkeyPatch) -> None:
    """A release that orders an event by another key starts."""

    async def never(*_: Any) -> None: ...

    patch.setattr("remit.runtime.host.compare_event_keys", never)
