"""The row of an event-sourced aggregate: the head of its stream, with a snapshot."""

from __future__ import annotations

import msgspec


class Head(msgspec.Struct, forbid_unknown_fields=True):
    """The row of an event-sourced aggregate. It has no `id`, so a state is never taken for one."""

    schema: str
    """The fingerprint of the code that made the snapshot."""
    events: int
    """How many events this life of the stream has."""
    life: int
    state: msgspec.Raw
    """The snapshot."""


def headed(schema: str, events: int, life: int, state: bytes) -> bytes:
    """The body of a row: the head with these values. Written by hand: it is part of every command."""
    return b'{"schema":"%s","events":%d,"life":%d,"state":%s}' % (schema.encode(), events, life, state)


_heads = msgspec.json.Decoder(Head)


def head_of(body: bytes) -> Head | None:
    """The head in the body of a row. None for a body that is a state."""
    try:
        return _heads.decode(body)
    except msgspec.MsgspecError:
        return None
