"""Calls over HTTP: replicas, and networks that do what networks do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest

from remit.errors import ChannelError, OutcomeUnknown, RemitError, Unavailable
from remit.testing.conformance.calls import ADDRESS, OK, QUESTION, Counter, echo
from remit.transports import CallChannel, CallRequest
from remit.transports.http.calls import HttpCalls
from tests.servers.ports import free_port
from tests.transports.proxy import Proxy


class Net:
    """Channels and proxies of one test; all end with it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.addresses: dict[str, list[str]] = {}

    async def channel(self, *, listen: str | None = None) -> HttpCalls:
        channel = HttpCalls(self.addresses, listen=listen)
        await channel.open()
        self._stack.push_async_callback(channel.close)
        return channel

    async def server(self) -> HttpCalls:
        """A channel that listens, found at `ADDRESS`."""
        channel = await self.channel(listen="127.0.0.1:0")
        self.addresses.setdefault(ADDRESS, []).append(place_of(channel))
        return channel

    async def proxy(self, channel: HttpCalls) -> Proxy:
        """From now on the server is found behind this proxy alone."""
        proxy = Proxy(place_of(channel))
        await proxy.heal()
        self._stack.push_async_callback(proxy.close)
        self.addresses[ADDRESS] = [proxy.place]
        return proxy


def place_of(channel: HttpCalls) -> str:
    assert channel.listening is not None
    return channel.listening


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    async with AsyncExitStack() as stack:
        yield Net(stack)


async def call(channel: CallChannel, seconds: float = 5.0) -> object:
    """The answer, or the error; never a hang."""
    try:
        async with asyncio.timeout(seconds + 1.0):
            return await channel.call(ADDRESS, QUESTION, seconds)
    except RemitError as error:
        return error


async def test_a_replica_that_is_down_is_passed_over(net: Net) -> None:
    server = await net.server()
    await server.serve(ADDRESS, echo)
    net.addresses[ADDRESS] += [f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"]
    client = await net.channel()
    assert [getattr(await call(client), "body", None) for _ in range(12)] == [QUESTION.body] * 12


async def test_a_replica_that_takes_no_connection_is_passed_over_in_time(net: Net) -> None:
    """Its queue of connections is full: connecting takes for ever."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        place = f"127.0.0.1:{deaf.getsockname()[1]}"
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        client = await net.channel()
        net.addresses[ADDRESS] = [place]
        passed = await call(client, 0.5)
        assert isinstance(passed, Unavailable)
        assert passed.what in (f"no connection to {place}: timed out", f"no connection to {place}: refused")
        server = await net.server()
        await server.serve(ADDRESS, echo)
        assert [getattr(await call(client), "body", None) for _ in range(2)] == [QUESTION.body] * 2
        for filler in fillers:
            filler.close()


async def test_a_reset_connection_leaves_the_outcome_unknown(net: Net) -> None:
    server, counter = await net.server(), Counter()
    await server.serve(ADDRESS, counter)
    proxy, client = await net.proxy(server), await net.channel()
    running = asyncio.create_task(call(client))
    await counter.begun.wait()
    proxy.reset()
    assert isinstance(await running, OutcomeUnknown)
    counter.open.set()
    assert await call(client) == OK


async def test_a_black_hole_ends_by_the_time_limit(net: Net) -> None:
    server, counter = await net.server(), Counter()
    counter.open.set()
    await server.serve(ADDRESS, counter)
    proxy, client = await net.proxy(server), await net.channel()
    assert await call(client) == OK
    proxy.swallow()
    assert isinstance(await call(client, 0.3), OutcomeUnknown)
    assert proxy.swallowed.is_set()
    await proxy.cut()
    assert isinstance(await call(client, 0.3), Unavailable)
    await proxy.heal()
    assert await call(client) == OK


async def test_a_place_that_is_taken_is_no_place(net: Net) -> None:
    server = await net.server()
    with pytest.raises(ChannelError) as failure:
        await net.channel(listen=place_of(server))
    assert place_of(server) in failure.value.where


@pytest.mark.parametrize("place", ["nonsense", "127.0.0.1:http", "127.0.0.1:99999", "no.such.host.invalid:80"])
async def test_nonsense_is_no_place(net: Net, place: str) -> None:
    with pytest.raises(ChannelError):
        await net.channel(listen=place)


@pytest.mark.parametrize("place", ["nonsense", "127.0.0.1:http", "127.0.0.1:99999", "no.such.host.invalid:80"])
async def test_nobody_is_found_at_nonsense(net: Net, place: str) -> None:
    client = await net.channel()
    net.addresses[ADDRESS] = [place]
    refused = await call(client)
    assert isinstance(refused, Unavailable)
    assert refused.what.startswith(f"no connection to {place}: ")
    assert "ssl" not in refused.what


async def test_it_says_that_a_connection_was_refused(net: Net) -> None:
    client, place = await net.channel(), f"127.0.0.1:{free_port()}"
    net.addresses[ADDRESS] = [place]
    refused = await call(client)
    assert isinstance(refused, Unavailable)
    assert refused.what == f"no connection to {place}: refused"


@pytest.mark.parametrize("status", ["200 OK", "301 Moved", "401 Unauthorized", "404 Not Found", "413 Too Large",
                                    "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"])  # fmt: skip
async def test_what_the_service_does_not_say_itself_leaves_the_outcome_unknown(net: Net, status: str) -> None:
    """A proxy may have delivered the request before it gives its own answer."""
    server, counter = await net.server(), Counter()
    counter.open.set()
    await server.serve(ADDRESS, counter)
    deliver = await net.channel()
    place = place_of(server)

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        net.addresses[ADDRESS] = [place]
        assert await call(deliver) == OK
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\nhello".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as other:
        net.addresses[ADDRESS] = [f"127.0.0.1:{other.sockets[0].getsockname()[1]}"]
        unknown = await call(await net.channel())
    assert isinstance(unknown, OutcomeUnknown)
    assert "hello" in unknown.what
    assert status[:3] in unknown.what
    assert counter.seen == 1


async def test_who_asks_may_be_anybody(net: Net) -> None:
    """Requests that are none of ours are turned away, and the server goes on."""
    server, counter = await net.server(), Counter()
    counter.open.set()
    await server.serve(ADDRESS, counter)
    url = f"http://{place_of(server)}"

    async def chunks() -> AsyncIterator[bytes]:
        yield b"never ending"

    async with aiohttp.ClientSession() as session:
        for method, path, data, status in [
            ("GET", f"/remit/{ADDRESS}", None, 404),
            ("POST", "/remit/nowhere.write", b"", 404),
            ("POST", "/", b"", 404),
            ("POST", f"/remit/{ADDRESS}", chunks(), 413),
        ]:
            async with session.request(method, url + path, data=data) as response:
                assert response.status == status, path
    _, writer = await asyncio.open_connection("127.0.0.1", int(place_of(server).rpartition(":")[2]))
    writer.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
    writer.close()
    assert counter.seen == 0
    assert await call(await net.channel()) == OK


async def test_hop_by_hop_headers_stay_behind(net: Net) -> None:
    server = await net.server()
    await server.serve(ADDRESS, echo)
    found = await (await net.channel()).call(ADDRESS, CallRequest("ok", {"remit-key": "k"}, b""), 5.0)
    assert {name for name in found.headers if name.startswith("remit-")} == {"remit-key"}
