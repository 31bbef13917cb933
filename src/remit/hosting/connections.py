"""Limits for connections to the HTTP edge: uvicorn limits neither the size nor the duration of a request head.

No request object exists before the head is complete, so the limits apply where bytes arrive. Until then, no handler
has started.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from remit.edges.http import DRAINED, answer_before_request

HEAD_BYTES = 32 << 10
"""The largest head of a request, in bytes: its first line and its headers."""
HEAD_SECONDS = 10.0
"""How long a head may take, in seconds, and how long a new connection may wait before it sends one."""
IDLE_SECONDS = 5
"""How long a connection is kept open after an answer, in seconds."""
CONNECTIONS = 10_000
"""The most open connections. Never more than half of the files that the process may open."""


class Room(NamedTuple):
    """The limits of connections. Sizes in bytes, times in seconds."""

    connections: int
    drained: int
    head_bytes: int = HEAD_BYTES
    head_seconds: float = HEAD_SECONDS


def room_for(max_body: int) -> Room:
    """The limits of connections whose request bodies have at most `max_body` bytes."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = CONNECTIONS if files == resource.RLIM_INFINITY else min(CONNECTIONS, files // 2)
    return Room(most, max_body * DRAINED)


class _Gate:
    """Watches the incoming bytes of one connection while no request is handled."""

    def __init__(self, transport: asyncio.Transport, room: Room, connections: int) -> None:
        self._transport = transport
        self._room = room
        self.request_bytes = 0
        """The bytes of one request, including bytes that no handler sees, such as chunk headers and trailers."""
        self._taken = 0
        self._timer: asyncio.TimerHandle | None = None
        if connections > room.connections:
            transport.abort()
        else:
            self._arm()

    def took(self, size: int, *, handling: bool, in_body: bool) -> None:
        """Counts bytes that were read. `in_body`: the body of a request is incomplete."""
        if self.request_bytes > self._room.head_bytes + self._room.drained:
            self._transport.abort()
        if handling:
            self._taken = 0
            self.end()
            return
        self._taken += size
        if self._taken > (self._room.drained if in_body else self._room.head_bytes):
            self.refuse("" if in_body else "http.large-head")
        elif self._timer is None:
            self._arm()

    def refuse(self, code: str) -> None:
        """Closes the connection. With a code, it first answers with this problem."""
        self.end()
        if not self._transport.is_closing():
            if code:
                self._transport.write(answer_before_request(code))
            self._transport.close()

    def end(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._room.head_seconds, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self.refuse("http.slow-head" if 0 < self._taken <= self._room.head_bytes else "")


def _is_handling(cycle: Any) -> bool:
    return cycle is not None and not cycle.response_complete


def _size_of(headers: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + len(b": \r\n") for name, value in headers)


class _Gated(asyncio.Protocol):
    """A connection of the server with a gate. Must precede the class of the server in the bases."""

    room: Room
    connections: set[Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.gate = _Gate(cast("asyncio.Transport", transport), self.room, len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        self.gate.end()
        super().connection_lost(exc)


def parsed_in_c(limits: Room) -> type[asyncio.Protocol]:
    """The connection class for the server, with these limits. Raises `ModuleNotFoundError` without its parser."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Connection(_Gated, HttpToolsProtocol):
        room = limits
        in_body = False
        largest = 0
        """The size of the largest piece that arrived. A head in a small piece is small."""

        def data_received(self, data: bytes) -> None:
            self.largest = max(self.largest, len(data))
            self.gate.request_bytes += len(data)
            super().data_received(data)
            self.gate.took(len(data), handling=_is_handling(self.cycle), in_body=self.in_body)

        def on_message_begin(self) -> None:
            self.gate.request_bytes = 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            largest = limits.head_bytes
            if self.largest > largest and len(self.url) + _size_of(self.headers) > largest:
                self.gate.refuse("http.large-head")
                raise ValueError("the head is too large")  # ends the parsing
            self.in_body = True
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self.in_body = False
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            if not self.transport.is_closing():
                super().send_400_response(msg)

    return Connection


def parsed_in_python(limits: Room) -> type[asyncio.Protocol]:
    """The same with the parser in Python, which itself limits the size of an incomplete head."""
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Connection(_Gated, H11Protocol):
        room = limits

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            in_body = self.conn.their_state is h11.SEND_BODY
            self.gate.took(len(data), handling=_is_handling(self.cycle), in_body=in_body)

    return Connection
