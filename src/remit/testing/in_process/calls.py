"""Calls within one process, over an exchange in memory."""

from __future__ import annotations

import asyncio
import contextvars
from itertools import count

from remit.errors import BadMessage, OutcomeUnknown, Unavailable
from remit.transports.calls import DRAIN_SECONDS, Answering, CallCapabilities, CallRequest, CallResponse, fitting


class Exchange:
    """Shared by several `InProcessCalls`: the servers of each address, picked in turn."""

    def __init__(self) -> None:
        self._servers: dict[str, list[_Server]] = {}
        self._turns = count()

    def add(self, address: str, server: _Server) -> None:
        self._servers.setdefault(address, []).append(server)

    def remove(self, server: _Server) -> None:
        for servers in self._servers.values():
            if server in servers:
                servers.remove(server)

    def pick(self, address: str) -> _Server | None:
        """The next server of an address, or None."""
        servers = self._servers.get(address)
        return servers[next(self._turns) % len(servers)] if servers else None


class _Server:
    """A channel's server for one address. Its tasks run in the context in which serving began."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._context = contextvars.copy_context()
        self.running: dict[asyncio.Task[CallResponse], None] = {}  # ordered, so that a simulated run repeats exactly

    def begin(self, request: CallRequest) -> asyncio.Task[CallResponse]:
        task = asyncio.create_task(self._answer(request), context=self._context.copy())
        self.running[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[CallResponse]) -> None:
        self.running.pop(task, None)

    async def _answer(self, request: CallRequest) -> CallResponse:
        return await self._answering(request)


class InProcessCalls:
    """A call channel over an exchange in memory."""

    def __init__(self, exchange: Exchange, *, max_bytes: int = 1 << 20) -> None:
        self.capabilities = CallCapabilities(max_bytes=max_bytes, finds_services=True)
        self._exchange = exchange
        self._servers: list[_Server] = []
        self._closed = False

    async def open(self) -> None:
        """Does nothing."""

    async def close(self) -> None:
        self._leave()
        running = [task for server in self._servers for task in server.running]
        if running:
            await asyncio.wait(running, timeout=DRAIN_SECONDS)
        self.break_off()

    def break_off(self) -> None:
        """Closes at once, like a crash of the process: running requests are not answered."""
        self._leave()
        for server in self._servers:
            for task in server.running:
                task.cancel()

    def _leave(self) -> None:
        self._closed = True
        for server in self._servers:
            self._exchange.remove(server)

    async def serve(self, address: str, answering: Answering) -> None:
        server = _Server(answering)
        self._servers.append(server)
        self._exchange.add(address, server)

    async def call(self, address: str, request: CallRequest, seconds: float) -> CallResponse:
        largest = self.capabilities.max_bytes
        if len(request.body) > largest:
            raise BadMessage(f"{len(request.body)} bytes", where=address, expected=f"at most {largest} bytes")
        if self._closed:
            raise Unavailable("the channel is closed", where=address)
        server = self._exchange.pick(address)
        if server is None:
            raise Unavailable("no process serves this address", where=address)
        task = server.begin(request)
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise OutcomeUnknown(f"no answer within {seconds:.3f} s", where=address)
        if task.cancelled():
            raise OutcomeUnknown("the service ended before it answered", where=address)
        return fitting(task.result(), largest)
