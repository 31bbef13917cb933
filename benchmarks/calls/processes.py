"""The other process: started with the worker, found by its port, watched from outside, ended with the worker."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def running(*arguments: str, says: bool = False) -> Generator[int]:
    """A Python program in a process of its own; its process id. With `says` it is ready once it has printed a line."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE if says else sys.stderr, start_new_session=True,
        preexec_fn=_die_with_the_worker,
    )  # fmt: skip
    try:
        if process.stdout is not None and not process.stdout.readline():
            raise RuntimeError(f"{' '.join(arguments)} ended before it was ready")
        yield process.pid
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _die_with_the_worker() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def wait_for(port: int) -> None:
    """Returns once somebody listens there."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"nobody listens on port {port}")


def cpu_seconds(process: int) -> float:
    """CPU time of another process and its children, all their threads."""
    return sum(map(_cpu_seconds, [process, *_children(process)]))


def _cpu_seconds(process: int) -> float:
    clock = ctypes.c_int()
    if failed := ctypes.CDLL(None).clock_getcpuclockid(process, ctypes.byref(clock)):
        raise OSError(failed, os.strerror(failed), str(process))
    return time.clock_gettime(clock.value)


def _children(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in children]
