"""The words of the log: what stands in one, where it begins and ends, and how far somebody is in it."""

from remit.log.headers import (
    LATER,
    carried_by,
    escaped,
    forms_of,
    has_newer,
    is_command,
    is_escaped,
    origin_of,
    trace_of,
    wish_of,
    write_carried,
    write_headers,
    write_newer,
    write_wish,
)
from remit.log.port import Log, Subscriber
from remit.log.record import Channel, ChannelName, Checkpoint, Floors, Head, Heads, Record, SubscriptionId, context_of

__all__ = [
    "LATER",
    "Channel",
    "ChannelName",
    "Checkpoint",
    "Floors",
    "Head",
    "Heads",
    "Log",
    "Record",
    "Subscriber",
    "SubscriptionId",
    "carried_by",
    "context_of",
    "escaped",
    "forms_of",
    "has_newer",
    "is_command",
    "is_escaped",
    "origin_of",
    "trace_of",
    "wish_of",
    "write_carried",
    "write_headers",
    "write_newer",
    "write_wish",
]
