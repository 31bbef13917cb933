"""Inboxes by hand: a table of handled identities, which commits with the effect."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import msgspec
from nats.aio.msg import Msg

from benchmarks.delivery.by_hand import Account, OrderPlaced
from benchmarks.relay import moments

_SQLITE = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE inbox (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE state (
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
"""
_LOAD = "SELECT version, body FROM state WHERE kind = 'billing.Account' AND id = ?"
_SAVE = (
    "INSERT INTO state VALUES ('billing.Account', ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE "
    "SET version = excluded.version, body = excluded.body WHERE version = excluded.version - 1"
)
_POSTGRES = """
CREATE TABLE inbox (id text COLLATE "C" NOT NULL PRIMARY KEY);
CREATE TABLE state (
    kind text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, version bigint NOT NULL, body text NOT NULL,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 80);
"""
_NEW = "INSERT INTO inbox VALUES ($1) ON CONFLICT DO NOTHING RETURNING id"
_ALL_NEW = "INSERT INTO inbox SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING id"
_LOAD_ONE = "SELECT id, version, body FROM state WHERE kind = 'billing.Account' AND id = $1"
_LOAD_ALL = "SELECT id, version, body FROM state WHERE kind = 'billing.Account' AND id = ANY($1::text[])"
_IF_UNCHANGED = """
    ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, body = excluded.body
    WHERE state.version = excluded.version - 1 RETURNING 1
"""
_SAVE_ONE = f"INSERT INTO state VALUES ('billing.Account', $1, $2, $3) {_IF_UNCHANGED}"
_SAVE_ALL = f"""
    INSERT INTO state SELECT 'billing.Account', * FROM unnest($1::text[], $2::bigint[], $3::text[]) {_IF_UNCHANGED}
"""

_encode = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(OrderPlaced).decode
_decode_account = msgspec.json.Decoder(Account).decode


class Inbox(Protocol):
    async def handle(self, messages: list[Msg]) -> None:
        """All of them in one transaction."""


class SqliteInbox:
    """sqlite3 on the loop's own thread."""

    def __init__(self, folder: Path) -> None:
        connection = sqlite3.connect(folder / "billing.db", isolation_level=None)
        connection.executescript(_SQLITE)
        self._execute = connection.execute
        self._started = moments.prepared().started

    async def handle(self, messages: list[Msg]) -> None:
        execute = self._execute
        execute("BEGIN IMMEDIATE")
        for message in messages:
            if execute("INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING", (_identity(message),)).rowcount:
                self._charge(_decode_event(message.data))
        execute("COMMIT")

    def _charge(self, event: OrderPlaced) -> None:
        self._started(event.number)
        row = self._execute(_LOAD, (event.customer,)).fetchone()
        version, account = (row[0], _decode_account(row[1])) if row else (0, Account(event.customer))
        _add(event, account)
        self._execute(_SAVE, (event.customer, version + 1, _encode(account).decode()))


class PostgresInbox:
    """asyncpg with prepared statements on one connection, which keeps the order. Each statement is a round trip; there
    are as many of them in a transaction of one message as in one of many."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._started = moments.prepared().started

    async def handle(self, messages: list[Msg]) -> None:
        async with self._connection.transaction():
            await (self._handle_all(messages) if len(messages) > 1 else self._handle_one(messages[0]))

    async def _handle_one(self, message: Msg) -> None:
        if await self._connection.fetchval(_NEW, _identity(message)) is None:
            return
        event = _decode_event(message.data)
        self._started(event.number)
        [(version, account)] = _accounts([event], await self._connection.fetch(_LOAD_ONE, event.customer)).values()
        _add(event, account)
        saved = await self._connection.fetch(_SAVE_ONE, account.id, version + 1, _encode(account).decode())
        _check(len(saved), 1)

    async def _handle_all(self, messages: list[Msg]) -> None:
        new = {row[0] for row in await self._connection.fetch(_ALL_NEW, [_identity(each) for each in messages])}
        events = [_decode_event(message.data) for message in messages if _identity(message) in new]
        accounts = _accounts(events, await self._connection.fetch(_LOAD_ALL, [event.customer for event in events]))
        for event in events:
            self._started(event.number)
            _add(event, accounts[event.customer][1])
        versions = [version + 1 for version, _ in accounts.values()]
        bodies = [_encode(account).decode() for _, account in accounts.values()]
        saved = await self._connection.fetch(_SAVE_ALL, list(accounts), versions, bodies)
        _check(len(saved), len(accounts))


async def opened(place: str) -> Inbox:
    """Empty, in the PostgreSQL of that address or in that folder."""
    if "://" not in place:
        return SqliteInbox(Path(place))
    connection = await asyncpg.connect(place)
    await connection.execute(_POSTGRES)
    return PostgresInbox(connection)


def _identity(message: Msg) -> str:
    headers = message.headers or {}
    return headers.get("id") or headers["correlation_id"]  # FastStream calls it so


def _accounts(events: list[OrderPlaced], rows: Iterable[Any]) -> dict[str, tuple[int, Account]]:
    """With their versions: those found and those that are new."""
    accounts = {event.customer: (0, Account(event.customer)) for event in events}
    return accounts | {id: (version, _decode_account(body)) for id, version, body in rows}


def _add(event: OrderPlaced, account: Account) -> None:
    account.owed += event.amount
    account.orders += 1


def _check(saved: int, expected: int) -> None:
    if saved != expected:
        raise RuntimeError(f"{expected - saved} accounts were changed by somebody else")
