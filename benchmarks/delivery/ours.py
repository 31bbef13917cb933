"""remit: sales publishes what is placed, billing charges an account for each; a store each."""

import asyncio
from typing import NewType, Protocol

from benchmarks import sampling
from benchmarks.delivery.pace import Latencies, arrivals
from benchmarks.sampling import Sample, Stopwatch, Work, peak_mib, resident_mib
from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Query, Repository, System
from remit.relations import CustomerSupplier

CustomerId = NewType("CustomerId", str)
OrderId = NewType("OrderId", str)

_PER_COMMAND = 100
_CUSTOMERS = 10_000


class PlaceOrders(Command[None]):
    """Places orders with consecutive numbers, so that a log fills quickly."""

    first: int
    count: int


class Placed(DomainEvent):
    number: int
    order: OrderId
    customer: CustomerId
    amount: int


class OrderPlaced(IntegrationEvent, version=1, key="customer"):
    number: int
    order: OrderId
    customer: CustomerId
    amount: int


class Till(Aggregate[str, Placed]):
    placed: int = 0

    def place(self, number: int) -> None:
        self.placed += 1
        customer = CustomerId(f"customer-{number % _CUSTOMERS:06d}")
        self.record(Placed(number=number, order=OrderId(f"order-{number:010d}"), customer=customer, amount=1990))


class Owed(Query[int]):
    customer: CustomerId


class Account(Aggregate[CustomerId]):
    owed: int = 0
    orders: int = 0


class Watcher(Protocol):
    """Is told when the reaction to a number starts."""

    def started(self, number: int) -> None: ...


class Watch:
    """What the benchmark sees of the reaction: how often it ran and when each number started."""

    def __init__(self) -> None:
        self.handled = 0
        self.latencies: Latencies | None = None
        self._waiting: tuple[int, asyncio.Event] | None = None

    def started(self, number: int) -> None:
        self.handled += 1
        if self.latencies is not None:
            self.latencies.started(number)
        if self._waiting is not None and self.handled >= self._waiting[0]:
            self._waiting[1].set()

    async def until(self, handled: int) -> None:
        if self.handled < handled:
            self._waiting = (handled, asyncio.Event())
            await self._waiting[1].wait()


def make_shop(watch: Watcher | None) -> System:
    """The system; without a watch only sales, which fills its log and has nobody to listen."""
    sales = Context("sales", kind="core")

    @sales.handle(PlaceOrders)
    async def place(command: PlaceOrders, tills: Repository[Till]) -> None:
        till = await tills.obtain(f"till-{command.first % 7}")
        for number in range(command.first, command.first + command.count):
            till.place(number)

    @sales.publish(Placed)
    def placed(event: Placed) -> OrderPlaced:
        return OrderPlaced(number=event.number, order=event.order, customer=event.customer, amount=event.amount)

    if watch is None:
        return System("shop", contexts=[sales])
    billing = Context("billing")

    @billing.react(OrderPlaced)
    async def charge(event: OrderPlaced, accounts: Repository[Account]) -> None:
        watch.started(event.number)
        account = await accounts.obtain(event.customer)
        account.owed += event.amount
        account.orders += 1

    @billing.answer(Owed)
    async def owed(query: Owed, accounts: Repository[Account]) -> int:
        account = await accounts.find(query.customer)
        return account.owed if account else 0

    return System("shop", contexts=[sales, billing], relations=[CustomerSupplier(supplier=sales, customer=billing)])


def _store(work: Work) -> str:
    return f"sqlite:{work.folder}/{{context}}.db"


async def _latency(work: Work) -> Sample:
    watch, count = Watch(), 0
    watch.latencies = latencies = Latencies()
    async with make_shop(watch).connect(store=_store(work)) as app:
        stopwatch = Stopwatch()
        async for number in arrivals(work):
            latencies.sending(number)
            await app.send(PlaceOrders(first=number, count=1))
            latencies.committed(number)
            count += 1
        await asyncio.wait_for(latencies.all_started(count), 10)
        return latencies.sample(stopwatch)


async def measure_throughput(work: Work, store: str) -> Sample:
    """Events handled per second of a backlog, with stores at that address."""
    events = work.pick(40_000, 2_000)
    async with make_shop(None).connect(store=store) as app:
        for first in range(0, events, _PER_COMMAND):
            await app.send(PlaceOrders(first=first, count=_PER_COMMAND))
    watch, stopwatch = Watch(), Stopwatch()
    async with make_shop(watch).connect(store=store) as app:
        await watch.until(events)
        await app.ask(Owed(customer=CustomerId("customer-000000")), fresh=True)  # the last batch is committed
        sample = Sample(events / stopwatch.seconds, stopwatch.details(events))
    if watch.handled != events:
        raise RuntimeError(f"the reaction ran {watch.handled} times for {events} events")
    return sample


async def _memory(work: Work) -> Sample:
    first_look, last_look = work.pick((100_000, 1_000_000), (2_000, 20_000))
    backlog = first_look // 5
    watch, stopwatch = Watch(), Stopwatch()
    early = 0.0
    async with make_shop(watch).connect(store=_store(work)) as app:
        for first in range(0, last_look, _PER_COMMAND):
            await watch.until(first - backlog)
            await app.send(PlaceOrders(first=first, count=_PER_COMMAND))
            if not early and watch.handled >= first_look:
                early = resident_mib()
            if first % (last_look // 100) == 0:
                work.progress(first / last_look)
        await watch.until(last_look)
        late = resident_mib()
    details = {f"MiB at {first_look:,}": early, f"MiB at {last_look:,}": late, "peak_mib": peak_mib()}
    details["events/s while sending"] = last_look / stopwatch.seconds
    return Sample(late - early, details)


async def _idle(work: Work) -> Sample:
    watch = Watch()
    async with make_shop(watch).connect(store=_store(work)) as app:
        await app.send(PlaceOrders(first=0, count=1))
        await watch.until(1)
        stopwatch = Stopwatch()
        await asyncio.sleep(work.pick(10.0, 0.5))
        return Sample(stopwatch.cpu_seconds / stopwatch.seconds * 100, {"peak_mib": peak_mib()})


def latency(work: Work) -> Sample:
    return sampling.run_async(_latency(work))


def throughput(work: Work) -> Sample:
    return sampling.run_async(measure_throughput(work, _store(work)))


def memory(work: Work) -> Sample:
    return sampling.run_async(_memory(work))


def idle(work: Work) -> Sample:
    return sampling.run_async(_idle(work))
