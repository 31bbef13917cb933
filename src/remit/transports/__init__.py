"""How messages travel: the ports for feeds, calls and events, and one folder per technology."""

from remit.transports.calls import (
    DRAIN_SECONDS,
    Answering,
    CallCapabilities,
    CallChannel,
    CallRequest,
    CallResponse,
    fitting,
)
from remit.transports.events import EventCapabilities, EventChannel
from remit.transports.grants import OUTSIDE, Grant, Grants
from remit.transports.port import Feed, Push, Standing
from remit.transports.technology import ChannelSettings, ChannelTechnology

__all__ = [
    "DRAIN_SECONDS",
    "OUTSIDE",
    "Answering",
    "CallCapabilities",
    "CallChannel",
    "CallRequest",
    "CallResponse",
    "ChannelSettings",
    "ChannelTechnology",
    "EventCapabilities",
    "EventChannel",
    "Feed",
    "Grant",
    "Grants",
    "Push",
    "Standing",
    "fitting",
]
