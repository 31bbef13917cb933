"""The limit of calls over NATS: nats-py's own request and reply, with a deadline, encoded and decoded by hand."""

import asyncio
import sys

import nats
from nats.aio.msg import Msg

from benchmarks import loops, sampling
from benchmarks.calls import processes
from benchmarks.calls.words import ORDER as WORDS
from benchmarks.calls.words import Order, Total, read_order, read_total, write
from benchmarks.relay.messages import running_server
from benchmarks.sampling import Sample, Work

SUBJECT = "shop.calls.sales.read"
DEADLINE = 10.0


async def serve(url: str) -> None:
    client = await nats.connect(url)

    async def answer(message: Msg) -> None:
        order = read_order(message.data)
        await message.respond(write(Total(order.order, order.amount + 1)))

    await client.subscribe(SUBJECT, "shop", answer)
    await asyncio.Event().wait()


async def _call(work: Work, url: str, in_flight: int) -> Sample:
    client = await nats.connect(url)
    order = Order(**WORDS)  # type: ignore[arg-type]  # the words are of these types

    async def ask(_: int) -> None:
        reply = await client.request(SUBJECT, write(order), timeout=DEADLINE)
        if read_total(reply.data).total != 1251:
            raise RuntimeError(reply.data)

    await _served(ask)
    sample = await loops.tasks_in_flight(work, in_flight, ask)
    await client.close()
    return sample


async def _served(ask: object) -> None:
    for _ in range(1000):
        try:
            await ask(0)  # type: ignore[operator]  # a coroutine function
        except nats.errors.NoRespondersError:
            await asyncio.sleep(0.02)
        else:
            return


def _run(work: Work, in_flight: int) -> Sample:
    with running_server(work) as server, processes.running("-m", "benchmarks.calls.nats_raw", server.url):
        return sampling.run_async(_call(work, server.url, in_flight))


def one(work: Work) -> Sample:
    return _run(work, 1)


def many(work: Work) -> Sample:
    return _run(work, 32)


if __name__ == "__main__":
    sampling.run_async(serve(sys.argv[1]))
