"""A pooler in transaction mode, as PgBouncer is one: each transaction of a client may run on another connection.

It runs each on the connection that has rested longest, so a client hardly ever gets the same one twice; what outlives a
transaction there (a setting, a prepared statement) is missing from the next one at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

__all__ = ["pooler_to"]

_CONNECTIONS = 8
_PROTOCOL = 196608
_SSL = 80877103
_CANCEL = 80877102
_READY = b"Z"
_ENDS_A_TURN = b"QS"
"""Questions after which the server says how the transaction stands: a simple query, and Sync."""


class _Server:
    """A connection to the server that has been let in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.greeting: list[bytes] = []


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


async def _log_in(host: str, port: int, user: str, database: str) -> _Server:
    server = _Server(*await asyncio.open_connection(host, port))
    values = b"".join(part.encode() + b"\0" for part in ("user", user, "database", database)) + b"\0"
    server.writer.write(struct.pack("!ii", len(values) + 8, _PROTOCOL) + values)
    while (message := await _message(server.reader))[:1] != _READY:
        if message[:1] == b"S":
            server.greeting.append(message)
    return server


class _Pooler:
    def __init__(self, address: str) -> None:
        self._parts = urlsplit(address)
        self._resting: deque[_Server] = deque()
        self._free = asyncio.Semaphore(_CONNECTIONS)
        self._clients: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    @property
    def address(self) -> str:
        assert self._listener is not None
        host, port = self._listener.sockets[0].getsockname()
        return urlunsplit(self._parts._replace(netloc=f"{self._parts.username}@{host}:{port}"))

    async def open(self) -> None:
        for _ in range(_CONNECTIONS):
            self._resting.append(await self._connect())
        self._listener = await asyncio.start_server(self._take, "127.0.0.1", 0)

    async def _connect(self) -> _Server:
        parts = self._parts
        user, database = parts.username or "", parts.path.lstrip("/")
        return await _log_in(parts.hostname or "", parts.port or 5432, user, database)

    async def close(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        for server in self._resting:
            server.writer.close()
            await server.writer.wait_closed()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if await self._greet(reader, writer):
                asking = asyncio.create_task(_message(reader))
                while (message := await asking)[:1] != b"X":
                    asking = await self._transaction(message, reader, writer)
        writer.transport.abort()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        while True:
            length, code = struct.unpack("!ii", await reader.readexactly(8))
            await reader.readexactly(length - 8)
            if code == _CANCEL:
                return False
            if code != _SSL:
                break
            writer.write(b"N")
        writer.write(b"R\0\0\0\x08\0\0\0\0" + b"".join(self._resting[0].greeting))
        writer.write(b"K" + struct.pack("!iii", 12, 1, 1))  # a process that is none, as poolers tell it
        writer.write(b"Z\0\0\0\x05I")
        return True

    async def _transaction(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> asyncio.Task[bytes]:
        """Carries one transaction. What the client asks next is for another connection."""
        async with self._free:
            server = self._resting.popleft()
            try:
                return await _carry(server, first, reader, writer)
            except BaseException:
                # The client has gone in the middle of a transaction: so does the connection it was on.
                server.writer.transport.abort()
                server = await self._connect()
                raise
            finally:
                self._resting.append(server)


async def _carry(
    server: _Server, message: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> asyncio.Task[bytes]:
    server.writer.write(message)
    turns = int(message[:1] in _ENDS_A_TURN)
    asking = asyncio.create_task(_message(reader))
    answering = asyncio.create_task(_message(server.reader))
    try:
        while True:
            await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                writer.write(answer := answering.result())
                turns -= answer[:1] == _READY
                if answer[:1] == _READY and answer[5:] == b"I" and not turns:
                    return asking
                answering = asyncio.create_task(_message(server.reader))
            elif asking.done():
                server.writer.write(message := asking.result())
                turns += message[:1] in _ENDS_A_TURN
                asking = asyncio.create_task(_message(reader))
    except BaseException:
        asking.cancel()
        raise
    finally:
        answering.cancel()


@asynccontextmanager
async def pooler_to(address: str) -> AsyncGenerator[str]:
    """The address of a pooler before the server at an address that has no query."""
    pooler = _Pooler(address)
    await pooler.open()
    try:
        yield pooler.address
    finally:
        await pooler.close()
