"""Calls over a real NATS server keep what every call channel promises."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from pathlib import Path

import pytest

from remit.errors import OutcomeUnknown, Unavailable
from remit.testing.conformance import CallConformance
from remit.testing.conformance.calls import ADDRESS
from remit.transports import CallChannel
from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import NatsConnection
from tests.servers.nats import nats_url
from tests.transports.proxy import Proxy


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    folder: Path = tmp_path_factory.mktemp("nats")
    with nats_url(folder) as url:
        yield url


class TestNatsCalls(CallConformance):
    """Over a NATS server, each process with a connection of its own."""

    @pytest.fixture
    async def client(self, url: str) -> AsyncGenerator[CallChannel]:
        channel = NatsCalls(NatsConnection(url, name="client"), "shop")
        await channel.open()
        yield channel
        await channel.close()

    @pytest.fixture
    async def proxy(self, url: str) -> AsyncGenerator[Proxy]:
        proxy = Proxy(url.removeprefix("nats://"))
        await proxy.heal()
        yield proxy
        await proxy.close()

    @pytest.fixture
    async def server(self, url: str, proxy: Proxy) -> AsyncGenerator[CallChannel]:
        self._url, self._proxy = url, proxy
        channel = NatsCalls(NatsConnection(f"nats://{proxy.place}", name="server"), "shop")
        await channel.open()
        yield channel
        await channel.close()

    @pytest.fixture
    async def second(self, url: str) -> AsyncGenerator[CallChannel]:
        channel = NatsCalls(NatsConnection(url, name="second"), "shop")
        await channel.open()
        yield channel
        await channel.close()

    async def kill(self, server: CallChannel) -> None:
        """Cuts its connection, and waits until the broker has noticed: until then it hands requests to the dead."""
        await self._proxy.cut()
        witness = NatsConnection(self._url, name="witness")
        await witness.open()
        while not await self._is_unserved(witness):
            pass
        await witness.close()

    async def _is_unserved(self, witness: NatsConnection) -> bool:
        with suppress(OutcomeUnknown):
            with suppress(Unavailable):
                await witness.request(f"remit.shop.calls.{ADDRESS}._.witness", b"", {}, 0.01)
            return True
        return False
