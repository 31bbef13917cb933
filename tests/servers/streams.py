"""What a stream of a real NATS server holds, read message by message."""

import asyncio
from base64 import b64decode

import msgspec

from remit.errors import BadMessage, OutcomeUnknown, Unavailable
from remit.log import Channel, MessageRecord
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.encoding import read_record
from remit.transports.nats.streams import stream_name, subjects


async def stored(
    connection: NatsConnection, source: str, channel: Channel, part: int, system: str = "shop"
) -> list[MessageRecord]:
    """The messages of a partition in the order of the stream; what others have put there is left out."""
    found: list[MessageRecord] = []
    seq = 1
    while True:
        question = {"seq": seq, "next_by_subj": f"{subjects(system, source, channel)}.{part}"}
        try:
            reply = await connection.request(
                f"$JS.API.STREAM.MSG.GET.{stream_name(system, source, channel)}", msgspec.json.encode(question), {}, 5.0
            )
        except (Unavailable, OutcomeUnknown):  # it was restarted a moment ago
            await asyncio.sleep(0.01)
            continue
        message = msgspec.json.decode(reply.data).get("message")
        if message is None:
            return found
        seq = message["seq"] + 1
        lines = b64decode(message.get("hdrs", "")).decode().split("\r\n")[1:]
        headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        try:
            found.append(read_record(headers, b64decode(message.get("data", ""))))
        except BadMessage:
            continue


async def count_messages(url: str) -> int:
    """How many messages all streams of a server hold."""
    connection = NatsConnection(url, name="tests")
    await connection.open()
    reply = await connection.request("$JS.API.STREAM.LIST", b"", {}, 5.0)
    await connection.close()
    return sum(stream["state"]["messages"] for stream in msgspec.json.decode(reply.data)["streams"] or ())
