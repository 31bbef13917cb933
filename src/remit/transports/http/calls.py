"""Calls over HTTP/1.1: a pool of persistent connections to each replica of a service, and a server.

A request is `POST /remit/<address>`: its kind, its speaker and its headers are HTTP headers, its body the body. With
keys it carries a proof of the service that makes it, which `keys` describes. A response is `200` with
its status in `remit-status`. A request that the server rejects before it is processed is answered with another HTTP
status and `remit-refused`. A response with neither comes from something in between, such as a proxy, which may have
delivered the request: the outcome is unknown.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from remit.errors import BadMessage, ChannelError, OutcomeUnknown, Unavailable
from remit.transports.calls import DRAIN_SECONDS, Answering, CallCapabilities, CallRequest, CallResponse, fitting
from remit.transports.technology import ChannelSettings

if TYPE_CHECKING:  # loads the cryptographic library, which only channels with keys need
    from remit.transports.http.keys import Keys, Peer

MAX_BYTES = 1 << 20
"""As much as a NATS server carries by default, so that what fits one channel fits the other."""
HEADER_BYTES = 8000
"""The largest header. HTTP servers accept this much; a proxy or server on the way would reject a larger one."""
CONNECT_SECONDS = 2.0
"""A replica that does not accept a connection within this time is skipped."""
IDLE_SECONDS = 30.0
"""The client closes an idle connection after this time; the server keeps it twice as long."""

_KIND, _STATUS, _REFUSED = "remit-kind", "remit-status", "remit-refused"
_SPEAKER, _PROOF = "remit-speaker", "remit-proof"
_FOLDER = "/remit/"
_UNTYPED = "application/octet-stream"
_AN_ANSWER = "an answer of the service"


class HttpCalls:
    """Calls over HTTP. `addresses` maps an address to the `host:port`s that serve it; it may change later.

    `listen` is the `host:port` on which this process serves, with port 0 for any free one; `listening` tells the actual
    one. With `keys`, each request proves which service makes it: `peers` are the services at the places that are
    called, and a request without a valid proof is handed on as refused. Without keys, every caller is believed.
    """

    def __init__(
        self,
        addresses: Mapping[str, Sequence[str]],
        *,
        listen: str | None = None,
        keys: Keys | None = None,
        peers: Mapping[str, Peer] | None = None,
    ) -> None:
        self.capabilities = CallCapabilities(max_bytes=MAX_BYTES, finds_services=False)
        self.listening: str | None = None
        self._addresses = addresses
        self._listen = listen
        self._keys = keys
        self._peers: Mapping[str, Peer] = {} if peers is None else peers
        self._turns = count()
        self._session: aiohttp.ClientSession | None = None
        self._server = _Server(keys)

    async def open(self) -> None:
        if self._listen is not None:
            self.listening = await self._server.listen(self._listen)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
        )

    async def close(self) -> None:
        await self._server.close()
        if self._session is not None:
            await self._session.close()

    async def serve(self, address: str, answering: Answering) -> None:
        self._server.served[f"{_FOLDER}{address}"] = answering

    async def call(self, address: str, request: CallRequest, seconds: float) -> CallResponse:
        if len(request.body) > MAX_BYTES:
            raise _too_large(f"{len(request.body)} bytes", address)
        for name, value in request.headers.items():
            if len(value) > HEADER_BYTES:
                raise BadMessage(
                    f"the header {name} has {len(value)} bytes", where=address,
                    expected=f"at most {HEADER_BYTES} bytes", next="a shorter key, or shorter carried headers",
                )  # fmt: skip
        replicas = self._addresses.get(address, ())
        if not replicas:
            raise Unavailable(
                "no process serves this address", where=address, expected="a service of the topology",
                next="add the component to a service, and give that service `calls`",
            )  # fmt: skip
        until = asyncio.get_running_loop().time() + seconds
        turn = next(self._turns)
        for attempt in range(len(replicas)):
            replica = replicas[(turn + attempt) % len(replicas)]
            try:
                return await self._call(replica, address, request, until - asyncio.get_running_loop().time())
            except Unavailable:
                if attempt + 1 == len(replicas) or asyncio.get_running_loop().time() >= until:
                    raise
        raise AssertionError("the last replica answers or raises")

    async def _call(self, replica: str, address: str, request: CallRequest, seconds: float) -> CallResponse:
        """One attempt at one replica. The connect timeout is shorter than the whole, so that a timeout of the whole
        always means that the request was sent."""
        session = self._session
        if session is None or session.closed:
            raise Unavailable(
                "the channel is closed", where=address, expected="an open channel",
                next="call between the start and the end of this process",
            )  # fmt: skip
        where = f"{address} at {replica}"
        headers = {**request.headers, _KIND: request.kind}
        if request.speaker:
            headers[_SPEAKER] = request.speaker
        peer = self._peers.get(replica)
        if self._keys is not None and peer is not None:
            headers[_PROOF] = self._keys.prove(peer, address, request)
        timeout = aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_SECONDS, 0.9 * seconds))
        try:
            async with session.post(
                f"http://{replica}{_FOLDER}{address}",
                data=request.body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                answer, seal = self._read(response, await response.read(), where)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise Unavailable(
                f"no connection to {replica}: {_cause(error)}", where=where, expected="a service that listens there",
                next="start the service, or correct its `calls`; then call again, a command with the same key",
            ) from None  # fmt: skip
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {seconds:.3f} s", where=where, expected=_AN_ANSWER) from None
        except (aiohttp.ClientError, OSError) as error:
            raise OutcomeUnknown(
                f"the connection broke: {type(error).__name__}: {error}", where=where, expected=_AN_ANSWER
            ) from None
        if self._keys and peer and not self._keys.is_sealed(peer, headers[_PROOF], answer, seal):
            raise OutcomeUnknown(
                f"the answer does not prove that {peer.name} gave it", where=where, expected=_AN_ANSWER,
                next=f"find out what answers there; compare the public key of {peer.name} in the topology",
            )  # fmt: skip
        return answer

    def _read(self, response: aiohttp.ClientResponse, body: bytes, where: str) -> tuple[CallResponse, str]:
        """The answer, and its proof. Raises the error for a response that is none of the service."""
        status = response.headers.get(_STATUS)
        if response.status == 200 and status is not None:
            headers = _carried(response.headers)
            seal = headers.pop(_PROOF, "")
            return CallResponse(status, headers, body), seal
        said = f"HTTP status {response.status}: {body[:200].decode(errors='replace')}"
        if _REFUSED not in response.headers:
            raise OutcomeUnknown(
                f"not answered by the service, but by something in between, with {said}", where=where,
                expected=_AN_ANSWER, next="send it again with the same key; look at the proxy between the services",
            )  # fmt: skip
        if response.status == 413:
            raise _too_large("the request", where)
        raise Unavailable(
            f"rejected with {said}", where=where, expected="a running service of the same topology",
            next="call again, a command with the same key",
        )  # fmt: skip


class _Server:
    """The server of a channel."""

    def __init__(self, keys: Keys | None) -> None:
        self.served: dict[str, Answering] = {}
        self._keys = keys
        self._running = 0
        self._idle = asyncio.Event()
        self._closing = False
        self._runner: web.ServerRunner | None = None

    async def listen(self, place: str) -> str:
        """Begins to listen, and returns the actual `host:port`. Raises `ChannelError`."""
        host, _, port = place.rpartition(":")
        server = web.Server(self._handle, access_log=None, keepalive_timeout=2 * IDLE_SECONDS)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host.strip("[]"), int(port), backlog=1024).start()
        except (OSError, ValueError, OverflowError) as error:
            await self._runner.cleanup()
            raise ChannelError(
                f"cannot listen: {error}", where=place, expected="a free host:port of this machine",
                next="give the service another `calls` address in the topology",
            ) from None  # fmt: skip
        return f"{host}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        self._closing = True
        if self._runner is None:
            return
        for site in list(self._runner.sites):
            await site.stop()
        if self._running:
            self._idle.clear()
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._idle.wait()
            except TimeoutError:
                pass
        await self._runner.cleanup()
        self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answering = self.served.get(request.path)
        if refused := self._refused(request, answering):
            status, why = refused
            response = web.Response(status=status, text=why, headers={_REFUSED: "1"})
            response.force_close()
            return response
        assert answering is not None  # noqa: S101  # refused otherwise
        self._running += 1
        try:
            asked = self._unbelieved(request) or self._read(request, await request.read())
            answer = fitting(await answering(asked), MAX_BYTES)
            headers = {**answer.headers, _STATUS: answer.status}
            if self._keys is not None:
                headers[_PROOF] = self._keys.seal(request.headers.get(_PROOF, ""), answer)
            return web.Response(body=answer.body, headers=headers)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    def _unbelieved(self, request: web.BaseRequest) -> CallRequest | None:
        """The request without its body, if its proof is that of no known service. So nobody else can have a process
        wait for a body, or hold it in memory."""
        why = "" if self._keys is None else self._keys.unknown(request.headers.get(_PROOF, ""))
        return _asked(request, b"")[0]._replace(refused=why) if why else None

    def _read(self, request: web.BaseRequest, body: bytes) -> CallRequest:
        asked, proof = _asked(request, body)
        if self._keys is None:
            return asked
        address = request.path.removeprefix(_FOLDER)
        refused = self._keys.refused(proof, address, asked)
        return asked._replace(refused=refused, reads=None if refused else self._keys.reads(proof, address, asked))

    def _refused(self, request: web.BaseRequest, answering: Answering | None) -> tuple[int, str] | None:
        """HTTP status and reason if a request is rejected before it is processed."""
        if self._closing:
            return 503, "this process is stopping"
        if answering is None or request.method != "POST":
            return 404, "this process does not serve the address"
        if request.content_length is None or request.content_length > MAX_BYTES:
            return 413, f"at most {MAX_BYTES} bytes, with their number in content-length"
        return None


def _asked(request: web.BaseRequest, body: bytes) -> tuple[CallRequest, str]:
    """A request, and its proof."""
    headers = _carried(request.headers)
    kind, speaker, proof = (headers.pop(name, "") for name in (_KIND, _SPEAKER, _PROOF))
    return CallRequest(kind, headers, body, speaker), proof


def _cause(error: aiohttp.ClientError) -> str:
    """Why there is no connection. aiohttp's own text mentions TLS and its arguments even where they play no part."""
    if not isinstance(error, aiohttp.ClientConnectorError):
        return "timed out" if isinstance(error, aiohttp.ConnectionTimeoutError) else "it is not a valid address"
    cause = error.os_error
    if isinstance(cause, ConnectionRefusedError):
        return "refused"
    if cause.errno and not isinstance(cause, socket.gaierror):
        return os.strerror(cause.errno)  # asyncio's own text repeats the address
    return cause.strerror or str(cause)


def _carried(headers: Mapping[str, str]) -> dict[str, str]:
    """The sender's headers. The HTTP library adds a content type to a body without one; that is removed."""
    lowered = {name.lower(): value for name, value in headers.items()}
    return {
        name: value
        for name, value in lowered.items()
        if (name.startswith("remit-") and name != _STATUS) or (name == "content-type" and value != _UNTYPED)
    }


def _too_large(what: str, where: str) -> BadMessage:
    return BadMessage(
        f"{what} is more than the channel carries", where=where, expected=f"at most {MAX_BYTES} bytes",
        next="send less at once",
    )  # fmt: skip


def open_calls(settings: ChannelSettings) -> HttpCalls:
    """Makes the channel for a topology; not yet open."""
    keys: Keys | None = None
    peers: dict[str, Peer] = {}
    if settings.key is not None and settings.grants is not None:
        from remit.transports.http.keys import Keys, Peer

        keys = Keys(settings.service, settings.key, settings.grants)
        peers = {place: Peer(*peer) for place, peer in settings.peers.items()}
    return HttpCalls(settings.addresses, listen=settings.listen, keys=keys, peers=peers)
