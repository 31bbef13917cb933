"""A channel of another distribution keeps what every call channel promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from remit.testing.conformance import CallConformance
from remit.transports import CallChannel
from tests.foreign.remit_sockets.calls import SocketCalls


class TestSocketCalls(CallConformance):
    """Over Unix sockets."""

    @pytest.fixture
    def place(self) -> Iterator[Path]:
        with TemporaryDirectory() as folder:  # the path of a socket has to be short
            yield Path(folder)

    @pytest.fixture
    async def client(self, place: Path) -> AsyncIterator[CallChannel]:
        channel = SocketCalls(place)
        await channel.open()
        yield channel
        await channel.close()

    @pytest.fixture
    async def server(self, place: Path) -> AsyncIterator[CallChannel]:
        channel = SocketCalls(place)
        await channel.open()
        yield channel
        await channel.close()

    @pytest.fixture
    async def second(self, place: Path) -> AsyncIterator[CallChannel]:
        channel = SocketCalls(place)
        await channel.open()
        yield channel
        await channel.close()

    async def kill(self, server: CallChannel) -> None:
        assert isinstance(server, SocketCalls)
        server.break_off()
