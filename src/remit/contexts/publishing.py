"""Generated publishers: they make an integration event by copying fields of a domain event with the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NamedTuple

import msgspec

from remit.messages import accepts


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
            if not accepts(field.type, types[field.name]):
                yield Misfit(field.name, field.type, types[field.name])
        elif field.required:
            yield Misfit(field.name, field.type, None)


def _name(declared: Any) -> str:
    return getattr(declared, "__name__", repr(declared))
