"""What the codec can carry: asked of every type once, at start, so that no message fails on its way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

__all__ = ["not_carried"]


def not_carried(type: Any) -> str | None:
    """Why values of this type cannot be written as JSON and read back, or None when they can."""
    try:
        described = msgspec.inspect.type_info(type)
        msgspec.json.Decoder(type)
    except Exception as error:  # noqa: BLE001  # reading the user's annotations may raise anything
        return str(error)
    for path, found in _walk(described, "", set()):
        if isinstance(found, msgspec.inspect.CustomType):
            return f"{path or 'it'} has the type {found.cls.__qualname__}, which JSON has no form for"
    return None


def _walk(found: Any, path: str, seen: set[int]) -> Iterator[tuple[str, msgspec.inspect.Type]]:
    """A description and all descriptions inside it, each with the path of fields that leads to it."""
    if isinstance(found, tuple):
        for each in found:  # pyright: ignore[reportUnknownVariableType]  # members of a description: types and fields
            yield from _walk(each, path, seen)
    elif isinstance(found, msgspec.inspect.Field):
        yield from _walk(found.type, f"{path}.{found.name}" if path else found.name, seen)
    elif isinstance(found, msgspec.inspect.Type) and id(found) not in seen:
        seen.add(id(found))
        yield path, found
        for name in found.__struct_fields__:
            yield from _walk(getattr(found, name), path, seen)
