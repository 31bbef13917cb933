"""How callers call: one after another without a clock in between, or a fixed number of them at the same time."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.sampling import Sample, Stopwatch, Work

_BATCH = 50  # calls between two looks at the clock, for work that takes microseconds


def per_call(work: Work, operation: Callable[[int], object]) -> Sample:
    """CPU µs per call of `operation`, called again and again with numbers from 0."""
    numbers = itertools.count()
    _call_until(time.perf_counter() + _warm_up(work), operation, numbers)
    watch = Stopwatch()
    done = _call_until(time.perf_counter() + _measured(work), operation, numbers)
    return Sample(watch.cpu_seconds / done * 1e6, watch.details(done))


async def per_await(work: Work, operation: Callable[[int], Awaitable[object]]) -> Sample:
    """CPU µs per awaited `operation`, one after another, in the caller's task."""
    numbers = itertools.count()
    await _await_until(time.perf_counter() + _warm_up(work), operation, numbers)
    watch = Stopwatch()
    done = await _await_until(time.perf_counter() + _measured(work), operation, numbers)
    return Sample(watch.cpu_seconds / done * 1e6, watch.details(done))


def _call_until(deadline: float, operation: Callable[[int], object], numbers: "itertools.count[int]") -> int:
    done = 0
    while time.perf_counter() < deadline:
        for number in itertools.islice(numbers, _BATCH):
            operation(number)
        done += _BATCH
    return done


async def _await_until(
    deadline: float, operation: Callable[[int], Awaitable[object]], numbers: "itertools.count[int]"
) -> int:
    done = 0
    while time.perf_counter() < deadline:
        for number in itertools.islice(numbers, _BATCH):
            await operation(number)
        done += _BATCH
        await asyncio.sleep(0)  # the loop gets its turn, as it would between real callers
    return done


async def tasks_in_flight(work: Work, in_flight: int, operation: Callable[[int], Awaitable[object]]) -> Sample:
    """Operations per second of `in_flight` tasks, each starting its next operation when its last has ended."""
    numbers = itertools.count()

    async def call_until(deadline: float) -> list[float]:
        latencies: list[float] = []
        while (started := time.perf_counter()) < deadline:
            await operation(next(numbers))
            latencies.append(time.perf_counter() - started)
        return latencies

    await asyncio.gather(*[call_until(time.perf_counter() + _warm_up(work)) for _ in range(in_flight)])
    watch = Stopwatch()
    deadline = time.perf_counter() + _measured(work)
    return _throughput(watch, await asyncio.gather(*[call_until(deadline) for _ in range(in_flight)]))


def threads_in_flight(work: Work, in_flight: int, operation: Callable[[int], object]) -> Sample:
    """The same for a synchronous operation: a thread per caller, or this thread where there is one caller."""
    numbers = itertools.count()  # next() of a count is atomic under the interpreter lock

    def call_until(deadline: float) -> list[float]:
        latencies: list[float] = []
        while (started := time.perf_counter()) < deadline:
            operation(next(numbers))
            latencies.append(time.perf_counter() - started)
        return latencies

    if in_flight == 1:
        call_until(time.perf_counter() + _warm_up(work))
        watch = Stopwatch()
        return _throughput(watch, [call_until(time.perf_counter() + _measured(work))])
    with ThreadPoolExecutor(in_flight) as threads:
        list(threads.map(call_until, [time.perf_counter() + _warm_up(work)] * in_flight))
        watch = Stopwatch()
        return _throughput(watch, list(threads.map(call_until, [time.perf_counter() + _measured(work)] * in_flight)))


def _throughput(watch: Stopwatch, latencies: list[list[float]]) -> Sample:
    every = [latency for caller in latencies for latency in caller]
    return Sample(len(every) / watch.seconds, watch.details(len(every), every))


def _warm_up(work: Work) -> float:
    return work.pick(0.5, 0.05)


def _measured(work: Work) -> float:
    return work.pick(2.0, 0.2)
