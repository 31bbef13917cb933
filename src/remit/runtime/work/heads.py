"""The row of an event-sourced aggregate: the head of its stream, with a snapshot."""

from __future__ import annotations

import msgspec


class Head(msgspec.Struct):
    """The row of an event-sourced aggregate."""

    schema: str
    """The fingerprint of the code that made the snapshot."""
    events: int
    """How many events this life of the stream has."""
    life: int
    state: msgspec.Raw
    """The snapshot."""


_heads = msgspec.json.Decoder(Head)


def head_of(body: bytes) -> Head | None:
    """The head in the body of a row. None for a body that is a state."""
    try:
        return _heads.decode(body)
    except msgspec.MsgspecError:
        return None
