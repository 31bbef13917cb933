"""remit: a relay from a context's log in SQLite to JetStream."""

import asyncio
import time

from benchmarks import sampling
from benchmarks.relay import messages
from benchmarks.sampling import Sample, Stopwatch, Work
from remit.log import Channel, SubscriptionId
from remit.observability import TroubleBegun
from remit.runtime import Listeners, Ports, SystemClock
from remit.runtime.following.follower import Follower
from remit.runtime.following.publishing import relay
from remit.stores import Entry, Store, Unit
from remit.stores.sqlite.store import SqliteStore
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents


def _entry(number: int) -> Entry:
    headers = f'{{"trace":"{number:032x}","cause":"{number:032x}","caller":"sales"}}'
    return Entry(
        Channel.PUBLISHED, messages.key(number), f"{number:032x}", "sales.OrderPlaced", 1, time.time(), headers,
        messages.payload(number),
    )  # fmt: skip


async def _fill(store: Store, count: int) -> None:
    for first in range(0, count, 500):
        await store.commit(Unit(entries=[_entry(number) for number in range(first, min(first + 500, count))]))


async def _caught_up(follower: Follower, count: int) -> None:
    while follower.handled < count:  # noqa: ASYNC110  # nothing tells when it does
        await asyncio.sleep(0.002)


def _complain(event: TroubleBegun) -> None:
    raise SystemExit(f"{event.state}: {event.note}")


async def _run(work: Work) -> Sample:
    count = messages.count(work)
    store = SqliteStore(work.folder / "sales.db", "sales", partitions=messages.PARTITIONS)
    await store.open()
    await _fill(store, count)
    with messages.running_server(work) as server:
        events = NatsEvents(NatsConnection(server.url, name="sales"), "shop")
        await events.open()
        await events.prepare("sales", Channel.PUBLISHED)
        follow = SubscriptionId("sales.relay:nats", "sales", Channel.PUBLISHED)
        follower = relay(follow, store, events, Ports(), Listeners([_complain], SystemClock()))
        stopwatch = Stopwatch()
        await follower.start()
        await _caught_up(follower, count)
        sample = Sample(count / stopwatch.seconds, stopwatch.details(count))
        await follower.stop()
        await events.close()
    await store.close()
    return sample


def run(work: Work) -> Sample:
    return sampling.run_async(_run(work))
