"""remit as people run it: `remit run` on the learning platform, watched from outside."""

import ctypes
import os
import time

from benchmarks.sampling import Sample, Work
from learning.driver import come_to_rest, play
from learning.process import Platform


def idle(work: Work) -> Sample:
    platform = Platform(work.folder / "data")
    try:
        platform.start()
        play(platform.url, students=work.pick(20, 2))  # so that every subscription has followed something
        come_to_rest(platform.url)
        time.sleep(work.pick(1.0, 0.1))
        cpu, wall = _cpu_seconds(platform.pid), time.perf_counter()
        time.sleep(work.pick(10.0, 0.5))
        cpu, wall = _cpu_seconds(platform.pid) - cpu, time.perf_counter() - wall
        platform.stop()
    finally:
        platform.kill()
    return Sample(cpu / wall * 100)


def _cpu_seconds(process: int) -> float:
    """CPU time of another process, all its threads."""
    clock = ctypes.c_int()
    if failed := ctypes.CDLL(None).clock_getcpuclockid(process, ctypes.byref(clock)):
        raise OSError(failed, os.strerror(failed), str(process))
    return time.clock_gettime(clock.value)
