"""What would have been accepted: in the place of a value that is none of a few (literals, enumerations, tags), or as
the name of a field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import inspect

from remit.errors import nearest

_NONE_OF_THEM = re.compile(r"Invalid (?:enum )?value .*?(?: - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`)?", re.DOTALL)
"""How msgspec says so. It does not say which ones there are."""
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>[^`]+)`(?: - at `\$(?P<path>[^`]*)`)?")
_STEP = re.compile(r"\.(?P<field>[^.\[]+)|\[[^]]*\]")

_RECORDS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)


def choices(shape: inspect.Type, failure: str) -> list[Any]:
    """The values that a type accepts at the place where reading failed, by what msgspec says of the failure. Empty for
    failures of other kinds."""
    found = _NONE_OF_THEM.fullmatch(failure)
    if found is None:
        return []
    here = _at(shape, found["path"])
    if found["key"]:
        here = list(_members(each.key_type for each in here if isinstance(each, inspect.DictType)))
    return list(dict.fromkeys(value for each in here for value in _values(each)))


def near_field(shape: inspect.Type, failure: str) -> str | None:
    """The field that was probably meant, where reading failed because of an unknown one. None if none is near, and for
    failures of other kinds."""
    found = _UNKNOWN.fullmatch(failure)
    if found is None:
        return None
    here = [each for each in _at(shape, found["path"]) if isinstance(each, _RECORDS)]
    return nearest(found["field"], [field.encode_name for each in here for field in each.fields])


def _at(shape: inspect.Type, path: str | None) -> list[inspect.Type]:
    """The types of the values at a path, as msgspec writes it."""
    here = list(_members([shape]))
    for step in _STEP.finditer(path or ""):
        here = list(_members(inner for each in here for inner in _inside(each, step["field"])))
    return here


def _members(shapes: Iterable[inspect.Type]) -> Iterator[inspect.Type]:
    for shape in shapes:
        if isinstance(shape, inspect.Metadata):
            yield from _members([shape.type])
        elif isinstance(shape, inspect.UnionType):
            yield from _members(shape.types)
        else:
            yield shape


def _inside(shape: inspect.Type, field: str | None) -> Iterator[inspect.Type]:
    """The types of a field. Without a name: of the elements of a list, or the values of a mapping."""
    if field is not None:
        if isinstance(shape, inspect.StructType) and field == shape.tag_field:
            yield inspect.LiteralType((shape.tag,))
        if isinstance(shape, _RECORDS):
            yield from (each.type for each in shape.fields if each.encode_name == field)
    elif isinstance(shape, inspect.CollectionType):
        yield shape.item_type
    elif isinstance(shape, inspect.DictType):
        yield shape.value_type
    elif isinstance(shape, inspect.TupleType):
        yield from shape.item_types


def _values(shape: inspect.Type) -> Iterator[Any]:
    if isinstance(shape, inspect.EnumType):
        yield from (each.value for each in shape.cls)
    elif isinstance(shape, inspect.LiteralType):
        yield from shape.values
