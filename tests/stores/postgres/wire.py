"""The wire between a store and its server, which a test can cut at the moment that matters."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

Way = Literal["question", "answer"]


class Wire:
    """Carries connections on to a server. `cut_at` cuts the one that next sends something, which is then lost."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._parts = parts
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._cut: Way | None = None
        self._mark = b""
        self.cuts = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """The server's address by way of this wire."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        user = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{user}@{host}:{port}"))

    def cut_at(self, way: Way, mark: str) -> None:
        """Cuts the connection whose next question holds the mark: before the question, or before its answer."""
        self._cut, self._mark = way, mark.encode()

    def cut_all(self) -> None:
        """Cuts every connection, for the client only: the server goes on with what it was asked."""
        for writer in self._clients:
            writer.transport.abort()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._clients.append(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            back, onward = await asyncio.open_connection(*self._target)
            asked = asyncio.Event()
            ways = [
                asyncio.create_task(self._carry("question", asked, reader, onward)),
                asyncio.create_task(self._carry("answer", asked, back, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                # The client is told at once; the server as the client would tell it, so it ends what it is doing.
                writer.transport.abort()
                onward.close()

    async def _carry(
        self, way: Way, asked: asyncio.Event, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(1 << 20):
            if way == "question" and self._cut is not None and self._mark in data:
                asked.set()
            if self._cut == way and asked.is_set():
                self._cut = None
                self.cuts += 1
                return
            target.write(data)
            await target.drain()


@asynccontextmanager
async def wire_to(target: str) -> AsyncGenerator[Wire]:
    """A wire that is open for the block."""
    wire = Wire(target)
    await wire.open()
    try:
        yield wire
    finally:
        await wire.close()
