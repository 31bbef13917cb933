"""A network between two processes that a test can spoil: a TCP proxy that cuts, swallows, resets and delays."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from tests.servers.ports import HOST, free_port

__all__ = ["Proxy"]

_RESET = struct.pack("ii", 1, 0)
"""Linger for no time: closing sends a reset."""


class Proxy:
    """Carries connections made to `place` on to `target`, both `host:port`. It is whole until told otherwise."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.latency = 0.0
        """Seconds that each piece of data takes, in each direction."""
        self.swallowed = asyncio.Event()
        """Set once data has been swallowed."""
        self._black_hole = False
        self._port = free_port()
        self._listener: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()

    @property
    def place(self) -> str:
        return f"{HOST}:{self._port}"

    async def heal(self) -> None:
        """Everything works, for new connections and for those that are left."""
        self._black_hole, self.latency = False, 0.0
        if self._listener is None:
            self._listener = await asyncio.start_server(self._take, HOST, self._port, backlog=1000)

    def swallow(self) -> None:
        """Connections are taken and stay; whatever is sent disappears, in both directions."""
        self._black_hole = True
        self.swallowed.clear()

    def reset(self) -> None:
        """All connections are reset; new ones are taken."""
        for writer in list(self._open):
            raw: socket.socket | None = writer.get_extra_info("socket")
            if raw is not None and raw.fileno() >= 0:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    async def cut(self) -> None:
        """All connections are reset, new ones are refused."""
        listener, self._listener = self._listener, None
        if listener is not None:
            for each in listener.sockets:
                asyncio.get_running_loop().remove_reader(each.fileno())
            await asyncio.sleep(0)  # what has just been accepted cannot be taken once the listener is closed
            listener.close()
        self.reset()

    async def close(self) -> None:
        await self.cut()
        await asyncio.sleep(0)  # what was accepted before is taken now
        while self._carrying:
            self.reset()
            await asyncio.wait(self._carrying)
        await asyncio.sleep(0)  # an aborted connection closes its socket in the next turn of the loop

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._listener is None:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        self._open.add(writer)
        onward: asyncio.StreamWriter | None = None
        try:
            host, _, port = self.target.rpartition(":")
            back, onward = await asyncio.open_connection(host, int(port))
            self._open.add(onward)
            ways = self._carry(reader, onward), self._carry(back, writer)
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            for end in (writer, onward):
                if end is not None:
                    end.transport.abort()
                    self._open.discard(end)
            self._carrying.discard(task)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if self.latency:
                    await asyncio.sleep(self.latency)
                if self._black_hole:
                    self.swallowed.set()
                else:
                    target.write(data)
                    await target.drain()
        target.transport.abort()
