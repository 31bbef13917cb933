"""A cohort plays while services of a topology are killed, their broker is killed and wiped, and one is a zombie."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from learning import checker
from learning.driver import Directory, GaveUp, Surprised, Told, come_to_rest, play
from learning.process import Service, Services
from tests.placements.databases import Databases, deployed_on
from tests.placements.deployment import Deployment, deployed
from tests.servers.nats import NatsServer
from tests.soak.crash import AT_ONCE, PATIENCE_SECONDS, Outcome, Sizes

__all__ = ["crash_services"]

UPTIME_SECONDS = (0.0, 0.6)
"""From one kill to the next: a moment between these, drawn anew each time."""
OVERLAPS = 0.6
"""Share of kills after which the next comes while what was killed is still starting. Otherwise it is ready first."""
BROKER_DIES = 0.1
"""Share of kills that hit the broker, where there is one."""
ZOMBIE_SECONDS = 13.0
"""How long a replica is paused: longer than a lease, so that its work is in other hands when it comes back."""
PAUSE_SECONDS = 2.0
"""How long a service is paused that has no replicas."""
STARTS = 5
"""How often a service may fail to start before that is a finding: the broker may be away just then."""


def crash_services(
    sizes: Sizes,
    folder: Path,
    progress: Callable[[Outcome], None] = lambda _: None,
    databases: Databases | None = None,
) -> Outcome:
    """Plays the cohort in `folder` while the services of a topology die; then what must hold, in `findings`.

    With `databases` the stores are there.
    """
    topology = Path(sizes.topology)
    outcome = Outcome()
    begun = time.monotonic()
    with deployed_on(databases, topology, folder) if databases else deployed(topology, folder) as deployment:
        read = databases.read if databases else partial(checker.read, deployment.services.data)
        try:
            _Crash(deployment, sizes, outcome, progress, read, partial(read, glance=True)).run()
        except (RuntimeError, GaveUp, Surprised) as error:  # a service, or a student, did not get through
            outcome.findings.append(f"{type(error).__name__}: {error}")
    outcome.seconds = time.monotonic() - begun
    return outcome


class _Crash:
    def __init__(
        self,
        deployment: Deployment,
        sizes: Sizes,
        outcome: Outcome,
        progress: Callable[[Outcome], None],
        read: Callable[[], dict[str, checker.Kept]],
        glance: Callable[[], dict[str, checker.Kept]],
    ) -> None:
        self._services: Services = deployment.services
        self._nats: NatsServer | None = deployment.nats
        self._sizes = sizes
        self._outcome = outcome
        self._progress = progress
        self._read = read
        self._glance = glance
        self._moments = random.Random(sizes.seed)
        self._pool = ThreadPoolExecutor(len(self._services.services) + 1)
        self._starting: dict[str, Future[None]] = {}
        self._directory = Directory([])
        self._zombie: Service | None = None
        self._awakes = 0.0

    def run(self) -> None:
        outcome = self._outcome
        self._services.start()
        self._directory = Directory(self._services.urls)
        cohort = self._pool.submit(self._play)
        try:
            self._kill_during(cohort)
            self._come_back()
            told = cohort.result()
        finally:
            self._pool.shutdown(wait=False)  # without services, a cohort that still plays gives up by itself
        for starting in self._starting.values():
            starting.result()
        come_to_rest(self._directory)
        outcome.findings += [f"{name}: exit code {code}" for name, code in self._services.stop().items() if code]
        stores = self._read()
        outcome.retries = sum(student.retries for student in told)
        outcome.counts = checker.counts(stores)
        outcome.findings += checker.check(stores, told)

    def _play(self) -> list[Told]:
        def count(through: int) -> None:
            self._outcome.students = through
            self._progress(self._outcome)

        return play(
            self._directory, students=self._sizes.students, seed=self._sizes.seed, at_once=AT_ONCE, through=count,
            longer=lambda: self._outcome.kills < self._sizes.kills, patience=PATIENCE_SECONDS,
        )  # fmt: skip

    def _kill_during(self, cohort: Future[list[Told]]) -> None:
        """The moments are random, and nothing waits for a good one."""
        outcome = self._outcome
        while outcome.kills < self._sizes.kills:
            if self._moments.random() >= OVERLAPS:
                while wait(self._starting.values(), timeout=1.0).not_done:
                    self._come_back(self._awakes)  # what starts may wait for a lock that it holds
            time.sleep(self._moments.uniform(*UPTIME_SECONDS))
            if cohort.done():
                return
            if outcome.kills == self._sizes.kills // 4 and not outcome.zombies:
                self._pause()
            self._come_back(self._awakes)
            outcome.kills += self._kill()
            self._progress(outcome)

    def _kill(self) -> bool:
        """Kills something, and begins to start it again. False when nothing runs that could be killed."""
        outcome = self._outcome
        if self._nats is not None and outcome.kills == self._sizes.kills // 2 and not outcome.wipes:
            outcome.wipes += 1
            self._nats.kill()
            outcome.between += self._is_between()
            self._nats.wipe()
            return True
        if self._nats is not None and self._moments.random() < BROKER_DIES:
            self._nats.kill()
            outcome.between += self._is_between()
            self._nats.start()
            return True
        ready = [service for service in self._services.services.values() if self._is_ready(service)]
        if not ready:
            return False
        service = self._moments.choice(ready)
        service.kill()
        outcome.between += self._is_between()
        self._starting[service.name] = self._pool.submit(self._start, service)
        return True

    def _is_between(self) -> bool:
        return bool(checker.owed(self._glance()))

    def _is_ready(self, service: Service) -> bool:
        starting = self._starting.get(service.name)
        if starting is not None and starting.done():
            starting.result()  # or it did not start at all
        return service is not self._zombie and (starting is None or starting.done())

    def _start(self, service: Service) -> None:
        for _ in range(STARTS - 1):
            try:
                service.start()
            except RuntimeError:
                self._outcome.starting += 1
            else:
                return
        service.start()

    def _pause(self) -> None:
        """A replica where there are some, otherwise any service."""
        ready = [service for service in self._services.services.values() if self._is_ready(service)]
        replicas = [service for service in ready if "#" in service.name]
        if ready:
            self._zombie = self._moments.choice(replicas or ready)
            self._zombie.pause()
            self._awakes = time.monotonic() + (ZOMBIE_SECONDS if replicas else PAUSE_SECONDS)
            self._outcome.zombies += 1

    def _come_back(self, when: float = 0.0) -> None:
        """The zombie goes on, once it is time."""
        if self._zombie is not None and time.monotonic() >= when:
            self._zombie.resume()
            self._zombie = None
