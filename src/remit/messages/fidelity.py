"""Compares a value with what is read back. A value that JSON cannot hold may be changed without an error."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, time
from decimal import Decimal
from inspect import isclass
from operator import attrgetter
from typing import Any

from msgspec import inspect

from remit.messages.fields import Shape, parts_of

_TIMES = (inspect.DateTimeType, inspect.TimeType)
_INEXACT = (inspect.FloatType, inspect.AnyType, *_TIMES)


def is_exact(shape: Shape) -> bool:
    """Whether every value of this type is read back as it was written, if it can be read at all.

    False for floats (infinity, NaN), times (an offset may have seconds), `Any`, and mappings with keys of mixed types.
    """
    return not any(isinstance(found, _INEXACT) or _has_mixed_keys(found) for _, found in parts_of(shape))


def has_times(shape: Shape) -> bool:
    """Whether the type contains times. Some encodings do not keep their UTC offset."""
    return any(isinstance(found, _TIMES) for _, found in parts_of(shape))


def _has_mixed_keys(shape: Shape) -> bool:
    return isinstance(shape, inspect.DictType) and isinstance(shape.key_type, inspect.UnionType)


def content_of(type: Any) -> Callable[[Any], Any] | None:
    """A function that returns the fields of a value, if values of this type have no equality by content. Else None."""
    config = getattr(type, "__struct_config__", None)
    if not isclass(type) or (type.__eq__ is not object.__eq__ if config is None else config.eq):
        return None
    names = field_names(type)
    return attrgetter(*names) if names else None


def difference(value: Any, back: Any, path: str = "$") -> str | None:
    """Where and how the value that was read differs from the value that was written. None if their content is the same.

    A tuple may be read as a list, and a time in a time zone as a time with a UTC offset.
    """
    if names := field_names(type(value)):
        if type(back) is not type(value):
            return _said(value, back, path)
        return _first((getattr(value, name), getattr(back, name), f"{path}.{name}") for name in names)
    if _is(value, Mapping):
        read = _counterparts(value, back) if _is(back, Mapping) else None
        if read is None:
            return _said(dict(value), back, path)
        return _first((value[key], back[other], _at(path, key)) for key, other in read)
    if _is(value, AbstractSet):
        same = _is(back, AbstractSet) and _counterparts(value, back) is not None
        return None if same else _said(value, back, path)
    if _is(value, Sequence) and not _is(value, str, bytes, bytearray):
        if not _is(back, Sequence) or _is(back, str) or len(value) != len(back):
            return _said(value, back, path)
        return _first((one, other, f"{path}[{at}]") for at, (one, other) in enumerate(zip(value, back, strict=True)))
    return None if _is_same(value, back) else _said(value, back, path)


def _is(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds)  # in a function: a checker would narrow the value to parts of unknown type


def field_names(type: Any) -> Sequence[str]:
    """The names of the fields of a record."""
    if dataclasses.is_dataclass(type):
        return [each.name for each in dataclasses.fields(type)]
    return getattr(type, "__struct_fields__", ())


def _at(path: str, key: Any) -> str:
    return f"{path}.{key}" if isinstance(key, str) and key.isidentifier() else f"{path}[{_short(key)}]"


def _first(pairs: Iterable[tuple[Any, Any, str]]) -> str | None:
    return next((found for one, other, at in pairs if (found := difference(one, other, at))), None)


def _counterparts(value: Collection[Any], back: Collection[Any]) -> list[tuple[Any, Any]] | None:
    """Each element of a set (or key of a mapping) with the element that it was read as. None if one was lost.

    `==` alone does not suffice: equal times may have different offsets, and a time in a zone may equal no other.
    """
    if len(value) != len(back):
        return None
    read, found = {one: one for one in back}, list[tuple[Any, Any]]()
    for one in value:
        among = [read[one]] if one in read else read
        other = [each for each in among if difference(one, each) is None]
        if not other:
            return None
        found.append((one, other[0]))
    return found


def _is_same(value: Any, back: Any) -> bool:
    if isinstance(value, datetime | time):
        # Not by ==: a time in a zone that lies in the hour that is repeated at a clock change equals no other time.
        return isinstance(back, type(value)) and (_clock(value), value.utcoffset()) == (_clock(back), back.utcoffset())
    if isinstance(value, Decimal):
        return isinstance(back, Decimal) and str(value) == str(back)  # NaN equals nothing; comparing sNaN raises
    return value is back or bool(value == back)


def _clock(value: Any) -> Any:
    return value.replace(tzinfo=None, fold=0)


def _said(value: Any, back: Any, path: str) -> str:
    return f"{path} is {_short(value)}, and would be read as {_short(back)}"


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
