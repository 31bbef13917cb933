"""One life of a service of a generated program: a process that a user might have started, until it is told to end or
killed. What its handlers note is in a file by the time they go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from remit import System
from remit.contexts import ContextMap
from remit.errors import Unavailable
from remit.hosting import event_loop
from remit.hosting.event_loop import told_to_end
from remit.hosting.services import Replica, ServiceProcess, make_service
from remit.hosting.serving import Doors, EdgeSettings, listen, serve
from remit.messages import Refusal
from remit.observability import HandlerRaised, KeyParked, RuntimeEvent, line_of
from remit.runtime import Host
from remit.runtime.following.states import BROKEN
from remit.testing.simulation.cluster import Choices, Weather
from remit.testing.simulation.programs import Tape, load
from remit.testing.simulation.programs.excuses import PASSING, Excuses
from remit.testing.simulation.programs.tape import Called, Run
from remit.testing.simulation.programs.translations import SECRET
from remit.topology.file import read_topology

__all__ = ["ABSENT", "NAME", "PROGRAM", "RUNS", "SECRET_OF_SENDERS", "Job", "live", "outside"]

NAME = "generated_program"
PROGRAM = "program.py"
SECRET_OF_SENDERS = "of the senders"
PEACE = "peace"
"""A file that says that nothing is disturbed any more, and that bugs are mended."""
ABSENT = 3
"""The exit code of a process that could not start because a server was away: another one is begun."""
RUNS = 1_000_000
"""Runs of one life have numbers of their own: so many at most."""
AWAY = 0.015
"""Share of runs that find that something they depend on is away, before there is peace."""
MOMENT_SECONDS = 0.03
"""How long a process lives on that is about to kill itself: until then what a handler has done is being written."""
LOOK_SECONDS = 0.05
"""How often a process looks how late it is."""


@dataclass(frozen=True)
class Job:
    """What a process is to run."""

    folder: str
    """Where the program, its topology and its tapes are."""
    service: str
    replica: int
    life: int
    """Processes of one program are numbered from 1."""
    seed: int
    system: str
    """The name of the system."""
    frail: float = 0.0
    """Share of what handlers note after which the process kills itself at once, or a moment later."""
    plant: str = ""
    """`module:function` of a bug."""

    @property
    def tape(self) -> Path:
        """What this life notes."""
        return Path(self.folder, f"{self.life:04}.tape")

    def line(self) -> str:
        """As it is given to who starts it."""
        return json.dumps(asdict(self))


class Pad:
    """A file that grows by a line for each thing that has happened."""

    def __init__(self, file: Path) -> None:
        self._number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, what: str, *more: Any) -> None:
        """In one piece, and with the system when this returns: a process that is killed then has said it."""
        os.write(self._number, json.dumps([what, *more]).encode() + b"\n")


class WrittenTape(Tape):
    """The tape of one life."""

    def __init__(self, job: Job, pad: Pad) -> None:
        choices = Choices(job.seed)
        super().__init__(choices, Weather(choices), job.life * RUNS)
        self._pad = pad
        self._chance = Random(job.seed)
        self._frail = job.frail
        self._peace = Path(job.folder, PEACE)

    @property
    def fixed(self) -> bool:
        return self._peace.exists()

    def now(self) -> float:
        """Not the loop's time, which stands still while the loop is busy: these are compared among processes."""
        return time.monotonic()

    async def blow(self, run: Run) -> None:
        await asyncio.sleep(0.05 * self._chance.random() ** 3)
        if self._chance.random() < AWAY and not self.fixed:
            raise Unavailable(f"what {run.handler} depends on is away")

    def note(self, what: str, run: Run, *more: Any) -> None:
        if what == "run":
            more = (run.handler, run.path, run.key, run.tries, run.began, run.parent)
        self._pad.write(what, run.number, *map(_plain, more))
        if self._chance.random() < self._frail and not self.fixed:
            moment = self._chance.random() ** 2 * MOMENT_SECONDS
            asyncio.get_running_loop().call_later(moment, os.kill, os.getpid(), signal.SIGKILL)


def _plain(value: Any) -> Any:
    if isinstance(value, Called):
        position = next((at for at, each in enumerate(value.by.calls if value.by else ()) if each is value), 0)
        return [position, value.type, value.path, value.began, value.key, value.ended, value.outcome, value.said,
                value.no]  # fmt: skip
    return told(value) if isinstance(value, BaseException) else value


def told(error: BaseException) -> list[Any]:
    """An error as far as the oracle looks at it: what kind it is, what it says, and those of the group that it is."""
    if isinstance(error, BaseExceptionGroup):
        group: BaseExceptionGroup[BaseException] = error  # pyright: ignore[reportUnknownVariableType]  # of any
        return ["group", str(group), [told(each) for each in group.exceptions]]
    kind = "passing" if isinstance(error, PASSING) else "refusal" if isinstance(error, Refusal) else "error"
    return [kind, f"{type(error).__name__}: {error}"]


class Judge:
    """Hears what the process says, and writes down what it has no reason to say."""

    def __init__(self, tape: Tape, pad: Pad) -> None:
        self._excuses = Excuses(tape)
        self._pad = pad

    def hear(self, event: RuntimeEvent) -> None:
        line = line_of(event)
        if line is None:
            return
        if isinstance(event, KeyParked) and event.attempts == 1 and not self._excuses.excuses(event):
            self._pad.write("accused", f"parked without need: {line.where} {line.error!r}")
        if line.word in BROKEN:
            self._pad.write("accused", f"{line.word}: {line.where} {line.what}")
        if isinstance(event, HandlerRaised) and not self._excuses.excuses(event):
            self._pad.write("accused", f"{line.where} failed: {line.what}")


def outside(declared: ContextMap, module: str, name: str) -> System:
    """The contexts of a program as a system of this name, which a topology file finds in this module."""
    made: Any = ModuleType(module)
    made.system = System(
        name, contexts=list(declared.contexts), headers=declared.headers, relations=list(declared.stated)
    )
    sys.modules[module] = made
    system: System = made.system
    return system


def live(job: Job, ready: Any) -> None:
    """Runs until the process is told to end. `ready` is called once it can be used."""
    if job.plant:
        place, _, function = job.plant.partition(":")
        getattr(importlib.import_module(place), function)(pytest.MonkeyPatch())
    pad = Pad(job.tape)
    tape = WrittenTape(job, pad)
    module = load(Path(job.folder, PROGRAM).read_text(), f"{NAME}_text")
    outside(module.system(tape), NAME, job.system)
    topology = read_topology(str(Path(job.folder, "topology.toml")))
    os.environ[SECRET] = SECRET_OF_SENDERS
    process = make_service(topology, Replica(job.service, job.replica), [Judge(tape, pad).hear])

    def begun(_: str | None) -> None:
        ready()

    event_loop.run(_serve(process, pad, begun))


async def _serve(process: ServiceProcess, pad: Pad, ready: Any) -> None:
    ending, host = await told_to_end(), process.host
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _say_beliefs, host, pad)
    watching = asyncio.create_task(_watch(pad))
    with contextlib.ExitStack() as stack:
        door = None if process.listens is None else stack.enter_context(listen(*process.listens))
        doors = None if door is None else Doors(process.system, host, door, EdgeSettings())
        await serve(host, doors, ending, ready)
    watching.cancel()


def _say_beliefs(host: Host, pad: Pad) -> None:
    """What the process believes of its subscriptions and relays."""
    names = {each.name for each in host.subscriptions}
    states = [[*id, each.state, each.note, each.name in names] for each in host.followers for id in each.ids]
    pad.write("believes", states)


async def _watch(pad: Pad) -> None:
    """How late a process is, which shares its machine: what is late by no more is not late."""
    worst = LOOK_SECONDS
    while True:
        before = time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
        late = time.monotonic() - before - LOOK_SECONDS
        if late > worst:
            worst = late
            pad.write("late", late)
