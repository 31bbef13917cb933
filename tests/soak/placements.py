"""The same cohort on every topology of the learning platform; their answers compared, their stores counted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

from learning import checker
from learning.driver import GaveUp, Surprised, Told, come_to_rest, play
from learning.process import TOPOLOGIES
from tests.placements.answers import Answers, ask_everything
from tests.placements.databases import Databases, Layout, running_on
from tests.placements.deployment import NAMES, running

__all__ = ["FIRST", "Played", "names_for", "place_everywhere"]

FIRST = "monolith"
"""What the answers of all others are compared with."""


@dataclass
class Played:
    """What happened on one topology, and everything in it that does not hold."""

    topology: str
    processes: int = 0
    students: int = 0
    answers: int = 0
    retries: int = 0
    counts: dict[str, int] = field(default_factory=dict[str, int])
    findings: list[str] = field(default_factory=list[str])
    seconds: float = 0.0


def names_for(store: str) -> list[str]:
    """The topologies that can be had with these stores, the first one first."""
    within = ["postgresql/four"] if store in ("postgres", "postgres-roles") else []
    return [FIRST, *(name for name in NAMES if name != FIRST), *within]


def place_everywhere(
    students: int,
    seed: int,
    folder: Path,
    progress: Callable[[int, int], None],
    server: str = "",
    layout: Layout = "postgres",
) -> Generator[Played]:
    """Plays the cohort on one topology after the other. `progress` is told how many are done, and how many students.

    With `server`, the address of a PostgreSQL server, the stores are in databases there. What lies in `folder` stays
    there for a topology with findings.
    """
    first: tuple[Answers, list[Told]] | None = None
    for number, name in enumerate(names_for(layout if server else "sqlite")):
        played = Played(name)
        begun = time.monotonic()

        def through(count: int, number: int = number, played: Played = played) -> None:
            played.students = count
            progress(number, number * students + count)

        try:
            databases = Databases(server, layout) if server else None
            answers, told = _play(played, databases, folder / name, students, seed, through)
        except (RuntimeError, GaveUp, Surprised) as error:  # a service, or a student, did not get through
            played.findings.append(f"{type(error).__name__}: {error}")
        else:
            first = first or (answers, told)
            played.findings += answers.differences(first[0])
            played.findings += [f"{each} was told otherwise in {FIRST}" for each in told if each not in first[1]]
        played.seconds = time.monotonic() - begun
        if not played.findings:
            shutil.rmtree(folder / name)
        yield played


def _play(
    played: Played,
    databases: Databases | None,
    folder: Path,
    students: int,
    seed: int,
    through: Callable[[int], None],
) -> tuple[Answers, list[Told]]:
    name = played.topology
    file = TOPOLOGIES / f"{name}.toml"
    with running_on(databases, file, folder) if databases else running(name, folder) as services:
        played.processes = len(services.services)
        told = play(services.urls, students=students, seed=seed, through=through)
        come_to_rest(services.urls)
        answers = ask_everything(services.urls, told)
        played.answers = len(answers.by_query)
        played.retries = sum(student.retries for student in told)
        played.findings += [f"{name}: exit code {code}" for name, code in services.stop().items() if code]
        stores = databases.read() if databases else checker.read(services.data)
    played.counts = checker.counts(stores)
    played.findings += checker.check(stores, told)
    return answers, [replace(student, retries=0, failures=0) for student in told]
