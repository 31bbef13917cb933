"""Checks at start which types the codec can carry, so that no message fails later."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum, StrEnum
from itertools import islice
from typing import Any

import msgspec
from msgspec import inspect

from remit.messages.fields import Shape, parts_of
from remit.messages.forms import describe, form_of
from remit.messages.once import once
from remit.messages.unions import TAG

_KEYS = (
    inspect.StrType, inspect.IntType, inspect.FloatType, inspect.DecimalType, inspect.UUIDType, inspect.DateType,
    inspect.DateTimeType, inspect.TimeType, inspect.TimeDeltaType, inspect.BytesType, inspect.EnumType,
    inspect.LiteralType, inspect.AnyType,
)  # fmt: skip


@once
def not_carried(type: Any) -> str | None:
    """Why values of this type cannot be written as JSON and read back. None if they can."""
    try:
        described = describe(type)
        msgspec.json.Decoder(form_of(type).type)
    except Exception as error:  # noqa: BLE001  # reading the user's annotations may raise anything
        return str(error)
    for path, found in parts_of(described):
        if isinstance(found, inspect.CustomType):
            return f"{path or 'it'} has the type {found.cls.__qualname__}, which has no form in JSON"
        if isinstance(found, inspect.RawType | inspect.ExtType):
            return f"{path or 'it'} holds encoded bytes (msgspec.Raw or Ext), which are not read back as written"
        if isinstance(found, inspect.DictType) and not _is_key(found.key_type):
            return (
                f"{path or 'it'} has keys that are neither text nor numbers nor times, or are of mixed types;"
                " a JSON object has no such keys"
            )
    return None


def records_within(type: Any) -> Iterator[tuple[str, Any]]:
    """The classes of the records that values of this type hold at any depth, each once, with a path of fields to it.
    The class itself is among them, if its values hold others of it."""
    shape = describe(type)
    for path, found in parts_of(shape):
        if path and isinstance(found, inspect.StructType | inspect.DataclassType):
            yield path, found.cls
    if isinstance(shape, inspect.StructType | inspect.DataclassType):
        ways = (
            f"{field.name}.{path}" if path else field.name
            for field in shape.fields
            for path, found in parts_of(field.type)
            if found is shape
        )
        for path in islice(ways, 1):
            yield path, shape.cls


_TEXTS = (
    inspect.StrType, inspect.IntType, inspect.BoolType, inspect.DecimalType, inspect.UUIDType, inspect.DateType,
    inspect.DateTimeType, inspect.TimeType, inspect.LiteralType, inspect.AnyType,
)  # fmt: skip


def not_a_key(type: Any, field: str) -> str | None:
    """Why a field of this type cannot be an identity or an ordering key. Its `str()` is stored, which must be the same
    in every process and release. None if it can."""
    described = describe(type)
    found = next((each.type for each in getattr(described, "fields", ()) if each.name == field), None)
    return None if found is None else _without_text(found, field)


def without_text(type: Any, named: str) -> str | None:
    """The same as `not_a_key`, for a type instead of a field."""
    return _without_text(describe(type), named)


def not_an_identity(type: Any, field: str) -> str | None:
    """Why a field of this type cannot be the identity of a command: equal values of it are written differently. None if
    it can. Such a field needs no text form."""
    found = next(each.type for each in getattr(describe(type), "fields", ()) if each.name == field)
    if any(getattr(each, "tag_field", None) == TAG for _, each in parts_of(found)):
        return f"{field} is a union of records, and two different records may have the same fields"
    if any(isinstance(each, inspect.FloatType) for _, each in parts_of(found)):
        return f"{field} is or contains a float, and a float has several texts for one number (1 and 1.0)"
    return None


def _without_text(found: Shape, named: str) -> str | None:
    while isinstance(found, inspect.Metadata):
        found = found.type
    if isinstance(found, _TEXTS):
        return None
    if isinstance(found, inspect.EnumType):
        return None if issubclass(found.cls, (StrEnum, IntEnum)) else f"{named} is neither a StrEnum nor an IntEnum"
    if isinstance(found, inspect.FloatType):
        return f"{named} is a float, and a float has several texts for one number (1 and 1.0)"
    return f"{named} has a type whose text may change between releases, or be the same for different values"


def _is_key(shape: Shape) -> bool:
    """Whether values of this type can be keys. A union with `str` cannot: every key would be read as a text."""
    if isinstance(shape, inspect.Metadata):
        return _is_key(shape.type)
    if isinstance(shape, inspect.UnionType):
        return all(map(_is_key, shape.types)) and not any(isinstance(each, inspect.StrType) for each in shape.types)
    return isinstance(shape, _KEYS)
