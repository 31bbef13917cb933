"""The stores of the learning platform in PostgreSQL, for one run: databases of their own, dropped at the end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from learning.checker import CONTEXTS, Kept
from learning.checker_postgres import read_schemas
from learning.process import TOPOLOGIES, Services
from tests.placements.deployment import deployed

SQLITE = 'default = "sqlite:data/{context}.db"'
PASSWORD = "hush-hush"  # the tests' own server asks for none


class Databases:
    """One database for all contexts. `place` is what a topology says of its stores."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.name = f"remit_{uuid.uuid4().hex}"
        user, _, host = urlsplit(server).netloc.rpartition("@")
        secret = user if ":" in user else f"{user}:{PASSWORD}"
        self.place = self._address(f"{secret}@{host}")

    def make(self) -> None:
        self.run(self._server, f"CREATE DATABASE {self.name}")

    def drop(self) -> None:
        self.run(self._server, f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def read(self) -> dict[str, Kept]:
        """What is kept, as a superuser sees it."""
        return read_schemas(dict.fromkeys(CONTEXTS, self._address()))

    def run(self, address: str, *statements: str) -> None:
        """Runs statements, each in a transaction of its own."""

        async def run() -> None:
            connection = await asyncpg.connect(address)
            for statement in statements:
                await connection.execute(statement)
            await connection.close()

        asyncio.run(run())

    def _address(self, authority: str = "") -> str:
        parts = urlsplit(self._server)
        return urlunsplit(parts._replace(netloc=authority or parts.netloc, path=f"/{self.name}"))


@contextmanager
def running_on(databases: Databases, name: str, folder: Path) -> Generator[Services]:
    """The services of one of the example's topologies, ready, with their stores in these databases."""
    folder.mkdir(parents=True, exist_ok=True)
    written = (TOPOLOGIES / f"{name}.toml").read_text()
    assert SQLITE in written
    file = folder / "given.toml"
    file.write_text(written.replace(SQLITE, 'default = "${STORES}"'))
    databases.make()
    try:
        with deployed(file, folder / "run") as (services, _):
            for each in services.services.values():
                each.environment["STORES"] = databases.place
            services.environment["STORES"] = databases.place
            services.start()
            yield services
    finally:
        databases.drop()
