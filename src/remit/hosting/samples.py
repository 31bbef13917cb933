"""Makes an example of a type, in its wire form: the same one in each process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import inspect

_TEXTS: dict[type[inspect.Type], str] = {
    inspect.DateType: "2026-01-02",
    inspect.TimeDeltaType: "PT1S",
    inspect.UUIDType: "00000000-0000-0000-0000-000000000001",
    inspect.DecimalType: "1.5",
    inspect.BytesType: "",
    inspect.ByteArrayType: "",
}
_MOMENTS: dict[type[inspect.Type], str] = {
    inspect.DateTimeType: "2026-01-02T03:04:05Z",
    inspect.TimeType: "03:04:05Z",
}
_DEEPEST = 6
"""So deep a type that contains itself is followed."""


def sample_of(shape: inspect.Type) -> Any:
    """An example of a type: of JSON's values. Optional fields are given, too. It may break a constraint that no example
    follows from, such as a pattern."""
    return _sample(shape, 0)


def _sample(shape: Any, depth: int) -> Any:
    match shape:
        case inspect.Metadata():
            more: Any = getattr(shape, "extra_json_schema", None) or {}
            given = more.get("examples")
            return given[0] if given else _sample(shape.type, depth)
        case inspect.UnionType():
            members = [each for each in shape.types if not isinstance(each, inspect.NoneType)]
            return _sample(members[0], depth) if depth <= _DEEPEST else None
        case inspect.LiteralType():
            return shape.values[0]
        case inspect.EnumType():
            return next(iter(shape.cls)).value
        case inspect.DictType():
            if depth >= _DEEPEST:
                return {}
            key = _sample(shape.key_type, depth + 1)
            return {key if isinstance(key, str) else str(key): _sample(shape.value_type, depth + 1)}
        case inspect.TupleType():
            return [_sample(each, depth + 1) for each in shape.item_types]
        case inspect.CollectionType() | inspect.VarTupleType():
            count = max(shape.min_length or 0, depth < _DEEPEST)
            return [_sample(shape.item_type, depth + 1)] * count if count else []
        case _ if hasattr(shape, "fields"):
            return _of_fields(shape, depth)
        case _:
            return _plain(shape)


def _of_fields(shape: Any, depth: int) -> Any:
    if isinstance(shape, inspect.NamedTupleType):
        return [_sample(each.type, depth + 1) for each in shape.fields]
    tag: dict[str, Any] = {shape.tag_field: shape.tag} if getattr(shape, "tag_field", None) else {}
    fields: Sequence[inspect.Field] = shape.fields
    return tag | {each.encode_name: _sample(each.type, depth + 1) for each in fields}


def _plain(shape: inspect.Type) -> Any:
    match shape:
        case inspect.StrType():
            return "text".ljust(shape.min_length or 0, "x")[: shape.max_length]
        case inspect.IntType() | inspect.FloatType():
            return _number(shape)
        case inspect.BoolType():
            return True
        case inspect.DateTimeType() | inspect.TimeType():
            return _MOMENTS[type(shape)].removesuffix("Z" if shape.tz is False else " ")
        case _:
            return _TEXTS.get(type(shape))


def _number(shape: inspect.IntType | inspect.FloatType) -> float:
    """1, or the bound next to it."""
    low = shape.ge if shape.gt is None else shape.gt + 1
    high = shape.le if shape.lt is None else shape.lt - 1
    if low is not None and low > 1:
        return low
    return high if high is not None and high < 1 else 1
