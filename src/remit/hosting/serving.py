"""Serves the HTTP edge in the process that runs the system: its socket, and a server that can be stopped."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.read_models import looking_after
from remit.observability import Health
from remit.runtime import Host

BACKLOG = 2048
DRAIN_SECONDS = 10
"""The seconds that running requests may take after the process was told to end."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, opened before anything else starts. Raises `Failure` if it cannot be opened."""
    where = f"{host}:{port}"
    if not 0 <= port <= 65535:
        raise Failure("port.invalid", f"{port} is not a port", where=where, expected="0 to 65535", next="--port 8000")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        door = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _refused(error, where) from None
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen(BACKLOG)
    except OSError as error:
        door.close()
        raise _refused(error, where) from None
    door.setblocking(False)
    return door


def _refused(error: OSError, where: str) -> Failure:
    if error.errno == errno.EADDRINUSE:
        return Failure("port.taken", "another program listens on this port", where=where, expected="a free port",
                       next="end that program, or choose another port: --port 0 takes any free one")  # fmt: skip
    if error.errno == errno.EACCES:
        return Failure("port.forbidden", "this user may not listen on this port", where=where,
                       expected="a port from 1024 on", next="--port 8000")  # fmt: skip
    return Failure("host.unusable", f"cannot listen on this address: {error.strerror}", where=where,
                   expected="an address of this machine", next="--host 127.0.0.1")  # fmt: skip


class EdgeSettings(NamedTuple):
    """The limits of the edge: `max_body` in bytes, `max_deadline` in seconds, `max_requests` at the same time. `docs`:
    whether the page with the routes is served."""

    max_body: int = 1_000_000
    max_deadline: float = 60.0
    max_requests: int = 1000
    docs: bool = True


class Doors:
    """Serves the HTTP edge of a running system on a socket.

    Construction raises `ModelError` with every wrong route, and `Failure` if the server is not installed.
    """

    def __init__(self, system: System, host: Host, door: socket.socket, limits: EdgeSettings) -> None:
        try:
            import uvicorn
        except ModuleNotFoundError:
            raise Failure(
                "http.extra-missing", "serving HTTP needs uvicorn, which is not installed", where="remit run",
                expected="remit installed with its http extra", next="pip install 'remit[http]'",
            ) from None  # fmt: skip
        from remit.edges.http import HttpApp
        from remit.hosting.connections import HEAD_BYTES, IDLE_SECONDS, parsed_in_c, parsed_in_python, room_for

        class Server(uvicorn.Server):
            """Leaves signals to `told_to_end`, and sets an event when it has started."""

            @contextlib.contextmanager
            def capture_signals(self) -> Generator[None]:
                yield

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                begun.set()

        begun = self._begun = asyncio.Event()
        self._health = Health(host)
        self._door = door
        self._ending = False
        self.url = _url(door)
        edge = HttpApp(system, host, **limits._asdict(), ready=self._readiness, status=self._status)
        room = room_for(limits.max_body)
        try:
            connections = parsed_in_c(room)
        except ModuleNotFoundError:
            connections = parsed_in_python(room)
        self._server = Server(
            uvicorn.Config(
                edge,
                http=connections,
                h11_max_incomplete_event_size=HEAD_BYTES,
                ws="none",
                backlog=BACKLOG,
                timeout_keep_alive=IDLE_SECONDS,
                lifespan="off",
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=DRAIN_SECONDS,
                proxy_headers=False,  # the edge uses neither the address of the client nor the scheme
            )
        )
        self._serving: asyncio.Task[None]

    async def _readiness(self) -> dict[str, Any]:
        """Whether this process can serve: it has started, is not about to end, and its stores are usable."""
        unusable = await self._health.unusable()
        return {"ready": self._begun.is_set() and not self._ending and not unusable, "unusable": unusable}

    async def _status(self) -> dict[str, Any]:
        """What in this process is stuck or unusable."""
        unusable, followers = await self._health.unusable(), await self._health.followers()
        models = self._health.models()
        well = not unusable and all(each.well for each in followers) and all(each.well for each in models)
        promised = {"models": models} if models else {}
        return {"well": well, "subscriptions": followers, "unusable": unusable, **promised}

    async def open(self) -> None:
        """Starts the server and returns when it answers requests. Raises the error of a failed start."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._door]), name="http")
        await self._until(self._begun)
        if self._serving.done():
            await self._serving

    async def serve_until(self, ending: asyncio.Event) -> None:
        """Serves until the event is set. Then accepts no further requests and finishes the running ones."""
        await self._until(ending)
        self._ending = True
        self._server.should_exit = True
        await self._serving

    async def _until(self, event: asyncio.Event) -> None:
        """Waits until the event is set or the server has ended."""
        waiting = asyncio.create_task(event.wait())
        await asyncio.wait({self._serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()


def _url(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(host: Host, doors: Doors | None, ending: asyncio.Event, ready: Callable[[str | None], None]) -> None:
    """Starts the process, calls `ready` with its URL, serves until the event `ending` is set, and drains."""
    try:
        await host.start()
        async with looking_after(host):
            if doors is None:
                ready(None)
                await ending.wait()
            else:
                await doors.open()
                ready(doors.url)
                await doors.serve_until(ending)
    finally:
        await host.stop()
