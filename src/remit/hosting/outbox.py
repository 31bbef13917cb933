"""The outbox for code with its own transaction: publishes events and sends commands for later in that transaction."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from operator import attrgetter
from typing import Any
from zlib import crc32

from remit.contexts import Context, Model
from remit.errors import OutboxError
from remit.log import LATER, write_headers
from remit.messages import Codec, Command, Contract, IntegrationEvent, key_text
from remit.stores.size import LARGEST_UNIT, too_large
from remit.stores.staging import Staged, stage, stage_async


class _OutboxRows:
    """Makes the rows of the messages in the outbox of a context."""

    def __init__(self, model: Model, context: Context[Any], schema: str, stir: Callable[[], None]) -> None:
        """`stir` is called after a row was staged."""
        self._schema = schema
        self._stir = stir
        self._where = repr(context)
        self._known: dict[type, tuple[Contract, Codec[Any], Callable[[Any], Any] | None]] = {}
        for message in context.outbox:
            contract = model.contracts[message]
            self._known[message] = contract, Codec(message), _field_of(contract.key)

    def _row(self, message: Any, key: str | None, more: str = "") -> Staged:
        """The row of a message. `more` are further headers, each preceded by a comma.

        Raises `OutboxError`, `TooLarge`, `BadKey` and `BadValue`.
        """
        known = self._known.get(message.__class__)
        name = message.__class__.__name__
        if known is None:
            raise OutboxError(
                f"{name} is not in this outbox", where=self._where,
                expected=", ".join(sorted(each.__name__ for each in self._known)) or "a context with an outbox",
                next=f"declare it: {self._where[:-1]}, outbox=[..., {name}])",
            )  # fmt: skip
        contract, codec, own_key = known
        if (own_key is None) is (key is None):
            raise OutboxError(
                f"{name} needs an ordering key" if key is None else f"{name} has an ordering key of its own",
                where=self._where, expected="exactly one key: messages of one key are handled in order",
                next=f'class {name}(..., key="<field>"), or key=... in the call, not both',
            )  # fmt: skip
        key = key_text(key if own_key is None else own_key(message), "ordering key", contract.type)
        id = f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"  # the port `Ids` is not thread-safe
        headers = write_headers(id, id, more)
        encoded = codec.write(message)
        if len(encoded) > LARGEST_UNIT:
            raise too_large(len(encoded), f"{name} has", self._where)
        payload = encoded.decode()
        part = str(crc32(key.encode()))
        return Staged(part, key, id, contract.type, contract.version, time.time(), headers, payload)


def _field_of(name: str | None) -> Callable[[Any], Any] | None:
    return None if name is None else attrgetter(name)


class Outbox(_OutboxRows):
    """Publishes and sends in a transaction of the caller, on a connection that is awaited: one of asyncpg, an
    `AsyncConnection` of psycopg 3, or an `AsyncSession` or `AsyncConnection` of SQLAlchemy.

    Messages of a committed transaction are delivered once, in order per key; messages of one that was rolled back are
    not delivered. `key` is needed for a message whose class names no key field, and only then.

    Both methods raise `OutboxError` (the message is not in the outbox, the key is missing or given twice, or the
    connection cannot be used), `TooLarge` (more than 16 MiB), `BadKey`, `BadValue`, and the errors of the connection.
    """

    async def publish(self, connection: object, event: IntegrationEvent, /, *, key: str | None = None) -> None:
        """Publishes an integration event when the transaction commits."""
        await stage_async(connection, self._schema, self._row(event, key))
        self._stir()

    async def send(self, connection: object, command: Command[Any, Any], /, *, key: str | None = None) -> None:
        """Sends a command for later when the transaction commits. It is applied once, and has no reply."""
        await stage_async(connection, self._schema, self._row(command, key, LATER))
        self._stir()


class SyncOutbox(_OutboxRows):
    """`Outbox` for a connection that is not awaited: a `Session` or `Connection` of SQLAlchemy, a connection of psycopg
    3, or `django.db.connection`. Thread-safe."""

    def publish(self, connection: object, event: IntegrationEvent, /, *, key: str | None = None) -> None:
        """See `Outbox.publish`."""
        stage(connection, self._schema, self._row(event, key))
        self._stir()

    def send(self, connection: object, command: Command[Any, Any], /, *, key: str | None = None) -> None:
        """See `Outbox.send`."""
        stage(connection, self._schema, self._row(command, key, LATER))
        self._stir()
