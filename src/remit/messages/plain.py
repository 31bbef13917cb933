"""A fast check for records of plain fields, which are most records: is each value of exactly the class of its field?

A value that passes is known to be read back as it was written, so it is not decoded for comparison. All other values
are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct, inspect

from remit.messages.fields import Shape
from remit.messages.forms import record_of

_OF: dict[type[Shape], type] = {
    inspect.StrType: str,
    inspect.IntType: int,
    inspect.BoolType: bool,
    inspect.FloatType: float,
    inspect.DecimalType: Decimal,
    inspect.UUIDType: UUID,
    inspect.DateType: date,
    inspect.DateTimeType: datetime,
}
_MORE: dict[type, str] = {
    int: f" and {-(2**63)} <= {{0}} < {2**63}",
    float: " and {0} - {0} == 0.0",
    datetime: " and ({0}.tzinfo is None or {0}.tzinfo is UTC)",
}
"""Further conditions: an int fits into 64 bits, a float is finite, a time is naive or in UTC."""


def plainness(shape: Shape, within: tuple[type, ...] = ()) -> Callable[[Any], bool] | None:
    """A test for values of this type that were encoded: True means that the value is plain. None if no value can be.

    Plain are also lists, tuples and mappings by text of plain values, and records in records, unless a record contains
    itself. `within` are the enclosing records.
    """
    known: dict[str, Any] = {"UTC": UTC}
    if isinstance(shape, inspect.StructType):
        cls = record_of(shape)
        if "__remit_exact__" in vars(cls):  # its `__post_init__` leaves nothing that is not plain
            return lambda value: value.__class__ is cls
        if not issubclass(cls, Struct) or hasattr(cls, "__post_init__") or cls in within:
            return None  # `__post_init__` may refuse the value that is read
        tests: list[str | None] = [f"value.__class__ is {_named(cls, known)}"]
        inner = (*within, cls)
        tests += [_test(field.type, f"value.{field.name}", known, inner) for field in shape.fields]
    else:
        tests = [_test(shape, "value", known, within)]
    if None in tests:
        return None
    source = " and ".join(map(str, tests))
    made: Callable[[Any], bool] = eval(f"lambda value: {source}", known)  # noqa: S307  # made of names of fields: a loop over them would take longer than reading the value again
    return made


def lightness(shape: Shape) -> Callable[[Any], bool] | None:
    """A test for a number, bool or text: True means that it can be written and is plain. None for all other types."""
    if isinstance(shape, inspect.StrType) and shape == inspect.StrType():
        return lambda value: value.__class__ is str and value.isascii()
    return plainness(shape) if isinstance(shape, (inspect.IntType, inspect.BoolType, inspect.NoneType)) else None


def _test(shape: Shape, named: str, known: dict[str, Any], within: tuple[type, ...]) -> str | None:
    if isinstance(shape, inspect.UnionType):
        members = [member for member in shape.types if not isinstance(member, inspect.NoneType)]
        if len(members) > 1 and not all(isinstance(member, inspect.StructType) for member in members):
            return None
        tests = [_test(member, named, known, within) for member in members]
        may_be_none = [f"{named} is None"] if len(members) < len(shape.types) else []
        return None if None in tests else f"({' or '.join([*may_be_none, *map(str, tests)])})"
    if isinstance(shape, inspect.StructType):
        return _by(plainness(shape, within), f"({named})", known)
    if isinstance(shape, inspect.ListType | inspect.VarTupleType | inspect.DictType):
        return _test_all(shape, named, known, within)
    if isinstance(shape, inspect.NoneType):
        return f"{named} is None"
    cls = shape.cls if isinstance(shape, inspect.EnumType) else _OF.get(type(shape))
    limits = () if isinstance(shape, inspect.EnumType) else shape.__struct_fields__
    if cls is None or any(getattr(shape, limit) is not None for limit in limits):
        return None
    return f"({named}.__class__ is {_named(cls, known)}{_MORE.get(cls, '').format(named)})"


def _test_all(
    shape: inspect.ListType | inspect.VarTupleType | inspect.DictType,
    named: str,
    known: dict[str, Any],
    within: tuple[type, ...],
) -> str | None:
    if shape.min_length is not None or shape.max_length is not None:
        return None
    if isinstance(shape, inspect.DictType):
        if shape.key_type != inspect.StrType():
            return None
        values = _by(plainness(shape.value_type, within), f", {named}.values()))", known, "all(map(")
        is_text = _named(_is_text, known)
        return values and f"({named}.__class__ is dict and all(map({is_text}, {named})) and {values})"
    test = plainness(shape.item_type, within)
    part = shape.item_type
    if test and isinstance(shape, inspect.VarTupleType) and isinstance(part, inspect.StructType) and _is_frozen(part):
        return _by(_once(test, _last_seen(record_of(part))), f"({named})", known)
    kind = "list" if isinstance(shape, inspect.ListType) else "tuple"
    return _by(test, f", {named})))", known, f"({named}.__class__ is {kind} and all(map(")


def _is_frozen(shape: Shape) -> bool:
    """Whether a plain value of this type is immutable at every depth."""
    if isinstance(shape, inspect.StructType):
        return record_of(shape).__struct_config__.frozen and all(_is_frozen(field.type) for field in shape.fields)
    if isinstance(shape, inspect.UnionType):
        return all(_is_frozen(member) for member in shape.types)
    if isinstance(shape, inspect.VarTupleType):
        return _is_frozen(shape.item_type)
    return isinstance(shape, inspect.EnumType | inspect.NoneType) or type(shape) in _OF


@cache
def _last_seen(cls: type) -> list[object]:
    """Holds the last tuple of such records that passed the test."""
    return [()]


def _once(test: Callable[[Any], bool], seen: list[object]) -> Callable[[Any], bool]:
    """Tests a tuple once, although a command, the event made from it and the aggregate may all hold it."""

    def is_plain(value: Any) -> bool:
        if value is seen[0]:
            return True
        if value.__class__ is not tuple or not all(map(test, value)):
            return False
        seen[0] = value
        return True

    return is_plain


def _by(test: Callable[[Any], bool] | None, after: str, known: dict[str, Any], before: str = "") -> str | None:
    """The source text of a call of this test, with the text around its name."""
    return None if test is None else f"{before}{_named(test, known)}{after}"


def _is_text(key: Any) -> bool:
    return key.__class__ is str


def _named(cls: Any, known: dict[str, Any]) -> str:
    name = f"known_{len(known)}"
    known[name] = cls
    return name
