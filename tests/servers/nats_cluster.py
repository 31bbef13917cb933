"""Three real nats-servers that keep JetStream together: any one of them may die."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from remit.errors import RemitError
from remit.transports.nats.connection import NatsConnection
from tests.servers.nats import START_SECONDS, NatsServer
from tests.servers.ports import HOST, free_port

__all__ = ["NatsCluster"]

NAMES = ("n1", "n2", "n3")


class NatsCluster:
    """The servers by name. `url` has all of them."""

    def __init__(self, folder: Path) -> None:
        routes = {name: f"{HOST}:{free_port()}" for name in NAMES}
        self.servers = {
            name: NatsServer(
                folder / name,
                sync=False,
                more=f'server_name: {name}\ncluster {{ name: tests, listen: "{routes[name]}", '
                f"routes: [{', '.join(f'nats://{route}' for route in routes.values())}] }}",
            )
            for name in NAMES
        }

    @property
    def url(self) -> str:
        return ",".join(server.url for server in self.servers.values())

    def start(self) -> None:
        """Starts all, and waits until they have agreed on who leads."""
        for server in self.servers.values():
            server.start()
        asyncio.run(self._agree())

    def stop(self) -> None:
        """Ends all."""
        for server in self.servers.values():
            server.stop()

    def stream(self, name: str) -> dict[str, Any]:
        """What the cluster says of a stream: its configuration, its state, who leads it."""
        return asyncio.run(self._ask(f"STREAM.INFO.{name}"))

    def leader(self, stream: str) -> NatsServer:
        """The server that leads a stream."""
        return self.servers[self.stream(stream)["cluster"]["leader"]]

    async def _agree(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while "error" in await self._ask("INFO"):  # noqa: ASYNC110  # other processes have no event
                await asyncio.sleep(0.05)

    async def _ask(self, what: str) -> dict[str, Any]:
        connection = NatsConnection(self.url, name="tests")
        await connection.open()
        try:
            reply = await connection.request(f"$JS.API.{what}", b"", {}, 2.0)
        except RemitError as error:
            return {"error": error.what}
        finally:
            await connection.close()
        said: dict[str, Any] = msgspec.json.decode(reply.data)
        return said
