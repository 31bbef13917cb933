"""The event channels of the house keep what every event channel promises."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from remit.log import Channel
from remit.testing.conformance import EventConformance
from remit.testing.in_process.events import InProcessBroker, InProcessEvents
from remit.transports import EventChannel
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents
from remit.transports.nats.streams import subjects
from tests.servers.nats import NatsServer, nats_server
from tests.servers.streams import stored


class InMemory:
    """The broker in memory, in the hands of a test."""

    def __init__(self) -> None:
        self.broker = InProcessBroker()

    async def stop(self) -> None:
        self.broker.stop()

    async def start(self) -> None:
        self.broker.start()

    async def wipe(self) -> None:
        self.broker.stop()
        self.broker.wipe()
        self.broker.start()

    async def stored(self, source: str, channel: Channel, part: int) -> Sequence[tuple[int, str]]:
        return [(r.pos, r.id) for r in self.broker.streams[source, channel] if r.part == part]

    async def intrude(self, source: str, channel: Channel, part: int, payload: bytes) -> None:
        """There is no way in for others."""


class TestInProcessEvents(EventConformance):
    """Over a broker in memory."""

    @pytest.fixture
    async def broker(self) -> InMemory:
        return InMemory()

    @pytest.fixture
    async def channel(self, broker: InMemory) -> AsyncGenerator[EventChannel]:
        channel = InProcessEvents(broker.broker)
        await channel.open()
        yield channel
        await channel.close()

    @pytest.fixture
    async def twin(self, broker: InMemory) -> AsyncGenerator[EventChannel]:
        twin = InProcessEvents(broker.broker)
        await twin.open()
        yield twin
        await twin.close()


class RealServer:
    """A nats-server, in the hands of a test."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self.connection = NatsConnection(server.url, name="test")

    async def stop(self) -> None:
        self.server.kill()

    async def start(self) -> None:
        self.server.start()

    async def wipe(self) -> None:
        self.server.wipe()

    async def stored(self, source: str, channel: Channel, part: int) -> Sequence[tuple[int, str]]:
        return [(record.pos, record.id) for record in await stored(self.connection, source, channel, part)]

    async def intrude(self, source: str, channel: Channel, part: int, payload: bytes) -> None:
        client = self.connection.client()
        for headers in (None, {"ce-id": "x"}, {"ce-id": "x", "remit-part": "-", "remit-pos": "1"}):
            await client.publish(f"{subjects('shop', source, channel)}.{part}", payload, headers=headers)
        await client.flush()
        await client.flush()


class TestNatsEvents(EventConformance):
    """Over a real server, each process with a connection of its own."""

    codec = "json"

    @pytest.fixture
    async def broker(self, tmp_path: Path) -> AsyncGenerator[RealServer]:
        with nats_server(tmp_path / "nats") as server:
            broker = RealServer(server)
            await broker.connection.open()
            yield broker
            await broker.connection.close()

    @pytest.fixture
    async def channel(self, broker: RealServer) -> AsyncGenerator[EventChannel]:
        channel = NatsEvents(NatsConnection(broker.server.url, name="channel"), "shop", codec=self.codec)
        await channel.open()
        yield channel
        await channel.close()

    @pytest.fixture
    async def twin(self, broker: RealServer) -> AsyncGenerator[EventChannel]:
        twin = NatsEvents(NatsConnection(broker.server.url, name="twin"), "shop", codec=self.codec)
        await twin.open()
        yield twin
        await twin.close()


class TestNatsEventsInMessagePack(TestNatsEvents):
    """Over a real server, with payloads in MessagePack."""

    codec = "msgpack"
