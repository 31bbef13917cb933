"""Values as bytes that have the order of the values, so that every store sorts and compares them alike.

`None` comes first. Texts are ordered by code points, `Decimal`s and whole numbers exactly, times as instants, members
of enumerations by their values. A byte in front tells a value from `None`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from msgspec import inspect, structs

from remit.errors import BadValue, shown
from remit.messages.fields import Shape
from remit.messages.keys import LONGEST_KEY

NONE = b""
_THERE = b"\x01"
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BIAS = 1 << 63
_MOST_BYTES = 127

SortForm = Callable[[Any], bytes]
"""Makes the bytes of a value. Raises `BadValue` for a value that has none, such as a text that is too long."""


def sort_form(shape: Shape) -> SortForm | None:
    """How values of a type are sorted; None if the type has no order here."""
    if isinstance(shape, inspect.Metadata):
        return sort_form(shape.type)
    if isinstance(shape, inspect.UnionType):
        others = [each for each in shape.types if not isinstance(each, inspect.NoneType)]
        of = sort_form(others[0]) if len(others) == 1 else None
        return None if of is None else lambda value: NONE if value is None else of(value)
    if isinstance(shape, inspect.EnumType):
        return _member(shape.cls)
    if isinstance(shape, inspect.LiteralType):
        return _choice(shape.values)
    if isinstance(shape, inspect.CustomType):
        return None
    return _FORMS.get(type(shape))


def sorted_by(cls: Any) -> dict[str, tuple[Any, SortForm | None]]:
    """The type of each field of a record, and how its values are sorted; None in place of that if they have no order
    here."""
    return {each.name: (each.type, sort_form(inspect.type_info(each.type))) for each in structs.fields(cls)}


def _member(cls: type[Enum]) -> SortForm | None:
    kinds: set[Any] = {type(each.value) for each in cls}
    of = _OF_CLASS.get(kinds.pop()) if len(kinds) == 1 else None
    return None if of is None else lambda value: of(value.value)


def _choice(values: tuple[Any, ...]) -> SortForm | None:
    kinds: set[Any] = {type(each) for each in values}
    return _OF_CLASS.get(kinds.pop()) if len(kinds) == 1 else None


def _bad(value: object, expected: str) -> BadValue:
    return BadValue(
        f"{shown(value, 200)} cannot be sorted", where="an indexed field", expected=expected,
        next="keep such values out of fields that an index names",
    )  # fmt: skip


def _text(value: str) -> bytes:
    try:
        made = value.encode()
    except UnicodeEncodeError:
        raise _bad(value, "valid Unicode") from None
    if len(made) > LONGEST_KEY:
        raise _bad(value, f"a text of at most {LONGEST_KEY} bytes of UTF-8")
    return _THERE + made


def _whole(value: int) -> bytes:
    """The number of bytes comes first; for negative numbers its complement."""
    size = (abs(value).bit_length() + 7) // 8
    if size > _MOST_BYTES:
        raise _bad(value, f"a number of at most {_MOST_BYTES} bytes")
    if value < 0:
        return _THERE + bytes([0x80 - size]) + (value + (1 << 8 * size)).to_bytes(size)
    return _THERE + bytes([0x80 + size]) + value.to_bytes(size)


def _real(value: float) -> bytes:
    number = float(value) + 0.0  # also turns -0.0 into 0.0
    if number - number != 0.0:
        raise _bad(value, "a finite number")
    (bits,) = struct.unpack(">Q", struct.pack(">d", number))
    ordered: int = bits ^ (0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else _BIAS)
    return _THERE + ordered.to_bytes(8)


def _decimal(value: Decimal) -> bytes:
    """Sign, power of ten of the first digit, digits without zeros at the end; for negative numbers the complement."""
    if not value.is_finite():
        raise _bad(value, "a finite number")
    if not value:
        return _THERE + b"\x80"
    digits = "".join(map(str, value.as_tuple().digits)).rstrip("0")
    if len(digits) > LONGEST_KEY:
        raise _bad(value, f"a number of at most {LONGEST_KEY} digits")
    size = (value.adjusted() + _BIAS).to_bytes(8) + digits.encode()
    return _THERE + (b"\x7f" + bytes(255 - each for each in size) + b"\xff" if value < 0 else b"\x81" + size)


def _instant(value: datetime) -> bytes:
    if value.tzinfo is None:
        raise _bad(value, "a time with a time zone: an instant")
    return _THERE + ((value - _EPOCH) // _MICROSECOND + _BIAS).to_bytes(8)


_OF_CLASS: dict[type, SortForm] = {
    str: _text,
    int: _whole,
    float: _real,
    bool: lambda value: _THERE + bytes([value]),
    Decimal: _decimal,
    datetime: _instant,
    date: lambda value: _THERE + value.toordinal().to_bytes(4),
    UUID: lambda value: _THERE + value.bytes,
}
_FORMS: dict[type, SortForm] = {
    inspect.StrType: _text,
    inspect.IntType: _whole,
    inspect.FloatType: _real,
    inspect.BoolType: _OF_CLASS[bool],
    inspect.DecimalType: _decimal,
    inspect.DateTimeType: _instant,
    inspect.DateType: _OF_CLASS[date],
    inspect.UUIDType: _OF_CLASS[UUID],
}
