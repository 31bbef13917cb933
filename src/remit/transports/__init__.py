"""How it travels: the ports for feeds, calls and events, and one module per technology."""

from remit.transports.calls import Answer, Answering, CallCapabilities, CallChannel, Request
from remit.transports.events import EventCapabilities, EventChannel
from remit.transports.in_process import Exchange, InProcessCalls, StoreFeed
from remit.transports.port import Feed, Floors, Push, Standing

__all__ = [
    "Answer",
    "Answering",
    "CallCapabilities",
    "CallChannel",
    "EventCapabilities",
    "EventChannel",
    "Exchange",
    "Feed",
    "Floors",
    "InProcessCalls",
    "Push",
    "Request",
    "Standing",
    "StoreFeed",
]
