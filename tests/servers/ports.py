"""Ports for the servers of tests: the system gives out none of them by itself, and each worker has its own.

So nobody else takes the port of a server that has just been chosen, or is being restarted.
"""

from __future__ import annotations

import os

from learning import process

HOST = "127.0.0.1"
WORKERS = 8
"""So many have ports of their own."""


def _own() -> range:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return process.PORTS
    each = len(process.PORTS) // WORKERS
    first = int(worker.removeprefix("gw")) % WORKERS * each
    return process.PORTS[first : first + each]


process.ports = process.Ports(_own())  # also for the services of the learning platform


def free_port() -> int:
    """A port that nobody listens on now, and that was not given out for long."""
    return process.ports.free()
