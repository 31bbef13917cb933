"""The outbox for code with its own transaction: publishes events and sends commands for later in that transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.messages import Command, IntegrationEvent

if TYPE_CHECKING:  # `import remit` loads nothing of logs and stores
    from remit.hosting.outbox_rows import OutboxRows


class Outbox:
    """Publishes and sends in a transaction of the caller, on a connection that is awaited: one of asyncpg, an
    `AsyncConnection` of psycopg 3, or an `AsyncSession` or `AsyncConnection` of SQLAlchemy.

    Messages of a committed transaction are delivered once, in order per key; messages of one that was rolled back are
    not delivered. `key` is needed for a message whose class names no key field, and only then.

    Both methods raise `OutboxError` (the message is not in the outbox, the key is missing or given twice, or the
    connection cannot be used), `TooLarge` (more than 16 MiB), `BadKey`, `BadValue`, and the errors of the connection.
    """

    def __init__(self, rows: OutboxRows) -> None:
        self._rows = rows

    async def publish(self, connection: object, event: IntegrationEvent, /, *, key: str | None = None) -> None:
        """Publishes an integration event when the transaction commits."""
        await self._rows.stage_async(connection, event, key)

    async def send(self, connection: object, command: Command[Any, Any], /, *, key: str | None = None) -> None:
        """Sends a command for later when the transaction commits. It is applied once, and has no reply."""
        await self._rows.stage_async(connection, command, key, later=True)


class SyncOutbox:
    """`Outbox` for a connection that is not awaited: a `Session` or `Connection` of SQLAlchemy, a connection of psycopg
    3, or `django.db.connection`. Thread-safe."""

    def __init__(self, rows: OutboxRows) -> None:
        self._rows = rows

    def publish(self, connection: object, event: IntegrationEvent, /, *, key: str | None = None) -> None:
        """See `Outbox.publish`."""
        self._rows.stage(connection, event, key)

    def send(self, connection: object, command: Command[Any, Any], /, *, key: str | None = None) -> None:
        """See `Outbox.send`."""
        self._rows.stage(connection, command, key, later=True)
