"""What ours and the others share end to end: the pace of commits, and what is waited for."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from benchmarks.calls import processes
from benchmarks.delivery.pace import arrivals
from benchmarks.relay.effects import Count
from benchmarks.relay.moments import Moments
from benchmarks.sampling import Sample, Stopwatch, Work, percentile

PACED = 1_000
"""Messages that are sent one by one, at most."""
_WARM_UP = 20
_PATIENCE = 30.0


async def latency(work: Work, commit: Callable[[int], Awaitable[None]], started: Moments) -> Sample:
    """Median time in ms from a commit to the handler in the other process, at the pace of `arrivals`."""
    for number in range(_WARM_UP):  # streams are there, connections and caches are warm
        await commit(number)
        await _until_started(started, number + 1)
    sending: list[float] = []
    committed: list[float] = []
    stopwatch = Stopwatch()
    async for _ in arrivals(work):
        sending.append(time.monotonic())
        await commit(_WARM_UP + len(committed))
        committed.append(time.monotonic())
    await _until_started(started, _WARM_UP + len(committed))
    began = [started.of(number) for number in range(_WARM_UP, _WARM_UP + len(committed))]
    after = sorted(max(at - before, 1e-6) for at, before in zip(began, committed, strict=True))
    whole = sorted(at - before for at, before in zip(began, sending, strict=True))
    details = stopwatch.details(len(after), after) | {"with commit p50 µs": percentile(whole, 0.5) * 1e6}
    return Sample(percentile(after, 0.5) * 1e3, details)


class Clocks:
    """Started before the relay: wall clock, and CPU of this process and of the one that handles."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._used = processes.cpu_seconds(process)
        self._watch = Stopwatch()

    def sample(self, count: int) -> Sample:
        seconds, details = self._watch.seconds, self._watch.details(count)
        handling = processes.cpu_seconds(self._process) - self._used
        return Sample(count / seconds, details | {"handling process µs/op": handling / count * 1e6})


async def throughput(
    count: int,
    started: Moments,
    published: Callable[[], int],
    effects: AbstractAsyncContextManager[Count],
    clocks: Clocks,
) -> Sample:
    """Messages per second until all are published and the last effect is committed. Raises `RuntimeError` when there
    is an effect too many."""
    await _until_started(started, count)
    while published() < count:  # noqa: ASYNC110  # nothing tells when it is
        await asyncio.sleep(0.002)
    await _until_committed(effects, count)
    return clocks.sample(count)


async def _until_started(started: Moments, count: int) -> None:
    async with asyncio.timeout(_PATIENCE):
        while started.count < count:  # noqa: ASYNC110  # nothing tells in another process
            await asyncio.sleep(0.002)


async def _until_committed(effects: AbstractAsyncContextManager[Count], count: int) -> None:
    """The last batch, when all handlers have started."""
    async with effects as counted, asyncio.timeout(_PATIENCE):
        while (found := await counted()) < count:  # noqa: ASYNC110  # nor this
            await asyncio.sleep(0.002)
    if found != count:
        raise RuntimeError(f"{found} effects of {count} messages")
