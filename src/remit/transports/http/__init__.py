"""Calls over HTTP, without a broker. This package describes the technology; `calls` opens it."""

from remit.transports.technology import ChannelTechnology

__all__ = ["HTTP"]

HTTP = ChannelTechnology(
    name="http",
    title="HTTP",
    form="http",
    calls="remit.transports.http.calls:open_calls",
    keys="remit.transports.http.keys:new_pair",
    public_key="remit.transports.http.keys:public_of",
    install="remit[http]",
)
