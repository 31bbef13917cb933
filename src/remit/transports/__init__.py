"""How it travels: the feed port, and the in-process feed over a store's log."""

from remit.transports.in_process import StoreFeed
from remit.transports.port import Feed, Push

__all__ = ["Feed", "Push", "StoreFeed"]
