"""Generated publishers: they make an integration event by copying fields of a domain event with the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FrameType, NoneType
from typing import Any, NamedTuple, get_args, get_origin

import msgspec

from remit.messages import union_members


class Misfit(NamedTuple):
    """A field of an integration event that cannot be copied from a domain event."""

    field: str
    wanted: Any
    found: Any
    """The type of the field with this name in the domain event. None if there is no such field."""


def publisher_of(event: Any, published: Any, frame: FrameType) -> Callable[[Any], Any]:
    """The publisher that makes `published` from `event`. Its place in findings is the line of `frame`."""
    theirs = getattr(event, "__struct_fields__", ())
    names = tuple(name for name in getattr(published, "__struct_fields__", ()) if name in theirs)

    def publish(event: Any) -> Any:
        return published(**{name: getattr(event, name) for name in names})

    publish.__name__ = f"publish_as({_name(event)}, {_name(published)})"
    publish.__annotations__ = {"event": event, "return": published}
    vars(publish).update(__remit_place__=f"{frame.f_code.co_filename}:{frame.f_lineno}", __remit_as__=published)
    return publish


def misfits(event: Any, published: Any) -> Iterator[Misfit]:
    """The fields of an integration event that cannot be copied from a domain event, in their order."""
    types = {field.name: field.type for field in msgspec.structs.fields(event)}
    for field in msgspec.structs.fields(published):
        if field.name in types:
            if not _is_taken(types[field.name], field.type):
                yield Misfit(field.name, field.type, types[field.name])
        elif field.required:
            yield Misfit(field.name, field.type, None)


def _is_taken(found: Any, wanted: Any) -> bool:
    """Whether every value of the type `found` is a value of the type `wanted`, as far as their annotations tell."""
    if wanted is Any or found == wanted:
        return True
    if len(members := union_members(found)) > 1:
        return all(_is_taken(each, wanted) for each in members)
    if len(wishes := union_members(wanted)) > 1:
        return any(_is_taken(found, each) for each in wishes)
    if (base := getattr(found, "__supertype__", None)) is not None:
        return _is_taken(base, wanted)
    found, wanted = (NoneType if each is None else each for each in (found, wanted))
    if get_origin(found) is not None or get_origin(wanted) is not None:
        alike = (get_origin(found) or found) is (get_origin(wanted) or wanted)
        return alike and all(map(_is_taken, get_args(found), get_args(wanted))) if get_args(found) else False
    return isinstance(found, type) and isinstance(wanted, type) and issubclass(found, wanted)


def _name(declared: Any) -> str:
    return getattr(declared, "__name__", repr(declared))
