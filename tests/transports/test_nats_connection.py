"""A connection to NATS comes by itself, says what is wrong with it, and is shared."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import BadMessage, ChannelError, NotAllowed, OutcomeUnknown, Unavailable
from remit.transports import CallRequest, CallResponse
from remit.transports.nats import connection
from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import NatsConnection
from tests.servers.nats import NatsServer, nats_server
from tests.servers.ports import HOST, free_port

USERS = 'authorization {{ users = [ {{ user: "front", password: "{password}" }} ] }}'
QUESTION = CallRequest("query", {}, b"?")


async def echo(request: CallRequest) -> CallResponse:
    return CallResponse("ok", {}, request.body)


async def until(what: Callable[[], bool]) -> None:
    """Waits until it holds; the test's own time limit ends the waiting."""
    while not what():  # noqa: ASYNC110  # nothing tells when it does
        await asyncio.sleep(0.005)


async def answered(channel: NatsCalls) -> CallResponse:
    """The answer of the first call that is answered."""
    while True:
        try:
            return await channel.call("billing.read", QUESTION, 1.0)
        except (Unavailable, OutcomeUnknown):
            await asyncio.sleep(0.005)


@pytest.fixture
def server(tmp_path: Path) -> Generator[NatsServer]:
    with nats_server(tmp_path / "nats") as server:
        yield server


@pytest.fixture
async def channel(server: NatsServer) -> AsyncGenerator[NatsCalls]:
    channel = NatsCalls(NatsConnection(server.url, name="front"), "shop")
    await channel.open()
    await channel.serve("billing.read", echo)
    yield channel
    await channel.close()


async def test_a_server_that_is_away_is_found_when_it_comes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    server = NatsServer(tmp_path / "nats")
    channel = NatsCalls(NatsConnection(server.url, name="front"), "shop")
    await channel.open()
    try:
        await channel.serve("billing.read", echo)
        with pytest.raises(Unavailable, match="no connection"):
            await channel.call("billing.read", QUESTION, 5.0)
        server.start()
        assert await answered(channel) == CallResponse("ok", {}, b"?")
    finally:
        await channel.close()
        server.stop()
    assert "nats:" not in capfd.readouterr().err, "the library prints nothing"


async def test_a_killed_server_fails_who_waits_at_once_and_is_found_again(
    server: NatsServer, channel: NatsCalls
) -> None:
    begun = asyncio.Event()

    async def never(request: CallRequest) -> CallResponse:
        begun.set()
        await asyncio.Event().wait()
        return CallResponse("ok", {}, b"")

    other = NatsCalls(NatsConnection(server.url, name="billing"), "shop")
    await other.open()
    await other.serve("billing.write", never)
    waiting = asyncio.create_task(channel.call("billing.write", QUESTION, 3600.0))
    await begun.wait()
    server.kill()
    with pytest.raises(OutcomeUnknown, match="broke"):
        await waiting
    server.start()
    assert await answered(channel) == CallResponse("ok", {}, b"?")
    for task in other._running:
        task.cancel()
    await other.close()


async def test_a_server_that_says_nothing_any_more_is_left(
    server: NatsServer, channel: NatsCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut network looks like this: the connection stands, and nothing comes."""
    monkeypatch.setattr(connection, "PING_SECONDS", 0.1)
    monkeypatch.setattr(connection, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 0.1)
    await channel._connection.close()  # opened again, with quicker looks
    await channel._connection.open()
    server.pause()
    await until(lambda: channel._connection._client is None)
    with pytest.raises(Unavailable):
        await channel.call("billing.read", QUESTION, 5.0)
    server.resume()
    assert await answered(channel) == CallResponse("ok", {}, b"?")


async def test_a_connection_that_is_made_while_it_is_closed_is_closed_too(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library swallows a cancellation that comes just when the server has answered."""
    begun, made = asyncio.Event(), list[connection._Client]()
    connect = connection._Client.connect

    async def late(self: connection._Client, *urls: Any, **options: Any) -> None:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await connect(self, *urls, **options)
        made.append(self)

    monkeypatch.setattr(connection._Client, "connect", late)
    place = NatsConnection(server.url, name="front")
    opening = asyncio.create_task(place.open())
    await begun.wait()
    await place.close()
    assert [client.is_closed for client in made] == [True]
    with pytest.raises(Unavailable, match="the connection is closed"):
        place.client()
    await opening


async def test_wrong_credentials_are_said_at_once(tmp_path: Path) -> None:
    with nats_server(tmp_path / "nats", more=USERS.format(password="right-one")) as server:
        for credentials in (("front", "wrong-one"), None):
            url = server.url.replace("//", "//front:wrong-one@") if credentials is None else server.url
            place = NatsConnection(url, name="front", credentials=credentials)
            with pytest.raises(ChannelError, match="refuses the credentials") as raised:
                await place.open()
            assert "wrong-one" not in f"{raised.value}{place.place}", "nothing secret is said"


async def test_credentials_that_become_wrong_are_said_later_and_can_become_right(tmp_path: Path) -> None:
    with nats_server(tmp_path / "nats", more=USERS.format(password="one")) as server:
        channel = NatsCalls(NatsConnection(server.url, name="front", credentials=("front", "one")), "shop")
        await channel.open()
        await channel.serve("billing.read", echo)
        server.reconfigure(USERS.format(password="two"))
        await until(lambda: isinstance(channel._connection._trouble, ChannelError))
        with pytest.raises(Unavailable, match="refuses the credentials"):
            await channel.call("billing.read", QUESTION, 5.0)
        with pytest.raises(ChannelError):
            channel._connection.client()
        server.reconfigure(USERS.format(password="one"))
        assert await answered(channel) == CallResponse("ok", {}, b"?")
        await channel.close()


@pytest.mark.parametrize("version", ["2.9.10", "1.4.1", "two"])
async def test_a_server_that_is_too_old_is_refused(version: str) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"version":"%s","headers":true,"max_payload":1048576}\r\n' % version.encode())
        while line := await reader.readline():
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        writer.close()

    port = free_port()
    async with await asyncio.start_server(greet, HOST, port):
        with pytest.raises(ChannelError, match="too old") as raised:
            await NatsConnection(f"nats://{HOST}:{port}", name="front").open()
    assert version in str(raised.value)
    assert "2.10" in raised.value.expected


async def test_a_place_that_is_no_server_is_unavailable() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()
        writer.close()

    port = free_port()
    async with await asyncio.start_server(other, HOST, port):
        place = NatsConnection(f"nats://{HOST}:{port}", name="front")
        await place.open()
        with pytest.raises(Unavailable, match="INFO"):
            place.client()
        await place.close()


async def test_one_connection_is_shared_and_the_last_one_closes_it(server: NatsServer) -> None:
    place = NatsConnection(server.url, name="front")
    first, second = NatsCalls(place, "shop"), NatsCalls(place, "shop")
    await first.open()
    client = place.client()
    await second.open()
    assert place.client() is client
    await first.close()
    await first.close()
    await second.serve("billing.read", echo)
    assert (await second.call("billing.read", QUESTION, 5.0)).status == "ok"
    await second.close()
    with pytest.raises(Unavailable, match="closed"):
        place.client()
    assert client.is_closed


async def test_a_call_that_the_server_denies_is_not_allowed_at_once_and_serving_is_an_error(tmp_path: Path) -> None:
    denied = (
        'authorization { users = [ { user: "front", password: "p", permissions: '
        '{ publish: { deny: "remit.*.calls.billing.>" }, subscribe: { deny: "remit.*.calls.billing.>" } } } ] }'
    )
    with nats_server(tmp_path / "nats", more=denied) as server:
        channel = NatsCalls(NatsConnection(server.url, name="front", credentials=("front", "p")), "shop")
        await channel.open()
        with pytest.raises(NotAllowed, match="denies"):
            await channel.call("billing.read", QUESTION, 3600.0)
        with pytest.raises(ChannelError, match="denies"):
            await channel.serve("billing.read", echo)
        await channel.close()


async def test_a_connection_that_nobody_closes_ends_with_its_loop(server: NatsServer) -> None:
    """A loop that ends cancels every task; the library swallows some cancellations, and leaves sockets at others."""
    for pause in range(40):
        place = NatsConnection(server.url, name="front")
        opening = asyncio.create_task(place.open())
        await asyncio.wait([opening], timeout=pause * 0.0002)
        keeper = place._keeper
        if keeper is not None:
            keeper.cancel()
            for _ in range(pause % 8):
                await asyncio.sleep(0)
            keeper.cancel()  # while it closes what it had
            done, _ = await asyncio.wait([keeper], timeout=10.0)
            assert done, f"it goes on after a cancellation at {pause * 0.2:.1f} ms"
        opening.cancel()
        await place.close()
    gc.collect()  # what was left behind fails this test, and not the next one


async def test_headers_count_as_part_of_a_message(channel: NatsCalls) -> None:
    headers = {"remit-key": "k" * 16_000}
    largest = b"x" * channel.capabilities.max_bytes
    answer = await channel.call("billing.read", CallRequest("query", headers, largest), 5.0)
    assert len(answer.body) == len(largest)
    with pytest.raises(BadMessage, match="with headers"):
        await channel.call("billing.read", CallRequest("query", {"remit-key": "k" * 17_000}, largest), 5.0)


async def test_what_is_no_request_is_ignored(
    server: NatsServer, channel: NatsCalls, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="remit")
    client = channel._connection.client()
    await client.publish("remit.shop.calls.billing.read._.Owed", b"hello")
    await client.publish("remit.shop.calls.billing.read._.Owed", b"hello", reply="somewhere")
    assert await answered(channel) == CallResponse("ok", {}, b"?")
    assert caplog.text.count("no request") == 2
