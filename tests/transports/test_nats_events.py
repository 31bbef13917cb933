"""What events over NATS look like from outside, and what the broker has to offer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nats.aio.msg import Msg

from remit.errors import ChannelError
from remit.log import Channel, MessageRecord
from remit.testing.conformance.events import Ear, messages, places, publish_all
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents
from tests.servers.nats import NatsServer, nats_server
from tests.servers.streams import stored

SUBJECT = "remit.shop.events.billing.published.3"
STREAM = "remit-shop--billing-published"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[NatsServer]:
    folder: Path = tmp_path_factory.mktemp("nats")
    with nats_server(folder) as server:
        yield server


@pytest.fixture
async def connection(server: NatsServer) -> AsyncGenerator[NatsConnection]:
    connection = NatsConnection(server.url, name="test")
    await connection.open()
    yield connection
    for stream in (STREAM, "other"):
        await connection.request(f"$JS.API.STREAM.DELETE.{stream}", b"", {}, 5.0)
    await connection.close()


async def make_stream(connection: NatsConnection, name: str = STREAM, **settings: Any) -> None:
    wanted = {"name": name, "subjects": ["remit.shop.events.billing.published.*"], "storage": "file", **settings}
    reply = await connection.request(f"$JS.API.STREAM.CREATE.{name}", json.dumps(wanted).encode(), {}, 5.0)
    assert "error" not in json.loads(reply.data), reply.data


async def heard(connection: NatsConnection, events: NatsEvents, records: list[MessageRecord]) -> list[Msg]:
    """The messages as somebody without remit hears them."""
    found: list[Msg] = []
    arrived = asyncio.Event()

    async def hear(message: Msg) -> None:
        found.append(message)
        if len(found) == len(records):
            arrived.set()

    interest = await connection.listen(SUBJECT, hear, lambda: None)
    await events.publish("billing", Channel.PUBLISHED, records)
    await arrived.wait()
    await connection.end(interest)
    return found


async def opened(connection: NatsConnection, codec: str = "json") -> NatsEvents:
    events = NatsEvents(connection, "shop", codec=codec)
    await events.open()
    return events


async def test_a_message_is_a_cloud_event_in_binary_mode(connection: NatsConnection) -> None:
    events = await opened(connection)
    record = MessageRecord(
        3, 1, "m1", "", "Zoë 1", "billing.Settled", 2, 1732172728.25, '{"trace":"t"}', b'{"amount":1}'
    )
    (message,) = await heard(connection, events, [record])
    assert message.data == b'{"amount":1}'
    assert {name: value for name, value in (message.headers or {}).items() if not name.startswith("Nats-")} == {
        "ce-specversion": "1.0",
        "ce-id": "m1",
        "ce-source": "/shop/billing",
        "ce-type": "billing.Settled",
        "ce-time": "2024-11-21T07:05:28.250000000Z",
        "ce-partitionkey": "Zo%C3%AB%201",
        "content-type": "application/json",
        "remit-part": "3",
        "remit-pos": "1",
        "remit-prev": "",
        "remit-version": "2",
        "remit-headers": '{"trace":"t"}',
    }
    await events.close()


async def test_a_payload_travels_as_its_codec_says(connection: NatsConnection) -> None:
    events = await opened(connection, "msgpack")
    huge = b'{"n":%d}' % 10**30  # MessagePack has no such number: it stays JSON
    records = [*messages(1, 1, payload=b'{"a":[1,2.5,"\xc3\xab"]}'), *messages(2, 2, payload=huge)]
    first, second = await heard(connection, events, records)
    assert (first.headers or {})["content-type"] == "application/msgpack"
    assert msgspec.msgpack.decode(first.data) == {"a": [1, 2.5, "ë"]}
    assert ((second.headers or {})["content-type"], second.data) == ("application/json", huge)
    assert [record.payload for record in await stored(connection, "billing", Channel.PUBLISHED, 3)] == [
        r.payload for r in records
    ]
    await events.close()


def test_a_codec_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ChannelError, match="yaml"):
        NatsEvents(NatsConnection("nats://127.0.0.1:1", name="test"), "shop", codec="yaml")


async def test_a_stream_that_cannot_be_relied_on_is_refused_by_name(connection: NatsConnection) -> None:
    await make_stream(connection, storage="memory", discard="new", max_age=3600 * 10**9)
    events = await opened(connection)
    with pytest.raises(ChannelError) as raised:
        await events.prepare("billing", Channel.PUBLISHED)
    assert "storage is memory" in raised.value.what
    assert "discard is new" in raised.value.what
    assert "max_age" not in raised.value.what, "how much is kept is the operator's decision"
    assert "storage file" in raised.value.expected
    with pytest.raises(ChannelError, match="storage is memory"):
        await events.publish("billing", Channel.PUBLISHED, messages(1, 1))
    await events.close()


async def test_a_stream_that_copies_another_one_is_refused(connection: NatsConnection) -> None:
    """Whoever may create a stream could read another one through it."""
    await make_stream(connection, name="other", subjects=["remit.shop.events.sales.private.*"])
    await make_stream(connection, sources=[{"name": "other"}])
    events = await opened(connection)
    with pytest.raises(ChannelError, match="sources is") as raised:
        await events.prepare("billing", Channel.PUBLISHED)
    assert raised.value.expected == "sources none"
    await events.close()


async def test_a_stream_that_an_operator_has_bounded_is_used(connection: NatsConnection) -> None:
    await make_stream(connection, max_age=3600 * 10**9, max_bytes=1 << 20, compression="s2", allow_atomic=True)
    events = await opened(connection)
    await events.prepare("billing", Channel.PUBLISHED)
    assert await events.publish("billing", Channel.PUBLISHED, messages(1, 10)) == 10
    await events.close()


async def test_subjects_that_another_stream_has_are_refused(connection: NatsConnection) -> None:
    await make_stream(connection, name="other")
    events = await opened(connection)
    with pytest.raises(ChannelError, match="overlap"):
        await events.prepare("billing", Channel.PUBLISHED)
    await events.close()


async def test_a_server_without_batches_takes_messages_one_by_one(
    server: NatsServer, connection: NatsConnection
) -> None:
    """Servers before 2.12 have none. Order and fence are the same."""
    await make_stream(connection)  # nobody allows batches
    events, zombie = await opened(connection), NatsEvents(NatsConnection(server.url, name="zombie"), "shop")
    await zombie.open()
    await asyncio.gather(publish_all(events, messages(1, 60)), publish_all(zombie, messages(1, 60)))
    assert places(await stored(connection, "billing", Channel.PUBLISHED, 3)) == places(messages(1, 60))
    await zombie.close()
    await events.close()


async def test_a_payload_that_grows_in_its_codec_stays_as_it_is(connection: NatsConnection) -> None:
    """In MessagePack these numbers take more than twice as much."""
    events, ear = await opened(connection, "msgpack"), Ear()
    await events.prepare("billing", Channel.PUBLISHED)
    await events.listen("billing", Channel.PUBLISHED, ear)
    sent = messages(1, 2, payload=b"[" + b",".join([b"0.1"] * 250_000) + b"]")
    client = connection.client()
    assert await events.publish("billing", Channel.PUBLISHED, sent) == 2
    await ear.until(lambda: len(ear.pushes) == 2, "both arrive")
    assert ear.records == sent
    assert connection.client() is client, "the connection was not broken"
    await events.close()


async def test_large_messages_do_not_travel_in_one_batch(connection: NatsConnection) -> None:
    events = await opened(connection)
    sent = messages(1, 12, payload=b'"' + b"x" * 900_000 + b'"')
    assert await events.publish("billing", Channel.PUBLISHED, sent) == 12
    assert places(await stored(connection, "billing", Channel.PUBLISHED, 3)) == places(sent)
    await events.close()


async def test_a_purged_stream_heals(connection: NatsConnection) -> None:
    events = await opened(connection)
    await events.publish("billing", Channel.PUBLISHED, messages(1, 10))
    await connection.request(f"$JS.API.STREAM.PURGE.{STREAM}", b"", {}, 5.0)
    assert await events.publish("billing", Channel.PUBLISHED, messages(11, 20)) == 10
    await connection.request(f"$JS.API.STREAM.DELETE.{STREAM}", b"", {}, 5.0)
    assert await events.publish("billing", Channel.PUBLISHED, messages(21, 30)) == 10
    assert places(await stored(connection, "billing", Channel.PUBLISHED, 3)) == places(messages(21, 30))
    await events.close()


async def test_a_flood_of_foreign_messages_does_not_flood_the_log(
    connection: NatsConnection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="remit")
    events, ear = await opened(connection), Ear()
    await events.prepare("billing", Channel.PUBLISHED)
    await events.listen("billing", Channel.PUBLISHED, ear)
    for _ in range(100):
        await connection.client().publish(SUBJECT, b"hello")
    elsewhere = messages(1, 1, part=4)  # of another partition than its subject says
    await connection.client().publish(SUBJECT, b"{}", headers=_headers(elsewhere[0]))
    await events.publish("billing", Channel.PUBLISHED, messages(1, 1))
    await ear.until(lambda: 1 in ear.all, "the channel goes on")
    assert set(ear.all) == {1}
    assert [r.getMessage().split("number ")[1].split(":")[0] for r in caplog.records] == [
        "1",
        "2",
        "4",
        "8",
        "16",
        "32",
        "64",
    ]
    await events.close()


def _headers(record: MessageRecord) -> dict[str, str]:
    headers = {"ce-id": record.id, "ce-type": record.type, "ce-time": "2024-11-21T07:05:28Z", "ce-partitionkey": "k"}
    return headers | {"remit-part": str(record.part), "remit-pos": "1", "remit-prev": "", "remit-version": "1"}


async def test_a_listener_that_is_too_slow_is_told_what_it_missed(connection: NatsConnection) -> None:
    events, ear = await opened(connection), Ear()
    await events.prepare("billing", Channel.PUBLISHED)
    await events.listen("billing", Channel.PUBLISHED, ear)
    subscription = events._interests[0].subscription
    assert subscription is not None
    subscription._pending_bytes_limit = 10
    await events.publish("billing", Channel.PUBLISHED, messages(1, 1))
    await ear.until(lambda: ear.all == [0], "a message that was dropped rings")
    await events.close()
