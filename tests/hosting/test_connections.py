"""Connections to the HTTP edge have limits before there is a request: the head's size and time, and their number."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from time import process_time

import pytest
import uvicorn

from remit.hosting.connections import Room, parsed_in_c, parsed_in_python
from tests.edges.shop import edge

ROOM = Room(connections=20, drained=16_000, head_bytes=4000, head_seconds=0.3)
GET = b"GET /health/live HTTP/1.1\r\nhost: shop\r\n"
LAST = GET + b"connection: close\r\n\r\n"

Made = Callable[[Room], type[asyncio.Protocol]]


@pytest.fixture(params=[parsed_in_c, parsed_in_python])
def made(request: pytest.FixtureRequest) -> Made:
    connection: Made = request.param
    return connection


@asynccontextmanager
async def serving(made: Made, room: Room = ROOM) -> AsyncGenerator[int]:
    """The shop's edge, with these limits and bodies of 1000 bytes; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            edge(max_body=1000)[0], log_config=None, lifespan="off", ws="none", http=made(room),
            h11_max_incomplete_event_size=room.head_bytes,
        )  # fmt: skip
        server = uvicorn.Server(config)
        ended = asyncio.create_task(server.serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await ended


async def tell(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Sends the parts, and reads until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.read())
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.wait([answer], timeout=pause)
            if answer.done():
                break
        async with asyncio.timeout(10):
            return await answer
    except ConnectionError:
        return b""
    finally:
        writer.close()


def code_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["code"]


async def test_a_head_that_is_too_large_is_refused(made: Made) -> None:
    async with serving(made) as port:
        whole = GET + b"x-long: " + b"x" * 5000 + b"\r\nconnection: close\r\n\r\n"
        if made is parsed_in_c:  # the other one only limits what is incomplete
            assert code_of(await tell(port, whole)) == (431, "http.large-head")
        pieces = [GET + b"x-long: ", *[b"x" * 1000] * 100]
        refused = await tell(port, *pieces, pause=0.01)
        assert refused == b"" or refused.split()[1] in (b"431", b"400")
        assert (await tell(port, GET + b"x-long: " + b"x" * 3000 + b"\r\nconnection: close\r\n\r\n")).split()[
            1
        ] == b"200"


async def test_a_head_of_many_megabytes_holds_up_nobody() -> None:
    """Its pieces were put together again and again, for seconds."""
    async with serving(parsed_in_c) as port:
        large = asyncio.create_task(tell(port, GET + b"x-long: ", *[b"x" * 200_000] * 300))
        begun = process_time()  # others work on the machine too
        answer = await tell(port, LAST)
        assert answer.split()[1] == b"200"
        await large
        assert process_time() - begun < 3


async def test_a_head_that_takes_too_long_is_refused(made: Made) -> None:
    async with serving(made) as port:
        slow = await tell(port, GET, *[b"x-one: 1\r\n"] * 20, pause=0.05)
        assert code_of(slow) == (408, "http.slow-head")


async def test_a_connection_that_is_not_used_is_closed(made: Made) -> None:
    async with serving(made) as port:
        assert await tell(port) == b""
        alive = await tell(port, GET + b"\r\n", b"GET /heal", pause=0.05)
        assert alive.count(b"HTTP/1.1 200") == 1
        assert alive.count(b"HTTP/1.1 408") == 1, "also the second request has its time"


async def test_there_are_not_more_connections_than_there_is_room_for(made: Made) -> None:
    async with serving(made, ROOM._replace(connections=3, head_seconds=30)) as port:
        open_ones = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for reader, writer in open_ones:
            writer.write(GET + b"\r\n")
            assert b" 200 " in await reader.readline()
        assert await tell(port, GET + b"\r\n") == b""
        for _, writer in open_ones:
            writer.close()
        async with asyncio.timeout(10):
            while b" 200 " not in await tell(port, LAST):
                pass


POST = b"POST /customers/7/orders HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize("more", [b"", b"connection: close\r\n"])
async def test_a_declared_length_above_the_limit_is_refused_at_once(made: Made, more: bytes) -> None:
    """And who is still sending then gets the answer all the same."""
    async with serving(made) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + more + b"content-length: 9000\r\n\r\n")
        async with asyncio.timeout(5):
            assert b" 413 " in await reader.readline()
        writer.write(b"x" * 9000)
        await writer.drain()
        assert b"http.too-large" in await reader.read(4096)
        writer.close()


async def test_a_body_that_never_ends_is_not_read_for_ever(made: Made) -> None:
    async with serving(made) as port:
        chunks = [b"3e8\r\n" + b"x" * 1000 + b"\r\n"] * 200
        answer = await tell(port, POST + b"transfer-encoding: chunked\r\n\r\n", *chunks, pause=0.005)
        assert answer == b"" or b" 413 " in answer


async def test_what_stands_behind_a_body_is_limited_too() -> None:
    async with serving(parsed_in_c) as port:
        begin = POST + b"transfer-encoding: chunked\r\n\r\n0\r\nx-long: "
        assert await tell(port, begin, *[b"x" * 1000] * 100, pause=0.001) == b""


async def test_a_connection_serves_one_request_after_the_other(made: Made) -> None:
    async with serving(made) as port:
        body = b'{"lines":[]}'
        post = POST + b"content-length: %d\r\n\r\n" % len(body) + body
        for parts in ([post] * 30 + [LAST], [post * 30 + LAST]):
            answers = await tell(port, *parts)
            assert (answers.count(b"HTTP/1.1 201"), answers.count(b"HTTP/1.1 200")) == (30, 1)
