"""The limits: nats-py alone, from memory, with the headers that remit sends."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks import sampling
from benchmarks.relay import messages
from benchmarks.sampling import Sample, Stopwatch, Work

_SUBJECT = "remit.shop.events.sales.published"
_WINDOW = 64
_BATCH = 500

_Messages = dict[int, list[tuple[dict[str, str], bytes]]]
_Publish = Callable[[Client, _Messages], Coroutine[Any, Any, None]]


class _Ack(msgspec.Struct):
    seq: int = 0
    error: msgspec.Raw = msgspec.Raw(b"")


_decode = msgspec.json.Decoder(_Ack).decode


def _made(count: int) -> _Messages:
    """By partition. The identities chain as they do in a log."""
    made: _Messages = {part: [] for part in range(messages.PARTITIONS)}
    for number in range(count):
        part = number % messages.PARTITIONS
        headers = {
            "ce-specversion": "1.0",
            "ce-id": f"{number:032x}",
            "ce-source": "/shop/sales",
            "ce-type": "sales.OrderPlaced",
            "ce-time": time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z"),
            "ce-partitionkey": messages.key(number),
            "remit-part": str(part),
            "remit-pos": str(number // messages.PARTITIONS + 1),
            "remit-prev": f"{max(0, number - messages.PARTITIONS):032x}",
            "remit-version": "1",
            "content-type": "application/json",
            "remit-headers": f'{{"trace":"{number:032x}","cause":"{number:032x}","caller":"sales"}}',
        }
        made[part].append((headers, messages.payload(number)))
    return made


async def _measured(work: Work, publish: _Publish) -> Sample:
    count = messages.count(work)
    made = _made(count)
    with messages.running_server(work) as server:
        client = await nats.connect(server.url)
        request = {"name": "sales", "subjects": [f"{_SUBJECT}.*"], "storage": "file", "allow_atomic": True}
        await client.request("$JS.API.STREAM.CREATE.sales", msgspec.json.encode(request), timeout=5)
        stopwatch = Stopwatch()
        await publish(client, made)
        sample = Sample(count / stopwatch.seconds, stopwatch.details(count))
        await client.close()
    return sample


async def _with_windows(client: Client, made: _Messages) -> None:
    """A window for each subject; all acknowledgements arrive on one subscription."""
    inbox = client.new_inbox()
    travelling = dict.fromkeys(made, 0)
    rooms = {part: asyncio.Event() for part in made}

    async def acknowledged(message: Msg) -> None:
        assert _decode(message.data).seq
        part = int(message.subject.rpartition(".")[2])
        travelling[part] -= 1
        if travelling[part] <= _WINDOW // 2:
            rooms[part].set()

    async def publish(part: int) -> None:
        room = rooms[part]
        for headers, payload in made[part]:
            if travelling[part] >= _WINDOW:
                room.clear()
                await room.wait()
            travelling[part] += 1
            await client.publish(f"{_SUBJECT}.{part}", payload, reply=f"{inbox}.{part}", headers=headers)
        while travelling[part]:
            room.clear()
            await room.wait()

    await client.subscribe(f"{inbox}.*", cb=acknowledged)
    await asyncio.gather(*map(publish, made))


async def _with_batches(client: Client, made: _Messages) -> None:
    async def publish(part: int) -> None:
        subject = f"{_SUBJECT}.{part}"
        for first in range(0, len(made[part]), _BATCH):
            batch = made[part][first : first + _BATCH]
            for index, (headers, payload) in enumerate(batch, 1):
                headers |= {"Nats-Batch-Id": f"{part}-{first}", "Nats-Batch-Sequence": str(index)}
                if index == len(batch):
                    headers["Nats-Batch-Commit"] = "1"
                    reply = await client.request(subject, payload, timeout=30, headers=headers)
                    assert _decode(reply.data).seq
                else:
                    await client.publish(subject, payload, headers=headers)

    await asyncio.gather(*map(publish, made))


def window(work: Work) -> Sample:
    return sampling.run_async(_measured(work, _with_windows))


def batches(work: Work) -> Sample:
    return sampling.run_async(_measured(work, _with_batches))
