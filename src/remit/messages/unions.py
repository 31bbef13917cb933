"""Unions of records: where they occur in a type, what their members are, and whether the members can be told apart.

A record has a tag only as a member of a union. `forms` makes the wire type from this.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator, Mapping, Sequence
from inspect import isclass
from typing import Annotated, Any, NamedTuple, NotRequired, Required, TypeVar, Union, get_args, get_origin
from weakref import WeakKeyDictionary

import msgspec
from msgspec import UNSET, structs
from typing_extensions import ReadOnly, get_type_hints, is_typeddict

TAG = "$type"
"""The field of the tag. No field of a record has this name."""
UNIONS = (Union, types.UnionType)
_QUALIFIERS = (Required, NotRequired, ReadOnly)


class Field(NamedTuple):
    """A field of a record of any kind (struct, dataclass, typed dict, named tuple)."""

    name: str
    encode_name: str
    type: Any
    default: Any = msgspec.NODEFAULT
    default_factory: Any = msgspec.NODEFAULT


def wire_name(cls: Any) -> str:
    """What a record is called on the wire."""
    return str(getattr(cls, "__remit_name__", cls.__name__))


def has_unions(type: Any) -> bool:
    """Whether the type contains a union whose members have a tag."""
    return _finds(type, set())


def _finds(type: Any, seen: set[Any]) -> bool:
    type = plain(type)
    if is_record(type):
        return _finds_inside(type, seen)
    if get_origin(type) in UNIONS and is_tagged(members_of(type)):
        return True
    return any(_finds(each, seen) for each in get_args(type))


def _finds_inside(record: Any, seen: set[Any]) -> bool:
    known = _without.get(record) if isclass(record) else None
    if known or record in seen:
        return False
    seen.add(record)
    is_first = len(seen) == 1
    found = any(_finds(each.type, seen) for each in fields_of(record))
    if is_first and not found:
        for each in filter(isclass, seen):  # all of them were looked through
            _without[each] = True
    return found


_without: WeakKeyDictionary[type, bool] = WeakKeyDictionary()
"""Records that contain no such union."""


def plain(type: Any) -> Any:
    """The type behind aliases, `NewType`, bounds of type variables, and qualifiers such as `Required`."""
    found: Any = type
    while (named := _named_by(found)) is not None:
        found = named
    return found


def _named_by(type: Any) -> Any:
    """The type that an alias, a qualifier and the like stand for; None if the type stands for itself."""
    origin = get_origin(type)
    if origin in _QUALIFIERS:
        return get_args(type)[0]
    if _is_alias(origin):
        return _replaced(origin.__value__, dict(zip(origin.__type_params__, get_args(type), strict=False)))
    if _is_alias(type):
        return type.__value__
    return getattr(type, "__supertype__", getattr(type, "__bound__", None))  # of a NewType, of a TypeVar


def _is_alias(type: Any) -> bool:
    return hasattr(type, "__value__") and hasattr(type, "__type_params__")


def _replaced(type: Any, given: Mapping[Any, Any]) -> Any:
    """A type with its type parameters replaced."""
    if isinstance(type, TypeVar):
        return given.get(type, type)
    parameters = getattr(type, "__parameters__", ()) if get_origin(type) else ()
    return type[tuple(given.get(each, each) for each in parameters)] if parameters and given else type


def class_of(type: Any) -> Any:
    """The class of a type, without type arguments."""
    origin = get_origin(type)
    return type if origin is None else origin


def is_record(type: Any) -> bool:
    """Whether the type is a record."""
    cls = class_of(type)
    return isclass(cls) and (
        issubclass(cls, msgspec.Struct) or dataclasses.is_dataclass(cls) or is_typeddict(cls) or is_named_tuple(cls)
    )


def is_named_tuple(cls: Any) -> bool:
    return hasattr(cls, "_fields") and issubclass(cls, tuple)


def fields_of(record: Any) -> Iterator[Field]:
    """The fields of a record, with the type parameters of its class replaced."""
    cls = class_of(record)
    if issubclass(cls, msgspec.Struct):
        for each in structs.fields(record):
            yield Field(each.name, each.encode_name, each.type, each.default, each.default_factory)
        return
    given = dict(zip(getattr(cls, "__parameters__", ()), get_args(record), strict=False))
    try:
        hints = get_type_hints(cls, include_extras=True)
    except Exception:  # noqa: BLE001  # reading the user's annotations may raise anything: the codec below says what
        return
    for name, *default in _declared(cls, hints):
        yield Field(name, name, _replaced(_unqualified(hints.get(name, Any)), given), *default)


def _qualifiers(hint: Any) -> Iterator[Any]:
    while (origin := get_origin(hint)) is Annotated or origin in _QUALIFIERS:
        yield origin
        hint = get_args(hint)[0]


def _unqualified(hint: Any) -> Any:
    """The type of a field without qualifiers such as `NotRequired`, which only a `TypedDict` may contain."""
    if get_origin(hint) in _QUALIFIERS:
        return _unqualified(get_args(hint)[0])
    if get_origin(hint) is Annotated:
        return Annotated[(_unqualified(get_args(hint)[0]), *hint.__metadata__)]
    return hint


def _declared(cls: Any, hints: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The fields of a record that is not a struct: names and defaults."""
    if is_typeddict(cls):
        for name, hint in hints.items():
            said = set(_qualifiers(hint))  # `__required_keys__` lacks them if the annotations of the class are texts
            needed = Required in said or (name in cls.__required_keys__ and NotRequired not in said)
            yield (name,) if needed else (name, UNSET)
    elif dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            given = [field.default, field.default_factory]
            yield (field.name, *(msgspec.NODEFAULT if each is dataclasses.MISSING else each for each in given))
    else:
        for name in cls._fields:
            yield name, cls._field_defaults.get(name, msgspec.NODEFAULT)


def members_of(union: Any) -> list[Any]:
    """The members of a union and of the unions inside it, each once."""
    found: list[Any] = []
    for each in map(_member, get_args(union)):
        found += [
            member for member in (members_of(each) if get_origin(each) in UNIONS else [each]) if member not in found
        ]
    return found


def _member(type: Any) -> Any:
    """A member without annotations, if it is a record or a union."""
    bare = type = plain(type)
    while get_origin(bare) is Annotated:
        bare = plain(get_args(bare)[0])
    return bare if is_record(bare) or get_origin(bare) in UNIONS else type


def is_named(member: Any) -> bool:
    """Whether the member is a record that is written as an object with field names. Only such a record needs a tag; the
    other members differ in their kind of JSON value."""
    cls = class_of(member)
    if not is_record(member):
        return False
    config = getattr(cls, "__struct_config__", None)
    return dataclasses.is_dataclass(cls) if config is None else not config.array_like


def is_tagged(members: Sequence[Any]) -> bool:
    """Whether the members of this union get a tag: if several are records, unless all their classes have a tag of their
    own, which is always written."""
    named = list(filter(is_named, members))
    return len(named) > 1 and any(_own_tag(each) is None for each in named)


def _own_tag(member: Any) -> str | None:
    config = getattr(class_of(member), "__struct_config__", None)
    return None if config is None else config.tag_field


def require_different(members: Sequence[Any]) -> None:
    """Raises `TypeError` if the tags cannot tell the members of a union apart."""
    names: dict[str, Any] = {}
    for each in filter(is_named, members):
        name = wire_name(class_of(each))
        if name in names:
            raise TypeError(
                f"two members of a union are called {name} on the wire: {_place(names[name])} and {_place(each)}"
            )
        names[name] = each
        if _own_tag(each) is not None:
            raise TypeError(f"{_place(each)} has a tag of its own, and another member of the same union has none")
        if any(field.encode_name == TAG for field in fields_of(each)):
            raise TypeError(f"{_place(each)} is a member of a union, and has a field that is written as {TAG}")


def _place(member: Any) -> str:
    cls = class_of(member)
    return f"{cls.__module__}.{member if get_args(member) else cls.__qualname__}"
