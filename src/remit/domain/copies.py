"""Copies an aggregate as it was loaded, so that its events can be applied to the state before once more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from remit.domain.recorded import is_changing
from remit.messages.fields import Shape, parts_of
from remit.messages.forms import describe

_shared: Callable[[Any], Any] = msgspec.Struct.__copy__  # type: ignore[attr-defined]  # not in its stubs
_HOLDERS = (list, dict, set)
_HOLDING = (inspect.ListType, inspect.DictType, inspect.SetType)


def copying(cls: Any) -> Callable[[Any], Any] | None:
    """How a value of this class is copied that was just decoded: the fields of the copy change apart from those of the
    value. Parts that cannot change are shared, so it takes far less time than decoding the value again.

    None for a class whose copies would share a part that can change, or whose construction runs code.
    """
    if hasattr(cls, "__post_init__") or cls.__copy__ is not _shared:
        return None
    described = describe(cls)
    fields = described.fields if isinstance(described, inspect.StructType) else ()
    if not all(_is_shallow(field.type) for field in fields):
        return None
    holding = tuple(field.name for field in fields if _can_change(field.type))

    def copied(value: Any) -> Any:
        made = _shared(value)
        for name in holding:
            held = getattr(value, name)
            if held.__class__ in _HOLDERS:
                msgspec.structs.force_setattr(made, name, held.copy())
        return made

    return copied if holding else _shared


def _is_shallow(shape: Shape) -> bool:
    """Whether nothing inside a value of this type can change, apart from the value itself."""
    if isinstance(shape, inspect.UnionType):
        return all(map(_is_shallow, shape.types))
    if isinstance(shape, _HOLDING):
        parts = (shape.key_type, shape.value_type) if isinstance(shape, inspect.DictType) else (shape.item_type,)
        return not any(map(_can_change, parts))
    return not _can_change(shape)


def _can_change(shape: Shape) -> bool:
    return any(is_changing(found) for _, found in parts_of(shape))
