"""What the codec can carry: asked of every type once, at start, so that no message fails on its way."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any

import msgspec
from msgspec import inspect

from remit.messages.fields import Shape, parts_of
from remit.messages.forms import describe, form_of
from remit.messages.unions import TAG

_KEYS = (
    inspect.StrType, inspect.IntType, inspect.FloatType, inspect.DecimalType, inspect.UUIDType, inspect.DateType,
    inspect.DateTimeType, inspect.TimeType, inspect.TimeDeltaType, inspect.BytesType, inspect.EnumType,
    inspect.LiteralType, inspect.AnyType,
)  # fmt: skip


def not_carried(type: Any) -> str | None:
    """Why values of this type cannot be written as JSON and read back, or None when they can."""
    try:
        described = describe(type)
        msgspec.json.Decoder(form_of(type).type)
    except Exception as error:  # noqa: BLE001  # reading the user's annotations may raise anything
        return str(error)
    for path, found in parts_of(described):
        if isinstance(found, inspect.CustomType):
            return f"{path or 'it'} has the type {found.cls.__qualname__}, which JSON has no form for"
        if isinstance(found, inspect.RawType | inspect.ExtType):
            return f"{path or 'it'} holds bytes of a codec, which are read otherwise than they were written"
        if isinstance(found, inspect.DictType) and not _is_key(found.key_type):
            return (
                f"{path or 'it'} has keys that are no text, number or time, or not always the same: JSON has no others"
            )
    return None


_TEXTS = (
    inspect.StrType, inspect.IntType, inspect.BoolType, inspect.DecimalType, inspect.UUIDType, inspect.DateType,
    inspect.DateTimeType, inspect.TimeType, inspect.LiteralType, inspect.AnyType,
)  # fmt: skip


def not_a_key(type: Any, field: str) -> str | None:
    """Why a field of this type cannot say whose something is or in which order it comes: it is stored as `str()` makes
    it, which must be the same in each process and release. None when it can."""
    described = describe(type)
    found = next((each.type for each in getattr(described, "fields", ()) if each.name == field), None)
    return None if found is None else _without_text(found, field)


def without_text(type: Any, named: str) -> str | None:
    """The same of a type by itself."""
    return _without_text(describe(type), named)


def not_an_identity(type: Any, field: str) -> str | None:
    """Why a field of this type cannot say which wish a command is, because equal values of it are written differently.
    None when it can: it needs no text of its own."""
    found = next(each.type for each in getattr(describe(type), "fields", ()) if each.name == field)
    if any(getattr(each, "tag_field", None) == TAG for _, each in parts_of(found)):
        return f"{field} is a union of records, and two of them may have the same fields"
    if any(isinstance(each, inspect.FloatType) for _, each in parts_of(found)):
        return f"{field} is a fraction or has one, and one number has several texts there, 1 and 1.0"
    return None


def _without_text(found: Shape, named: str) -> str | None:
    while isinstance(found, inspect.Metadata):
        found = found.type
    if isinstance(found, _TEXTS):
        return None
    if isinstance(found, inspect.EnumType):
        return None if issubclass(found.cls, (StrEnum, IntEnum)) else f"{named} is an enumeration without texts"
    if isinstance(found, inspect.FloatType):
        return f"{named} is a fraction, and one number has several texts there, 1 and 1.0"
    return f"{named} is of a type whose text may be another one tomorrow, or that of another value"


def _is_key(shape: Shape) -> bool:
    """Whether values of this type can be keys. Where a key may also be a text, every key is read as one."""
    if isinstance(shape, inspect.Metadata):
        return _is_key(shape.type)
    if isinstance(shape, inspect.UnionType):
        return all(map(_is_key, shape.types)) and not any(isinstance(each, inspect.StrType) for each in shape.types)
    return isinstance(shape, _KEYS)
