"""Calls over Unix sockets: who serves an address listens in the folder of its name. One connection per call."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from uuid import uuid4

import msgspec

from remit.errors import BadMessage, OutcomeUnknown, Unavailable
from remit.transports import (
    DRAIN_SECONDS,
    Answering,
    CallCapabilities,
    CallRequest,
    CallResponse,
    ChannelSettings,
    fitting,
)

__all__ = ["SocketCalls", "open_calls"]

MAX_BYTES = 1 << 20
_LENGTH = 4


class SocketCalls:
    """Calls over the sockets in a folder."""

    def __init__(self, folder: str | Path) -> None:
        self.capabilities = CallCapabilities(max_bytes=MAX_BYTES, finds_services=True)
        self._folder = Path(folder)
        self._serving: dict[Path, asyncio.Server] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._turns = count()
        self._closed = False

    async def open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def close(self) -> None:
        self._closed = True
        for path, server in self._serving.items():
            path.unlink(missing_ok=True)
            server.close()
        if self._running:
            await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
        self.break_off()

    def break_off(self) -> None:
        """Ends at once, as the death of the process would: its sockets stay, and nobody listens to them."""
        self._closed = True
        for server in self._serving.values():
            server.close()
        for task in self._running:
            task.cancel()

    async def serve(self, address: str, answering: Answering) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            try:
                request = msgspec.msgpack.decode(await _read(reader), type=CallRequest)
                _write(writer, fitting(await answering(request), MAX_BYTES))
                await writer.drain()
            except (OSError, EOFError, msgspec.MsgspecError, asyncio.CancelledError):
                pass  # whoever asked has gone, or this process ends
            finally:
                writer.close()
                self._running.discard(task)

        path = self._folder / address / uuid4().hex[:12]
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._serving[path] = await asyncio.start_unix_server(answer, path, backlog=1000)

    async def call(self, address: str, request: CallRequest, seconds: float) -> CallResponse:
        if len(request.body) > MAX_BYTES:
            raise BadMessage(f"{len(request.body)} bytes", where=address, expected=f"at most {MAX_BYTES} bytes")
        reader, writer = await self._connected(address)
        try:
            async with asyncio.timeout(seconds):
                _write(writer, request)
                await writer.drain()
                return msgspec.msgpack.decode(await _read(reader), type=CallResponse)
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {seconds:.3f} s", where=address) from None
        except (OSError, EOFError) as error:
            raise OutcomeUnknown(f"the connection broke: {error}", where=address) from error
        finally:
            writer.close()

    async def _connected(self, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to one of those who serve an address. Raises `Unavailable` at once where nobody does."""
        folder = self._folder / address
        sockets = sorted(folder.iterdir()) if folder.is_dir() and not self._closed else []
        first = next(self._turns)
        for number in range(len(sockets)):
            try:
                return await asyncio.open_unix_connection(sockets[(first + number) % len(sockets)])
            except OSError:
                continue  # its process has died, or is just ending
        raise Unavailable("the channel is closed" if self._closed else "no process serves this address", where=address)


def _write(writer: asyncio.StreamWriter, message: CallRequest | CallResponse) -> None:
    frame = msgspec.msgpack.encode(message)
    writer.write(len(frame).to_bytes(_LENGTH))
    writer.write(frame)


async def _read(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(_LENGTH)))


def open_calls(settings: ChannelSettings) -> SocketCalls:
    """The channel at `sockets:/FOLDER`, not yet open."""
    return SocketCalls(settings.url.partition(":")[2])
