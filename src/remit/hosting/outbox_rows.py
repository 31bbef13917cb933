"""Rows of an outbox: made from messages, and staged in a transaction of the caller. Loaded with the first outbox."""

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
from remit.messages import Codec, Contract, key_text
from remit.stores.size import LARGEST_UNIT, too_large
from remit.stores.staging import Staged, stage, stage_async


class OutboxRows:
    """Makes and stages the rows of the messages in the outbox of a context."""

    def __init__(self, model: Model, context: Context[Any], schema: str, stir: Callable[[], None]) -> None:
        """`stir` is called after a row was staged."""
        self._schema = schema
        self._stir = stir
        self._where = repr(context)
        self._known: dict[type, tuple[Contract, Codec[Any], Callable[[Any], Any] | None]] = {}
        for message in context.outbox:
            contract = model.contracts[message]
            self._known[message] = contract, Codec(message), _field_of(contract.key)

    async def stage_async(self, connection: object, message: Any, key: str | None, *, later: bool = False) -> None:
        """Writes a row on a connection that is awaited. `later` marks a command that is sent for later.

        Raises `OutboxError`, `TooLarge`, `BadKey`, `BadValue`, and the errors of the connection.
        """
        await stage_async(connection, self._schema, self._row(message, key, LATER if later else ""))
        self._stir()

    def stage(self, connection: object, message: Any, key: str | None, *, later: bool = False) -> None:
        """`stage_async` on a connection that is not awaited."""
        stage(connection, self._schema, self._row(message, key, LATER if later else ""))
        self._stir()

    def _row(self, message: Any, key: str | None, more: str) -> Staged:
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
