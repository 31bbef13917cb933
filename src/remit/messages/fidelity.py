"""Whether a value is read back as it was written. What JSON has no form for may be lost without an error."""

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
    """Whether every value of this type that can be read is read as it was written.

    Not so: numbers that are infinite or none, times whose offset has seconds, what may be anything, and keys of several
    types.
    """
    return not any(isinstance(found, _INEXACT) or _has_mixed_keys(found) for _, found in parts_of(shape))


def has_times(shape: Shape) -> bool:
    """Whether there are times in it, whose offset from UTC some encodings do not keep."""
    return any(isinstance(found, _TIMES) for _, found in parts_of(shape))


def _has_mixed_keys(shape: Shape) -> bool:
    return isinstance(shape, inspect.DictType) and isinstance(shape.key_type, inspect.UnionType)


def content_of(type: Any) -> Callable[[Any], Any] | None:
    """What gives the fields of a value, where values of this type are not compared by what they say."""
    config = getattr(type, "__struct_config__", None)
    if not isclass(type) or (type.__eq__ is not object.__eq__ if config is None else config.eq):
        return None
    names = field_names(type)
    return attrgetter(*names) if names else None


def difference(value: Any, back: Any, path: str = "$") -> str | None:
    """Where, and how, what was read differs from the value that was written; None where they say the same.

    A list may be read where a tuple was written, and a time with an offset where it had a zone.
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
    return isinstance(value, kinds)  # in a function, because checkers would take what is inside for unknown


def field_names(type: Any) -> Sequence[str]:
    """The fields of a record."""
    if dataclasses.is_dataclass(type):
        return [each.name for each in dataclasses.fields(type)]
    return getattr(type, "__struct_fields__", ())


def _at(path: str, key: Any) -> str:
    return f"{path}.{key}" if isinstance(key, str) and key.isidentifier() else f"{path}[{_short(key)}]"


def _first(pairs: Iterable[tuple[Any, Any, str]]) -> str | None:
    return next((found for one, other, at in pairs if (found := difference(one, other, at))), None)


def _counterparts(value: Collection[Any], back: Collection[Any]) -> list[tuple[Any, Any]] | None:
    """What each element of a set, or key, was read as; None where one was lost.

    Not by == alone: times that are equal may have other offsets, and one in a zone may be equal to no other.
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
        # Not by ==: a time in a zone that is within the hour that comes twice is equal to no other.
        return isinstance(back, type(value)) and (_clock(value), value.utcoffset()) == (_clock(back), back.utcoffset())
    if isinstance(value, Decimal):
        return isinstance(back, Decimal) and str(value) == str(back)  # what is no number equals nothing, or raises
    return value is back or bool(value == back)


def _clock(value: Any) -> Any:
    return value.replace(tzinfo=None, fold=0)


def _said(value: Any, back: Any, path: str) -> str:
    return f"{path} is {_short(value)}, and would be read as {_short(back)}"


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
