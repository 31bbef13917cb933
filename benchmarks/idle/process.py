"""remit as people run it: the learning platform, in one process or as services, watched from outside."""

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.calls.processes import cpu_seconds
from benchmarks.relay.messages import running_server
from benchmarks.sampling import Sample, Work
from learning.driver import come_to_rest, play
from learning.process import TOPOLOGIES, Platform, Services, at_free_ports


def idle(work: Work) -> Sample:
    platform = Platform(work.folder / "data")
    try:
        platform.start()
        _warm_up(work, platform.url)
        (percent,), mib = _watch([platform.pid], work.pick(10.0, 0.5))
        platform.stop()
    finally:
        platform.kill()
    return Sample(percent, {"MiB": mib})


def service(work: Work) -> Sample:
    """The busiest of the services."""
    file = at_free_ports(TOPOLOGIES / "four-nats.toml", work.folder)
    with running_server(work) as server:
        services = Services(file, {"NATS_URL": server.url})
        try:
            services.start()
            _warm_up(work, services.urls)
            every, mib = _watch([service.pid for service in services.services.values()], work.pick(30.0, 0.5))
            services.stop()
        finally:
            services.kill()
    return Sample(max(every), {"MiB of the largest": mib, "all of them %": sum(every)})


def _warm_up(work: Work, urls: str | list[str]) -> None:
    play(urls, students=work.pick(20, 2))  # so that every subscription has followed something
    come_to_rest(urls)
    time.sleep(work.pick(1.0, 0.1))  # what follows work, as checkpoints of stores do, is not idleness


def _watch(processes: Sequence[int], seconds: float) -> tuple[list[float], float]:
    """CPU of each over some time, in % of a core; and what the largest of them holds in memory, in MiB."""
    used, begun = [cpu_seconds(process) for process in processes], time.perf_counter()
    time.sleep(seconds)  # this is what is measured
    wall = time.perf_counter() - begun
    percent = [(cpu_seconds(process) - before) / wall * 100 for process, before in zip(processes, used, strict=True)]
    return percent, max(_resident_mib(process) for process in processes)


def _resident_mib(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))
