"""Services that are killed, and started again whatever they die of."""

from __future__ import annotations

import os
import random
import select
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from learning.process import Service, Services
from tests.servers.nats import NatsServer

__all__ = ["kept_running"]

UPTIME_SECONDS = (0.0, 0.6)
"""From one kill to the next: a moment between these, drawn anew each time."""
BROKER_DIES = 0.1
"""Share of kills that hit the broker, where there is one."""
STARTS = 5
"""How often a service may die while it starts."""


@contextmanager
def kept_running(services: Services, nats: NatsServer | None, kills: int, seed: int) -> Generator[Callable[[], int]]:
    """Kills so many of them at random moments of the block, which gets to know how many it were, and keeps all running
    until its end. Then they are stopped."""
    keeper = _Keeper(services, nats, kills, seed)
    threads = [threading.Thread(target=keeper.keep, args=[service]) for service in services.services.values()]
    threads.append(threading.Thread(target=keeper.kill))
    for thread in threads:
        thread.start()
    try:
        yield lambda: keeper.killed
    finally:
        with keeper.turn:
            keeper.over.set()
        services.stop()
        for thread in threads:
            thread.join()


def _wait_for(process: int) -> None:
    """Returns when it has ended, and leaves to others to wait for it."""
    ended = os.pidfd_open(process)
    try:
        select.select([ended], [], [])
    finally:
        os.close(ended)


class _Keeper:
    def __init__(self, services: Services, nats: NatsServer | None, kills: int, seed: int) -> None:
        self.turn = threading.Lock()
        self.over = threading.Event()
        self.killed = 0
        self._services = list(services.services.values())
        self._nats = nats
        self._kills = kills
        self._moments = random.Random(seed)

    def keep(self, service: Service) -> None:
        """Starts a service again as often as it dies."""
        while True:
            with suppress(ProcessLookupError):  # it has been waited for
                _wait_for(service.pid)
            with self.turn:
                if self.over.is_set():
                    return
                service.kill()
                _start(service)

    def kill(self) -> None:
        """Kills one after the other, with all others running."""
        while self.killed < self._kills and not self.over.wait(self._moments.uniform(*UPTIME_SECONDS)):
            with self.turn:
                if self._nats is not None and self._moments.random() < BROKER_DIES:
                    self._nats.restart()
                else:
                    os.kill(self._moments.choice(self._services).pid, signal.SIGKILL)
                self.killed += 1
            time.sleep(0.01)  # whoever starts it again takes its turn


def _start(service: Service) -> None:
    for _ in range(STARTS):
        with suppress(RuntimeError):  # it has died before it was ready
            return service.start()
    return service.start()
