"""The same two processes by hand: an outbox and a relay to JetStream. Here the side that publishes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, NamedTuple

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks import sampling
from benchmarks.calls import processes
from benchmarks.delivery.by_hand import Message
from benchmarks.postgres.server import running_server
from benchmarks.relay import effects, end_to_end, messages, moments, outboxes
from benchmarks.relay.moments import Moments
from benchmarks.relay.outboxes import Outbox
from benchmarks.sampling import Sample, Work

_SUBJECT = "orders"
_PAGE = 500
_Publish = Callable[[list[Message]], Awaitable[None]]


class _How(NamedTuple):
    """How many messages, published how many at a time, and handled how many in one transaction."""

    messages: int
    page: int
    together: int


class Relay:
    """Reads the outbox after its cursor, publishes, and moves the cursor durably over what is confirmed."""

    def __init__(self, outbox: Outbox, publish: _Publish, page: int) -> None:
        self.news = asyncio.Event()
        self._outbox = outbox
        self._publish = publish
        self._page = page
        self.published = 0

    async def run(self, interval: float | None) -> None:
        """For ever. Without an interval it waits for `news`."""
        while True:
            if await self._next():
                continue
            if interval is not None:
                await asyncio.sleep(interval)
            else:
                await self.news.wait()
                self.news.clear()

    async def _next(self) -> bool:
        page = await self._outbox.after(self.published, self._page)
        if page:
            await self._publish(page)
            self.published = page[-1].pos
            await self._outbox.published(self.published)
        return bool(page)


class Publisher:
    """Publishes a page of messages and returns when all of them are acknowledged."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._publish = client.jetstream().publish
        self._inbox = client.new_inbox()
        self._missing = 0
        self._acknowledged = asyncio.Event()

    async def open(self) -> None:
        await self._client.subscribe(self._inbox, cb=self._ack)

    async def singly(self, page: list[Message]) -> None:
        for message in page:
            await self._publish(_SUBJECT, message.payload.encode(), headers={"id": message.id})

    async def together(self, page: list[Message]) -> None:
        self._missing = len(page)
        self._acknowledged.clear()
        for message in page:
            await self._client.publish(
                _SUBJECT, message.payload.encode(), reply=self._inbox, headers={"id": message.id}
            )
        await self._acknowledged.wait()

    async def _ack(self, message: Msg) -> None:
        if b'"seq"' not in message.data:
            raise RuntimeError(message.data)
        self._missing -= 1
        if not self._missing:
            self._acknowledged.set()


@asynccontextmanager
async def _publisher(url: str) -> AsyncGenerator[Publisher]:
    client = await nats.connect(url)
    publisher = Publisher(client)
    await publisher.open()
    yield publisher
    await client.close()


@contextmanager
def _database(work: Work, *, wanted: bool) -> Generator[str | None]:
    """The address of a server for the stores of both sides; None where it is not wanted, for SQLite."""
    if not wanted:
        yield None
        return
    with running_server(work) as server:
        yield server.url()


def consuming(work: Work, url: str, database: str | None, together: int) -> AbstractContextManager[int]:
    """The process that handles so many messages in one transaction, its tables in PostgreSQL or in SQLite."""
    place = database or str(work.folder)
    return processes.running("-m", "benchmarks.relay.consumer", url, place, str(together), says=True)


async def _latency(work: Work, url: str, database: str | None, interval: float | None, started: Moments) -> Sample:
    async with outboxes.opened(work, database) as outbox, _publisher(url) as publisher:
        relay = Relay(outbox, publisher.together, _PAGE)

        async def commit(number: int) -> None:
            await outbox.commit(range(number, number + 1))
            relay.news.set()

        return await _beside(relay.run(interval), end_to_end.latency(work, commit, started))


async def _throughput(work: Work, url: str, database: str | None, how: _How, process: int, started: Moments) -> Sample:
    counting = effects.in_postgres(database, "state") if database else effects.in_sqlite(work.folder)
    async with outboxes.opened(work, database) as outbox, _publisher(url) as publisher:
        await outbox.commit(range(how.messages))
        relay = Relay(outbox, publisher.together if how.page > 1 else publisher.singly, how.page)
        clocks = end_to_end.Clocks(process)
        measuring = end_to_end.throughput(how.messages, started, lambda: relay.published, counting, clocks)
        return await _beside(relay.run(None), measuring)


async def _beside(relay: Coroutine[Any, Any, None], measuring: Coroutine[Any, Any, Sample]) -> Sample:
    """The sample; or what ends the relay, which runs for ever otherwise."""
    running, sampled = asyncio.create_task(relay), asyncio.create_task(measuring)
    await asyncio.wait({running, sampled}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    running.cancel()
    return await sampled


def _paced(work: Work, interval: float | None, *, postgres: bool = False) -> Sample:
    started = moments.prepare(work.folder, end_to_end.PACED)
    with (
        _database(work, wanted=postgres) as database,
        messages.running_server(work) as server,
        consuming(work, server.url, database, 1),
    ):
        return sampling.run_async(_latency(work, server.url, database, interval, started))


def polled(work: Work) -> Sample:
    return _paced(work, 0.1)


def woken(work: Work) -> Sample:
    return _paced(work, None)


def polled_postgres(work: Work) -> Sample:
    return _paced(work, 0.1, postgres=True)


def woken_postgres(work: Work) -> Sample:
    return _paced(work, None, postgres=True)


def _full(work: Work, how: _How, *, postgres: bool = False) -> Sample:
    started = moments.prepare(work.folder, how.messages)
    with (
        _database(work, wanted=postgres) as database,
        messages.running_server(work) as server,
        consuming(work, server.url, database, how.together) as process,
    ):
        return sampling.run_async(_throughput(work, server.url, database, how, process, started))


def singly(work: Work) -> Sample:
    return _full(work, _How(work.pick(3_000, 200), page=1, together=1))


def per_message(work: Work) -> Sample:
    return _full(work, _How(work.pick(6_000, 500), page=_PAGE, together=1))


def per_100_messages(work: Work) -> Sample:
    return _full(work, _How(messages.count(work), page=_PAGE, together=100))


def per_message_postgres(work: Work) -> Sample:
    return _full(work, _How(work.pick(6_000, 500), page=_PAGE, together=1), postgres=True)


def per_100_messages_postgres(work: Work) -> Sample:
    return _full(work, _How(messages.count(work), page=_PAGE, together=100), postgres=True)
