"""Whether one type accepts every value of another, as the codec accepts values. Where that is unsure, it does not."""

from __future__ import annotations

from enum import Enum
from typing import Any

from msgspec import inspect

from remit.messages.forms import describe, record_of

_LISTS = (inspect.ListType, inspect.VarTupleType, inspect.TupleType)
_SETS = (inspect.SetType, inspect.FrozenSetType)
_BYTES = (inspect.BytesType, inspect.ByteArrayType)
_RECORDS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType, inspect.NamedTupleType)
_PLAIN = (inspect.StrType, inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.NoneType)
_LOWER, _UPPER = ("ge", "gt", "min_length"), ("le", "lt", "max_length")
_EQUAL = ("multiple_of", "pattern", "tz")
_EXACT = 2**53
"""A float holds every integer up to this one."""


def accepts(wanted: Any, found: Any) -> bool:
    """Whether a field of the type `wanted` takes every value that a field of the type `found` may have."""
    if wanted == found:
        return True
    try:
        return _accepts(describe(wanted), describe(found), set())
    except TypeError:  # no message can have such a field: another finding says so
        return False


def _accepts(wanted: Any, found: Any, seen: set[tuple[int, int]]) -> bool:
    while isinstance(wanted, inspect.Metadata):
        wanted = wanted.type
    while isinstance(found, inspect.Metadata):
        found = found.type
    if isinstance(found, inspect.UnionType):
        return all(_accepts(wanted, each, seen) for each in found.types)
    if isinstance(found, inspect.LiteralType):
        return all(_accepts_value(wanted, each) for each in found.values)
    if isinstance(wanted, inspect.UnionType):
        return any(_accepts(each, found, seen) for each in wanted.types)
    if isinstance(wanted, inspect.AnyType):
        return _is_any(found, seen)
    if isinstance(found, inspect.EnumType):
        return _accepts_enum(wanted, found.cls)
    return _accepts_kind(wanted, found, seen)


def _accepts_value(wanted: Any, value: Any) -> bool:
    """Whether the value of a literal is accepted. It is None, a string or an integer."""
    if isinstance(wanted, inspect.Metadata):
        return _accepts_value(wanted.type, value)
    if isinstance(wanted, inspect.UnionType):
        return any(_accepts_value(each, value) for each in wanted.types)
    if isinstance(wanted, inspect.LiteralType):
        return value in wanted.values
    if isinstance(wanted, inspect.NoneType):
        return value is None
    kind = inspect.StrType if isinstance(value, str) else inspect.IntType
    return isinstance(wanted, inspect.AnyType) or (value is not None and type(wanted) is kind and _is_free(wanted))


def _accepts_enum(wanted: Any, found: type[Enum]) -> bool:
    if isinstance(wanted, inspect.EnumType):
        return wanted.cls is found
    is_text, is_number = issubclass(found, str), issubclass(found, int)
    fits = (is_text and isinstance(wanted, inspect.StrType)) or (is_number and isinstance(wanted, inspect.IntType))
    return fits and _is_free(wanted)


def _is_any(found: Any, seen: set[tuple[int, int]]) -> bool:
    """Whether all values of a type are read back unchanged where no type is known."""
    if isinstance(found, inspect.DictType):
        return isinstance(found.key_type, inspect.StrType) and _accepts(_ANY, found.value_type, seen)
    if isinstance(found, _LISTS):
        return all(_accepts(_ANY, each, seen) for each in _items(found))
    return isinstance(found, (*_PLAIN, inspect.AnyType)) or (
        isinstance(found, inspect.EnumType) and issubclass(found.cls, str | int)
    )


_ANY = inspect.AnyType()


def _accepts_kind(wanted: Any, found: Any, seen: set[tuple[int, int]]) -> bool:
    for kinds in (_LISTS, _SETS):
        if isinstance(wanted, kinds) and isinstance(found, kinds):
            return _is_tighter(found, wanted) and _accepts_items(wanted, found, seen)
    if isinstance(wanted, inspect.FloatType) and isinstance(found, inspect.IntType):
        return _is_exact(found) and _is_tighter(found, wanted)
    if isinstance(wanted, _BYTES) and isinstance(found, _BYTES):
        return _is_tighter(found, wanted)
    if type(wanted) is not type(found):
        return False
    if isinstance(wanted, inspect.DictType):
        values = _accepts(wanted.value_type, found.value_type, seen)
        return values and _is_tighter(found, wanted) and _accepts(wanted.key_type, found.key_type, seen)
    if isinstance(wanted, _RECORDS):
        return _accepts_record(wanted, found, seen)
    return _is_tighter(found, wanted) and not isinstance(wanted, (inspect.CustomType, inspect.ExtType))


def _items(shape: Any) -> tuple[Any, ...]:
    return shape.item_types if isinstance(shape, inspect.TupleType) else (shape.item_type,)


def _accepts_items(wanted: Any, found: Any, seen: set[tuple[int, int]]) -> bool:
    items = _items(found)
    if not isinstance(wanted, inspect.TupleType):
        return all(_accepts(wanted.item_type, each, seen) for each in items)
    if not isinstance(found, inspect.TupleType) or len(items) != len(wanted.item_types):
        return False
    return all(_accepts(each, item, seen) for each, item in zip(wanted.item_types, items, strict=True))


def _accepts_record(wanted: Any, found: Any, seen: set[tuple[int, int]]) -> bool:
    """Whether both are one class. Their fields may differ only by the type arguments of the class."""
    if record_of(wanted) is not record_of(found):
        return False
    pair = id(wanted), id(found)
    if pair in seen:  # a record that contains itself
        return True
    seen.add(pair)
    if all(_accepts(mine.type, its.type, seen) for mine, its in zip(wanted.fields, found.fields, strict=True)):
        return True
    seen.discard(pair)
    return False


def _is_exact(found: Any) -> bool:
    """Whether a float holds every integer of a type."""
    lowest = found.ge if found.ge is not None else found.gt
    highest = found.le if found.le is not None else found.lt
    return lowest is not None and highest is not None and lowest >= -_EXACT and highest <= _EXACT


def _is_free(wanted: Any) -> bool:
    """Whether a type has no constraints."""
    return all(getattr(wanted, name, None) is None for name in (*_LOWER, *_UPPER, *_EQUAL))


def _is_tighter(found: Any, wanted: Any) -> bool:
    """Whether the constraints of a type hold for all values of another. Bounds are compared with bounds of one kind."""
    for names, sign in ((_LOWER, 1), (_UPPER, -1), (_EQUAL, 0)):
        for name in names:
            limit, given = getattr(wanted, name, None), getattr(found, name, None)
            if limit is not None and (given is None or (given != limit if not sign else given * sign < limit * sign)):
                return False
    return True
