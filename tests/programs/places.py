"""Where a generated program runs: a topology drawn from a seed, and what is left in its stores, wherever they are."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Literal, get_args

import asyncpg

from learning import process
from remit import System
from remit.hosting.granting import granted
from remit.testing.simulation.judges import Files
from remit.testing.simulation.programs import Program
from remit.testing.simulation.programs.grammar import Branch, Gather, Insert, Select, Statement
from remit.testing.simulation.programs.tape import NOTE
from remit.testing.simulation.programs.tidying import tidied
from remit.topology.file import read_topology
from remit.topology.grants import grants_text
from remit.topology.placement import place
from remit.topology.shapes import shapes_of
from remit.transports.http.keys import new_pair
from tests.servers.nats import NatsServer

__all__ = ["KINDS", "Kind", "Place", "place_of", "suited", "write_grants"]

Kind = Literal["sqlite", "postgres", "nats"]
"""SQLite files or PostgreSQL, with calls over HTTP; or SQLite files, with calls and events over NATS."""
KINDS: tuple[Kind, ...] = get_args(Kind)

KEYED = 0.3
"""The share of programs, where calls are HTTP, whose services prove their names."""
_TABLES = {
    "log": "SELECT channel, part, pos, id, prev, key, type, headers, payload FROM remit_log",
    "floor": "SELECT channel, part, pos, id FROM remit_floor",
    "checkpoint": "SELECT DISTINCT ON (subscription, source, channel, part)"
    " subscription, source, channel, part, pos, id FROM remit_checkpoint"
    " ORDER BY subscription, source, channel, part, prev DESC",
    "state": "SELECT kind, id, body FROM remit_state",
    "letter": "SELECT subscription, source, channel, part, key, payload, discarded_at FROM remit_letter",
    "parked": "SELECT subscription, source, channel, part, key FROM remit_parked",
    "subscriber": "SELECT subscription, channel FROM remit_subscriber",
}
"""What judges read, under the names that SQLite has for it."""
_ROW_MODELS = r"SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename LIKE 'row\_%'"


@dataclass(frozen=True)
class Spot:
    """A service of the topology."""

    name: str
    runs: tuple[str, ...]
    replicas: int


@dataclass(frozen=True)
class Place:
    """Where a program runs."""

    kind: Kind
    system: str
    """The name of the system, which no other one has on these servers."""
    contexts: tuple[str, ...]
    spots: tuple[Spot, ...]
    codec: str
    direct: bool
    """Whether followers read the logs of others in the database."""
    server: str
    """The address of the PostgreSQL server, which others use too."""
    broker: NatsServer | None
    """A NATS server of its own."""
    keyed: bool = False
    """Whether services prove their names with key pairs."""
    hooks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By context: the addresses that take its webhooks."""

    @property
    def processes(self) -> list[tuple[str, int]]:
        """Service and replica of each."""
        return [(spot.name, number) for spot in self.spots for number in range(spot.replicas)]

    @property
    def store(self) -> str:
        """The place of the stores."""
        if self.kind != "postgres":
            return "sqlite:{context}.db"
        return f"{self.server}{'&' if '?' in self.server else '?'}schema={self.system}_{{context}}"

    def topology(self, module: str) -> str:
        """The topology file, with ports that are free now."""
        lines = [f'system = "{module}:system"', "", "[stores]", f'default = "{self.store}"', "", "[channels]"]
        broker = self.broker
        channels = {"calls": "http"} if broker is None else {"calls": broker.url, "events": broker.url}
        keys = f", {', '.join(_pair())}" if self.keyed else ""
        lines += [f'{what} = {{ url = "{url}", codec = "{self.codec}"{keys} }}' for what, url in channels.items()]
        lines += ['events = "postgresql"'] if self.direct else []
        for spot in self.spots:
            lines += ["", f"[services.{spot.name}]", f"runs = [{', '.join(f'{each!r}' for each in spot.runs)}]"]
            lines += [f"replicas = {spot.replicas}"] if spot.replicas > 1 else []
            lines += [f'calls = "127.0.0.1:{process.ports.free(spot.replicas)}"'] if self.kind != "nats" else []
            lines += _pair() if self.keyed else []
            takes = [context for context in self.hooks if {f"{context}.acl", context, "*"} & set(spot.runs)]
            if takes:
                port = process.ports.free(spot.replicas)
                lines += [f'http = "127.0.0.1:{port}"']
                for context in takes:
                    self.hooks[context] += [f"127.0.0.1:{port + number}" for number in range(spot.replicas)]
        return "\n".join(lines).replace("'", '"') + "\n"

    async def files(self, folder: Path) -> Files:
        """The stores as files: themselves, or what is in them now."""
        if self.kind != "postgres":
            return Files(folder, self.contexts)
        copies = Path(tempfile.mkdtemp(prefix="copies-", dir=folder))
        connection = await asyncpg.connect(self.server)
        try:
            for context in self.contexts:
                await self._copy(connection, context, copies / f"{context}.db")
        finally:
            await connection.close()
        return Files(copies, self.contexts)

    async def _copy(self, connection: Any, context: str, file: Path) -> None:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(f"SET LOCAL search_path = {self.system}_{context}")
            with contextlib.closing(sqlite3.connect(file)) as copy, copy:
                of_users = await connection.fetchval("SELECT to_regclass($1)", NOTE) is not None
                models = await connection.fetch(_ROW_MODELS, f"{self.system}_{context}")
                tables = _TABLES | ({NOTE: f"SELECT entry, key, run FROM {NOTE}"} if of_users else {})
                tables |= {each["tablename"]: f'SELECT body FROM "{each["tablename"]}"' for each in models}
                for table, question in tables.items():
                    columns = [each.name for each in (await connection.prepare(question)).get_attributes()]
                    copy.execute(f'CREATE TABLE "{table}" ({", ".join(columns)})')
                    rows = [tuple(row) for row in await connection.fetch(question)]
                    copy.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(columns))})', rows)

    async def prepare(self) -> None:
        """The broker runs, where there is one."""
        if self.broker is not None:
            await asyncio.to_thread(self.broker.start)

    async def make(self, tables: Mapping[str, Sequence[str]]) -> None:
        """Makes the tables of the users of each context, beside those that its store will make."""
        for context, statements in tables.items():
            schema = f"{self.system}_{context}"
            await self._run(f"CREATE SCHEMA {schema}", f"SET search_path = {schema}", *statements)

    async def fail(self, chance: Random) -> bool:
        """The connections to the database break, or the broker dies and is begun again, now and then with nothing of
        what it had. Whether there is a server."""
        if self.broker is not None:
            await asyncio.to_thread(self.broker.wipe if chance.random() < 0.25 else self.broker.restart)
        elif self.server:
            await self._run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE application_name LIKE 'remit {self.system}\\_%'"
            )
        return self.broker is not None or bool(self.server)

    async def clear(self) -> None:
        """What is on servers is gone."""
        if self.broker is not None:
            await asyncio.to_thread(self.broker.stop)
        if self.server:
            await self._run(*(f"DROP SCHEMA IF EXISTS {self.system}_{context} CASCADE" for context in self.contexts))

    async def _run(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.server)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def place_of(program: Program, kind: Kind, seed: int, server: str, folder: Path) -> Place:
    """All in one service; or contexts apart in two, or who writes and who reads. One or two processes of each."""
    chance = Random(f"place {kind} {seed}")
    contexts = (*program.contexts, *program.idle)
    reads = bool(program.questions) or any(each.folds for each in program.kept)
    hooks = {each.context: list[str]() for each in program.sources if not each.polled}
    layers = list(dict.fromkeys(each.context for each in program.sources))
    if layers:
        asked = {each.kept for each in program.questions}
        read = {each.context for each in program.kept if each.folds or each.name in asked}
        rest = [f"{each}.write" if each in layers else each for each in contexts]
        rest += [f"{each}.read" for each in layers if each in read]
        apart = Random(f"layers {kind} {seed}").random() < 0.7
        groups: Sequence[tuple[str, ...]] = [("*",)]
        groups = [tuple(f"{each}.acl" for each in layers), tuple(rest)] if apart else groups
    elif reads and chance.random() < 0.25:
        groups = [("*.write",), ("*.read",)]
    elif len(contexts) == 1 or chance.random() < 0.4:
        groups = [("*",)]
    else:
        cut = chance.randrange(1, len(contexts))
        groups = [contexts[:cut], contexts[cut:]]
    spots = [Spot(f"s{at}", group, chance.choice((1, 1, 2))) for at, group in enumerate(groups)]
    if sum(spot.replicas for spot in spots) == 1 and chance.random() < 0.5:
        spots = [Spot("s0", ("*",), 2)]
    codec = "msgpack" if chance.random() < 0.3 else "json"
    direct = kind == "postgres" and chance.random() < 0.5
    broker = NatsServer(folder / "nats", sync=False) if kind == "nats" else None
    keyed = kind != "nats" and Random(f"keys {kind} {seed}").random() < KEYED
    name = f"p{uuid.uuid4().hex[:12]}"
    return Place(kind, name, contexts, tuple(spots), codec, direct, server, broker, keyed, hooks)


def _pair() -> list[str]:
    """A key pair, as a topology names it."""
    made = new_pair()
    return [f'key = "{made.private}"', f'public = "{made.public}"']


def write_grants(file: Path, system: System) -> None:
    """The grants of a topology, where its services look for them."""
    model = system.model()
    grants = granted(system, model, place(read_topology(str(file)), shapes_of(model)))
    file.with_suffix(".grants.json").write_text(grants_text(grants))


def suited(program: Program, kind: Kind) -> Program:
    """The program without a second release, and without statements where no store takes them."""
    handlers = program.handlers
    if kind != "postgres":
        handlers = tuple(replace(each, body=_without_rows(each.body)) for each in handlers)
    return tidied(replace(program, handlers=handlers, rollout=None))


def _without_rows(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    left: list[Statement] = []
    for each in body:
        if isinstance(each, Gather):
            left.append(replace(each, branches=tuple(map(_without_rows, each.branches))))
        elif isinstance(each, Branch):
            left.append(replace(each, then=_without_rows(each.then), otherwise=_without_rows(each.otherwise)))
        elif not isinstance(each, (Insert, Select)):
            left.append(each)
    return tuple(left)
