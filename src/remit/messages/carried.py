"""What the codec can carry: asked of every type once, at start, so that no message fails on its way."""

from __future__ import annotations

from typing import Any

import msgspec

from remit.messages.fields import parts_of

__all__ = ["not_carried"]


def not_carried(type: Any) -> str | None:
    """Why values of this type cannot be written as JSON and read back, or None when they can."""
    try:
        described = msgspec.inspect.type_info(type)
        msgspec.json.Decoder(type)
    except Exception as error:  # noqa: BLE001  # reading the user's annotations may raise anything
        return str(error)
    for path, found in parts_of(described):
        if isinstance(found, msgspec.inspect.CustomType):
            return f"{path or 'it'} has the type {found.cls.__qualname__}, which JSON has no form for"
    return None
