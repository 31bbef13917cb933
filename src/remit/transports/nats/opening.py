"""Makes the channels over NATS for a topology."""

from __future__ import annotations

from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents
from remit.transports.technology import ChannelSettings


def open_calls(settings: ChannelSettings) -> NatsCalls:
    """Makes the channel for calls; not yet open."""
    return NatsCalls(_connection(settings), settings.system)


def open_events(settings: ChannelSettings) -> NatsEvents:
    """Makes the channel for events; not yet open."""
    return NatsEvents(_connection(settings), settings.system, codec=settings.encoding, replicas=settings.replicas)


def _connection(settings: ChannelSettings) -> NatsConnection:
    """Returns the connection to a broker, one per process."""
    connection = settings.shared.get(settings.url)
    if not isinstance(connection, NatsConnection):
        connection = NatsConnection(settings.url, name=settings.service, credentials=settings.credentials)
        settings.shared[settings.url] = connection
    return connection
