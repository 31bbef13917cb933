"""Makes the channels over NATS for a topology."""

from __future__ import annotations

from collections.abc import Iterable

from remit.errors import ChannelError, NotPrepared
from remit.log import Channel
from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import Denied, NatsConnection
from remit.transports.nats.events import NatsEvents
from remit.transports.nats.streams import Prepared, Streams
from remit.transports.technology import ChannelSettings


def open_calls(settings: ChannelSettings) -> NatsCalls:
    """Makes the channel for calls; not yet open."""
    return NatsCalls(_connection(settings), settings.system)


def open_events(settings: ChannelSettings) -> NatsEvents:
    """Makes the channel for events; not yet open."""
    return NatsEvents(_connection(settings), settings.system, codec=settings.encoding, replicas=settings.replicas)


async def prepare_events(settings: ChannelSettings, needed: Iterable[tuple[str, Channel]]) -> list[Prepared]:
    """Creates the streams for these channels of contexts, as a user who may. Leaves those that exist as they are.

    Raises `ChannelError`, also if this user may not, and `Unavailable`.
    """
    connection = NatsConnection(settings.url, name=settings.service, credentials=settings.credentials)
    await connection.open()
    try:
        streams = Streams(connection, settings.system, settings.replicas)
        return [await streams.prepare(source, channel) for source, channel in needed]
    except (Denied, NotPrepared) as denied:
        raise ChannelError(
            "this user may not create the streams", where=connection.place, expected="an administrator of the broker",
            next="--broker-admin USER:PASSWORD of the user administrator that remit plan FILE --permissions prints",
        ) from denied  # fmt: skip
    finally:
        await connection.close()


def _connection(settings: ChannelSettings) -> NatsConnection:
    """Returns the connection to a broker, one per process."""
    connection = settings.shared.get(settings.url)
    if not isinstance(connection, NatsConnection):
        connection = NatsConnection(settings.url, name=settings.service, credentials=settings.credentials)
        settings.shared[settings.url] = connection
    return connection
