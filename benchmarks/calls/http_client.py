"""The client of every HTTP variant: 32 connections that are kept, each sends its next request on its last answer."""

import asyncio
from typing import Any

from benchmarks import sampling
from benchmarks.calls import processes
from benchmarks.calls.words import BODY, read_total
from benchmarks.sampling import Sample, Stopwatch, Work

CONNECTIONS = 32


class _Caller(asyncio.Protocol):
    def __init__(self, request: bytes) -> None:
        self.answers = 0
        self.failure: Exception | None = None
        self._request = request
        self._received = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        before, _, after = head.lower().partition(b"content-length:")
        size = int(after.partition(b"\r\n")[0])
        if len(body) < size:
            return
        if not before.startswith(b"http/1.1 200") or read_total(body).total != 1251:
            self.failure = RuntimeError(self._received.decode(errors="replace"))
            return
        self._received = b""
        self.answers += 1
        self._transport.write(self._request)


async def _drive(work: Work, port: int, process: int) -> Sample:
    request = (
        f"POST /orders HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY
    loop = asyncio.get_running_loop()
    callers = [
        (await loop.create_connection(lambda: _Caller(request), "127.0.0.1", port))[1] for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(work.pick(1.0, 0.1))
    before, cpu, watch = _answers(callers), processes.cpu_seconds(process), Stopwatch()
    await asyncio.sleep(work.pick(3.0, 0.2))
    answers, cpu, seconds = _answers(callers) - before, processes.cpu_seconds(process) - cpu, watch.seconds
    return Sample(cpu / answers * 1e6, {"per_second": answers / seconds})


def _answers(callers: list[_Caller]) -> int:
    for caller in callers:
        if caller.failure is not None:
            raise caller.failure
    return sum(caller.answers for caller in callers)


def measure(work: Work, port: int, *server: str) -> Sample:
    """CPU of the server's process per request, in µs."""
    with processes.running(*server) as process:
        processes.wait_for(port)
        return sampling.run_async(_drive(work, port, process))
