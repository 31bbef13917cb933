"""A cohort on disturbed services, with every layer that guards it or without one; counted from outside afterwards."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from learning import checker
from learning.driver import COURSES, Client, Directory, GaveUp, Surprised, Told, play
from learning.process import Platform, Services
from tests.ablations.disturbances import PREFIX
from tests.ablations.keeping import kept_running
from tests.ablations.spoiling import spoil_service
from tests.placements.deployment import deployed
from tests.servers.streams import count_messages

__all__ = ["Ablation", "Run", "run"]

REST_SECONDS = 45.0
"""How long what has begun may take to come to its end."""
LOST_SECONDS = 2.0
"""The same where a layer is missing: what is lost does not come, however long one waits."""
RESTART_SECONDS = 6.0
"""How much longer one waits where services are killed."""


class Ablation(NamedTuple):
    """A layer, where it is taken away, what disturbs the services then, and what the checker must say."""

    layer: str
    topology: str
    """The text of a topology file."""
    disturbed: Mapping[str, str]
    """Disturbances by service."""
    missing: Mapping[str, str]
    """Layers that are taken away, by service."""
    finds: str
    """A pattern."""
    hasty: bool = False
    """Whether students do not wait for what follows from their enrollments."""
    at_once: int = 12
    """How many students do something at the same time."""
    retried: str = ""
    """A subscription whose parked keys somebody retries."""


@dataclass
class Run:
    """How it went."""

    findings: list[str] = field(default_factory=list[str])
    gave_up: str = ""
    """What a student was waiting for in vain."""
    disturbances: dict[str, int] = field(default_factory=dict[str, int])
    """How often each disturbed service was disturbed."""
    kills: int = 0
    published: int = 0
    """How many messages the logs hold for other contexts."""
    streamed: int = 0
    """How many messages the broker holds, where there is one."""
    seconds: float = 0.0

    def matching(self, pattern: str) -> list[str]:
        """The findings that say this."""
        return [finding for finding in self.findings if re.search(pattern, finding)]


def run(ablation: Ablation, folder: Path, *, whole: bool, students: int = 12, kills: int = 0, seed: int = 1) -> Run:
    """Plays the cohort on the disturbed services, with every layer if `whole`; says what the checker finds."""
    begun = time.monotonic()
    outcome = Run()
    patience = LOST_SECONDS + (RESTART_SECONDS if kills else 0.0)
    draft = folder / "draft"
    draft.mkdir(parents=True)
    (draft / "ablation.toml").write_text(ablation.topology)
    told: list[Told] = []
    with deployed(draft / "ablation.toml", folder) as (services, nats):
        _spoil(services, ablation, folder, whole=whole)
        services.start()
        with kept_running(services, nats, kills, seed) as killed:
            try:
                told = _play(services, ablation, students, seed, REST_SECONDS if whole else patience)
            except (GaveUp, Surprised) as error:
                outcome.gave_up = f"{type(error).__name__}: {error}"
            outcome.kills = killed()
            _come_to_rest(services, ablation, REST_SECONDS if whole else patience)
        if nats is not None:
            outcome.streamed = asyncio.run(count_messages(nats.url))
    stores = checker.read(services.data)
    outcome.findings = checker.check(stores, told)
    outcome.published = sum(len(kept.log[checker.PUBLISHED]) for kept in stores.values())
    for name in ablation.disturbed:
        logs = [service.log() for service in services.services.values() if service.service == name]
        outcome.disturbances[name] = sum(log.count(PREFIX) for log in logs)
    outcome.seconds = time.monotonic() - begun
    return outcome


def _play(services: Services, ablation: Ablation, students: int, seed: int, patience: float) -> list[Told]:
    directory = Directory(services.urls)
    if not ablation.hasty:
        return play(directory, students=students, seed=seed, at_once=ablation.at_once, patience=patience)
    with ThreadPoolExecutor(ablation.at_once) as pool:
        list(pool.map(_enroll, [directory] * students, [f"h{seed}-{number}" for number in range(students)]))
    return []


def _enroll(directory: Directory, student: str) -> None:
    """In every course, one after the other, and nothing else."""
    client = Client(directory)
    for course in COURSES:
        enrollment = f"{student}.{course}"
        body = {"enrollment": enrollment, "course": course}
        client.call("POST", f"/students/{student}/enrollments", body, key=enrollment)
    client.close()


def _come_to_rest(services: Services, ablation: Ablation, seconds: float) -> None:
    """Returns when the checker finds nothing, or when the time is over. The services are not asked: they are spoilt."""
    end = time.monotonic() + seconds
    while checker.check(checker.read(services.data)) and time.monotonic() < end:
        if ablation.retried:
            Platform(services.data).remit("parked", "retry", ablation.retried, "--all")
        time.sleep(0.1)  # asked again: nothing tells when stores are at rest


def _spoil(services: Services, ablation: Ablation, folder: Path, *, whole: bool) -> None:
    """The services will be as the ablation wants them when they start."""
    for service in services.services.values():
        missing = "" if whole else ablation.missing.get(service.service, "")
        if names := f"{ablation.disturbed.get(service.service, '')} {missing}".strip():
            spoil_service(service, names, folder)
