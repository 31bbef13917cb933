"""The side that handles, by hand, in a process of its own.

`python -m benchmarks.relay.consumer URL PLACE TOGETHER`: so many messages in one transaction, its tables in that folder
or at that address of PostgreSQL.
"""

import asyncio
import sys

import nats
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

from benchmarks import sampling
from benchmarks.relay import inboxes


async def consume(url: str, place: str, together: int) -> None:
    """For ever, in the order of the stream; prints a line when it is ready."""
    inbox, waiting, news = await inboxes.opened(place), list[Msg](), asyncio.Event()

    async def arrived(message: Msg) -> None:
        waiting.append(message)
        news.set()

    context = (await nats.connect(url)).jetstream()
    await context.add_stream(name="orders", subjects=["orders"])
    config = ConsumerConfig(ack_policy=AckPolicy.ALL, max_ack_pending=5_000)
    await context.subscribe("orders", durable="billing", cb=arrived, manual_ack=True, config=config)
    print("ready", flush=True)
    while True:
        await news.wait()
        news.clear()
        while waiting:
            batch = waiting[:together]
            del waiting[:together]
            await inbox.handle(batch)
            await batch[-1].ack()  # and with it those before it
            if len(waiting) % 50 == 0:
                await asyncio.sleep(0)


if __name__ == "__main__":
    sampling.run_async(consume(sys.argv[1], sys.argv[2], int(sys.argv[3])))
