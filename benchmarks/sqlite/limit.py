"""The limit without group commit: plain sqlite3, one commit per command, prepared statements, and nothing in between.

The rows are those of remit's own schema: state with a version, a log with dense positions and predecessors in 16
partitions, and an idempotency row with fingerprint and outcome. It begins with `BEGIN IMMEDIATE`, because processes may
share the file.
"""

import hashlib
import itertools
import sqlite3
import time
from pathlib import Path
from zlib import crc32

import msgspec

from benchmarks import loops
from benchmarks.sampling import Sample, Work
from benchmarks.sqlite.orders import Placement, placement

_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE log (
    channel INTEGER NOT NULL, part INTEGER NOT NULL, pos INTEGER NOT NULL, id TEXT NOT NULL, prev TEXT NOT NULL,
    key TEXT NOT NULL, type TEXT NOT NULL, version INTEGER NOT NULL, at REAL NOT NULL, headers TEXT NOT NULL,
    payload TEXT NOT NULL, PRIMARY KEY (channel, part, pos)
);
CREATE TABLE idempotency (
    caller TEXT NOT NULL, key TEXT NOT NULL, fingerprint BLOB NOT NULL, outcome TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE TABLE state (
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
);
"""


class Line(msgspec.Struct, frozen=True):
    sku: str
    quantity: int
    price: int


class Placed(msgspec.Struct, frozen=True):
    order: str
    customer: str
    lines: tuple[Line, ...]
    total: int


class Order(msgspec.Struct):
    id: str
    customer: str = ""
    lines: tuple[Line, ...] = ()
    total: int = 0
    changes: int = 0


_encode = msgspec.json.Encoder().encode
_decode_order = msgspec.json.Decoder(Order).decode


def connect(path: Path) -> sqlite3.Connection:
    """A connection that commits durably; transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    connection.executescript(_SCHEMA)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


class Shop:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._ids = itertools.count()

    def place(self, command: Placement) -> str:
        execute = self._execute
        execute("BEGIN IMMEDIATE")
        known = execute("SELECT outcome FROM idempotency WHERE caller = ? AND key = ?", ("web", command.key)).fetchone()
        if known is not None:
            execute("ROLLBACK")
            return str(known[0])
        row = execute("SELECT version, body FROM state WHERE kind = ? AND id = ?", ("Order", command.order)).fetchone()
        version, order = (row[0], _decode_order(row[1])) if row else (0, Order(command.order))
        order.customer, order.total = command.customer, command.total
        order.lines = tuple(Line(*line) for line in command.lines)
        order.changes += 1
        self._keep(order, version)
        self._append(Placed(order.id, order.customer, order.lines, order.total))
        fingerprint = hashlib.blake2b(_encode(command), digest_size=16).digest()
        execute(
            "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)", ("web", command.key, fingerprint, order.id, time.time())
        )
        execute("COMMIT")
        return order.id

    def _keep(self, order: Order, version: int) -> None:
        body = _encode(order).decode()
        if version == 0:
            self._execute("INSERT INTO state VALUES (?, ?, 1, ?)", ("Order", order.id, body))
            return
        self._execute(
            "UPDATE state SET version = ?, body = ? WHERE kind = ? AND id = ? AND version = ?",
            (version + 1, body, "Order", order.id, version),
        )

    def _append(self, event: Placed) -> None:
        part = crc32(event.order.encode()) % 16
        last = "SELECT pos, id FROM log WHERE channel = 0 AND part = ? ORDER BY pos DESC LIMIT 1"
        pos, prev = self._execute(last, (part,)).fetchone() or (0, "")
        id, payload = f"{next(self._ids):032x}", _encode(event).decode()
        self._execute(
            "INSERT INTO log VALUES (0, ?, ?, ?, ?, ?, 'sales.Placed', 1, ?, '{}', ?)",
            (part, pos + 1, id, prev, event.order, time.time(), payload),
        )


def _run(work: Work, size: int = 0) -> Sample:
    shop = Shop(connect(work.folder / "orders.db"))
    return loops.threads_in_flight(work, 1, lambda number: shop.place(placement(number, size)))


def run(work: Work) -> Sample:
    return _run(work)


def run_1_kb(work: Work) -> Sample:
    return _run(work, 1_000)


def run_100_kb(work: Work) -> Sample:
    return _run(work, 100_000)


def run_1_mb(work: Work) -> Sample:
    return _run(work, 1_000_000)
