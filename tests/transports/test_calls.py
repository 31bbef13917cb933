"""The call channels of the house keep what every call channel promises."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from remit.testing.conformance import CallConformance
from remit.testing.conformance.calls import ADDRESS
from remit.testing.in_process.calls import Exchange, InProcessCalls
from remit.transports import CallChannel
from remit.transports.http.calls import HttpCalls
from tests.transports.keyed import PEERS, keys_of


class TestInProcessCalls(CallConformance):
    """Over an exchange in memory."""

    @pytest.fixture
    async def place(self) -> Exchange:
        return Exchange()

    @pytest.fixture
    async def client(self, place: Exchange) -> AsyncIterator[CallChannel]:
        channel = InProcessCalls(place)
        yield channel
        await channel.close()

    @pytest.fixture
    async def server(self, place: Exchange) -> AsyncIterator[CallChannel]:
        channel = InProcessCalls(place)
        yield channel
        await channel.close()

    @pytest.fixture
    async def second(self, place: Exchange) -> AsyncIterator[CallChannel]:
        channel = InProcessCalls(place)
        yield channel
        await channel.close()

    async def kill(self, server: CallChannel) -> None:
        assert isinstance(server, InProcessCalls)
        server.break_off()


class TestHttpCalls(CallConformance):
    """Over HTTP."""

    keyed = False

    @pytest.fixture
    async def place(self) -> dict[str, list[str]]:
        """Where the servers of a test are found."""
        return {ADDRESS: []}

    @pytest.fixture
    async def client(self, place: dict[str, list[str]]) -> AsyncIterator[CallChannel]:
        channel = HttpCalls(place, keys=keys_of("front") if self.keyed else None, peers=PEERS)
        await channel.open()
        yield channel
        await channel.close()

    @pytest.fixture
    async def server(self, place: dict[str, list[str]]) -> AsyncIterator[CallChannel]:
        channel = HttpCalls(place, listen="127.0.0.1:0", keys=keys_of("back") if self.keyed else None, peers=PEERS)
        await channel.open()
        place[ADDRESS].append(channel.listening or "")
        yield channel
        await channel.close()

    @pytest.fixture
    async def second(self, place: dict[str, list[str]]) -> AsyncIterator[CallChannel]:
        channel = HttpCalls(place, listen="127.0.0.1:0", keys=keys_of("back") if self.keyed else None, peers=PEERS)
        await channel.open()
        place[ADDRESS].append(channel.listening or "")
        yield channel
        await channel.close()

    async def kill(self, server: CallChannel) -> None:
        assert isinstance(server, HttpCalls)
        runner = server._server._runner
        assert runner is not None
        for site in list(runner.sites):
            await site.stop()
        assert runner.server is not None
        for connection in runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()


class TestHttpCallsWithKeys(TestHttpCalls):
    """Over HTTP, where services prove their names."""

    keyed = True
