"""Commands that arrive at random, about 100 a second, and how long each one's consequence took to start."""

import asyncio
import random
import time
from collections.abc import AsyncIterator

from benchmarks.sampling import Sample, Stopwatch, Work, percentile

_PER_SECOND = 100


async def arrivals(work: Work) -> AsyncIterator[int]:
    """Numbers from 0, at random distances from a fixed seed: a fixed rhythm could fall in step with a poller's."""
    distance, at = random.Random(7), time.perf_counter()
    for number in range(work.pick(400, 40)):
        at += distance.expovariate(_PER_SECOND)
        await asyncio.sleep(max(at - time.perf_counter(), 0))
        yield number


class Latencies:
    """Moments by number of the command.

    The reaction may start before the sender hears of the commit: then it counts as 1 µs.
    """

    def __init__(self) -> None:
        self._sending: dict[int, float] = {}
        self._committed: dict[int, float] = {}
        self._started: dict[int, float] = {}
        self._news = asyncio.Event()

    def sending(self, number: int) -> None:
        self._sending[number] = time.perf_counter()

    def committed(self, number: int) -> None:
        self._committed[number] = time.perf_counter()

    def started(self, number: int) -> None:
        self._started.setdefault(number, time.perf_counter())  # a second start would be a repetition of the first
        self._news.set()

    async def all_started(self, count: int) -> None:
        while len(self._started) < count:
            await self._news.wait()
            self._news.clear()

    def sample(self, watch: Stopwatch) -> Sample:
        """The median in ms; p50, p99 in µs, and the median with the commit included."""
        after_commit = [max(self._started[number] - at, 1e-6) for number, at in self._committed.items()]
        with_commit = sorted(self._started[number] - at for number, at in self._sending.items())
        details = watch.details(len(after_commit), after_commit)
        details["with commit p50 µs"] = percentile(with_commit, 0.5) * 1e6
        return Sample(percentile(sorted(after_commit), 0.5) * 1e3, details)
