"""How a subscription handles one record: decode it, hand it to the reaction, the projection, or the command."""

from __future__ import annotations

from remit.runtime.plan import FollowPlan
from remit.runtime.unit import UnitOfWork
from remit.stores import Record

__all__ = ["handle_record", "message_seed"]


def message_seed(follow: FollowPlan, record: Record) -> str:
    """What identifies this handling for ever: the message, and who handles it."""
    return f"{record.id}.{follow.name}"


async def handle_record(follow: FollowPlan, unit: UnitOfWork, record: Record) -> None:
    """Handles a record if the subscription follows its type and version; otherwise does nothing.

    Raises `BadMessage` for undecodable bytes, and whatever the handler raises.
    """
    wire = (record.type, record.version)
    if follow.projection is not None:
        codec = follow.codecs.get(wire)
        if codec is not None:
            await unit.fold(follow.projection, codec.read(record.payload))
        return
    handler = follow.handlers.get(wire)
    if handler is not None:
        await unit.run(handler, handler.codec.read(record.payload))
