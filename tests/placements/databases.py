"""The stores of the learning platform in PostgreSQL, for one run: databases and roles of their own, gone at the end."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from learning.checker import CONTEXTS, Kept
from learning.checker_postgres import read_schemas
from learning.process import Services
from tests.placements.deployment import Deployment, deployed

Layout = Literal["postgres", "postgres-roles", "postgres-databases"]
"""One database and one user for all contexts; a role for each; a role and a database for each."""
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
PASSWORD = "hush-hush"  # the tests' own server asks for none


class Databases:
    """New databases on a server. `place` is what a topology says of its stores."""

    def __init__(self, server: str, layout: Layout = "postgres") -> None:
        self._server = urlsplit(server)
        self._layout = layout
        self.name = f"remit_{uuid.uuid4().hex[:16]}"
        user, _, host = self._server.netloc.rpartition("@")
        secret = user if ":" in user else f"{user}:{PASSWORD}"
        if layout == "postgres":
            self.place = self._address(self.name, f"{secret}@{host}")
        else:
            self.place = self._address(self._database("{context}"), f"{self._role('{context}')}:{PASSWORD}@{host}")

    def make(self) -> None:
        """Makes the databases, empty."""
        self._run(f"CREATE DATABASE {name}" for name in self._databases())

    def prepare(self, services: Services) -> None:
        """Where each context has a role: makes schemas and roles as an administrator would."""
        if self._layout == "postgres":
            return
        services.environment["REMIT_ADMIN_URL"] = self._address("postgres")
        for options in ([], ["--roles", "--apply"]):
            done = services.remit("migrate", *options)
            assert done.returncode == 0, done.stderr
        del services.environment["REMIT_ADMIN_URL"]
        self._run(f"ALTER ROLE {self._role(context)} PASSWORD '{PASSWORD}'" for context in CONTEXTS)

    def drop(self) -> None:
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in self._databases())
        if self._layout != "postgres":
            self._run(f"DROP ROLE IF EXISTS {self._role(context)}" for context in CONTEXTS)

    def read(self, *, glance: bool = False) -> dict[str, Kept]:
        """What is kept, as an administrator sees it; with `glance` just enough to see what is owed."""
        addresses = {context: self._address(self._database(context)) for context in CONTEXTS}
        return read_schemas(addresses, glance=glance)

    def _role(self, context: str) -> str:
        return f"{self.name}_{context}"

    def _database(self, context: str) -> str:
        return f"{self.name}_{context}" if self._layout == "postgres-databases" else self.name

    def _databases(self) -> Iterable[str]:
        return dict.fromkeys(map(self._database, CONTEXTS))

    def _address(self, database: str, authority: str = "") -> str:
        return urlunsplit(self._server._replace(netloc=authority or self._server.netloc, path=f"/{database}"))

    def _run(self, statements: Iterable[str]) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(urlunsplit(self._server))
            for statement in statements:
                await connection.execute(statement)
            await connection.close()

        asyncio.run(run())


@contextmanager
def deployed_on(databases: Databases, file: Path, folder: Path) -> Generator[Deployment]:
    """A topology in a folder of its own, not yet started, with its stores in these databases."""
    folder.mkdir(parents=True, exist_ok=True)
    written, found = re.subn(r"(?m)^default = .*$", 'default = "${STORES}"', file.read_text())
    assert found == 1
    given = folder / "given.toml"
    given.write_text(written)
    databases.make()
    try:
        with deployed(given, folder / "run") as deployment:
            services = deployment.services
            for environment in (services.environment, *(each.environment for each in services.services.values())):
                environment["STORES"] = databases.place
            databases.prepare(services)
            yield deployment
    finally:
        databases.drop()


@contextmanager
def running_on(databases: Databases, file: Path, folder: Path) -> Generator[Services]:
    """The services of one of the example's topologies, ready, with their stores in these databases."""
    with deployed_on(databases, file, folder) as (services, _):
        services.start()
        yield services
