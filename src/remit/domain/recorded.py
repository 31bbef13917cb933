"""Copies an event when it is recorded, so that later changes in the aggregate do not change the event."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from remit.messages.fields import Shape, parts_of
from remit.messages.forms import describe, record_of

E = TypeVar("E")

_CHANGING = (
    inspect.ListType, inspect.DictType, inspect.SetType, inspect.ByteArrayType, inspect.DataclassType,
    inspect.TypedDictType, inspect.AnyType, inspect.CustomType,
)  # fmt: skip
_ATOMS = frozenset({str, int, float, bool, bytes, type(None)})
_changing_fields: dict[type, tuple[str, ...]] = {}
FIXED: set[type] = set()
"""Classes of events that are immutable at every depth, as far as they were examined."""


def as_recorded(event: E) -> E:
    """The event itself if it is immutable at every depth, else a copy in which all mutable parts are copied."""
    cls = event.__class__
    names = _changing_fields.get(cls)
    if names is None:
        names = _changing_fields[cls] = _find_changing(cls)
    if not names:
        FIXED.add(cls)
        return event
    return msgspec.structs.replace(event, **{name: _copied(getattr(event, name)) for name in names})  # type: ignore[type-var]  # checkers see events as plain classes


def _find_changing(cls: Any) -> tuple[str, ...]:
    try:
        described = describe(cls)
    except Exception:  # noqa: BLE001  # an annotation is the user's code, and may raise anything: a check reports it
        return getattr(cls, "__struct_fields__", ())
    fields = described.fields if isinstance(described, inspect.StructType) else ()
    return tuple(field.name for field in fields if any(is_changing(found) for _, found in parts_of(field.type)))


def is_changing(shape: Shape) -> bool:
    """Whether a value of this type can be changed itself, whatever its parts are."""
    return isinstance(shape, _CHANGING) or (isinstance(shape, inspect.StructType) and not _is_frozen(shape))


def _is_frozen(shape: inspect.StructType) -> bool:
    config = getattr(record_of(shape), "__struct_config__", None)
    return config is not None and bool(config.frozen)


def _copied(value: Any) -> Any:
    cls = value.__class__
    if cls in _ATOMS:
        return value
    if cls is list:  # a fast path for the common types
        return [each if each.__class__ in _ATOMS else _copied(each) for each in value]
    if cls is tuple:
        return tuple(map(_copied, value))
    if cls is dict:
        return {key: each if each.__class__ in _ATOMS else _copied(each) for key, each in value.items()}
    if isinstance(value, msgspec.Struct) and value.__struct_config__.frozen:
        return value if cls in FIXED else as_recorded(value)
    return copy.deepcopy(value)
