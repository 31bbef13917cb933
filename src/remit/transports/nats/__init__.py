"""NATS: events through JetStream, calls through request-reply. Describes the technology; `opening` opens it."""

from remit.transports.technology import ChannelTechnology

__all__ = ["NATS"]

NATS = ChannelTechnology(
    name="nats",
    title="NATS",
    form="nats://HOST:PORT",
    schemes=("nats", "tls"),
    calls="remit.transports.nats.opening:open_calls",
    events="remit.transports.nats.opening:open_events",
    finds_services=True,
    broker=True,
    prepares="remit.transports.nats.opening:prepare_events",
    permissions="remit.transports.nats.permissions:permissions",
    install="remit[nats]",
)
