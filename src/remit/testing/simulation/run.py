"""A simulated run: a system in a cluster, clients, faults, and then a calm phase in which everything must settle."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from remit.observability import HandlerRaised, KeyParked, RuntimeEvent, line_of
from remit.runtime.following.states import BROKEN
from remit.testing.simulation.cluster import Choices, Cluster, ClusterDoor, Weather
from remit.testing.simulation.cluster.loop import Livelock, Standstill
from remit.testing.simulation.cluster.mishaps import Mishaps
from remit.testing.simulation.cluster.placements import apart, together, with_edges
from remit.testing.simulation.cluster.points import Points
from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.judges.delivery import judge_delivery
from remit.testing.simulation.judges.peace import stopped, unsettled
from remit.testing.simulation.scene import Scene

__all__ = ["Report", "run_scene", "simulate"]


@dataclass
class Report:
    """The result of a run."""

    scene: Scene
    verdicts: list[Verdict]
    digest: str
    steps: int
    seconds: float
    """Virtual."""
    crashes: int
    orders: int
    """The number of answers that clients rely on."""
    fired: tuple[str, ...]
    """The faults that happened, as `Choices` names them."""
    stopped: frozenset[str]
    """Subscriptions that ended as regressed or lost-source, with a reason."""
    deleted: int
    """The number of messages deleted from all logs."""
    points: Points
    """Where tasks waited, if the scene asks for it."""

    def faults(self) -> Counter[str]:
        """How often each kind of fault happened."""
        return Counter(name.rpartition(":")[0] for name in self.fired)


def simulate(seed: int, *, pull: bool = True, restore: str = "", apart: bool = False) -> Report:
    """Runs the shop with all faults of this seed. Only the seed and the code determine what happens.

    Without `pull`, reads across contexts return nothing: messages arrive only through the broker. With `restore`, the
    store of this context is restored from a backup once. `apart` runs contexts in different processes.
    """
    return run_scene(Scene(seed, pull, restore, apart))


def run_scene(scene: Scene) -> Report:
    """Runs a scene."""
    memory = Path("/dev/shm")  # noqa: S108  a directory in memory, made with a name of its own
    with TemporaryDirectory(prefix="remit-simulation-", dir=memory if memory.is_dir() else None) as folder:
        return _Run(scene, Path(folder)).run()


class _Run:
    def __init__(self, scene: Scene, folder: Path) -> None:
        self._scene = scene
        self._choices = choices = Choices(scene.seed, scene.faults)
        self._weather = Weather(choices)
        self._workload = work = scene.workload(choices, self._weather, scene.clients, scene.orders)
        self._files = Files(folder, work.contexts)
        self._verdicts: list[Verdict] = []
        self._stopped: set[str] = set()
        self._points = Points(scene.strike)
        placement = apart(choices, work.contexts, work.layers) if scene.apart else together(choices, work.contexts)
        if scene.edges:
            placement = with_edges(choices, placement)
        self._cluster = Cluster(
            folder, choices, work.release, placement, self._hear, pull=scene.pull, far=scene.far,
            points=self._points if scene.points or scene.strike else None, tables=work.tables,
            encoding="msgpack" if scene.packed else "json", is_held=work.is_held,
        )  # fmt: skip
        self._door = ClusterDoor(self._cluster, choices)

    def run(self) -> Report:
        loop, choices, files = self._cluster.loop, self._choices, self._files
        try:
            loop.run_until_complete(self._story())
        except (Livelock, Standstill) as end:
            self._accuse("stuck", f"{type(end).__name__}: {end}")
        finally:
            self._verdicts += [Verdict("false", f"nobody took {error!r}") for error in loop.unhandled()]
            self._cluster.end()
        if missed := self._points.missed:
            self._accuse("misled", missed)
        self._verdicts += judge_delivery(files, self._workload.effects, self._stopped, several=self._workload.several)
        self._verdicts += self._workload.judge(files, self._stopped)
        crashes = sum(node.crashes for node in self._cluster.nodes)
        return Report(
            self._scene, self._verdicts, choices.digest(), loop.steps, loop.now, crashes, self._workload.answered,
            tuple(choices.fired), frozenset(self._stopped), files.deleted(), self._points,
        )  # fmt: skip

    def _accuse(self, judge: str, what: str) -> None:
        self._verdicts.append(Verdict(judge, what))

    async def _story(self) -> None:
        cluster, door, choices, scene = self._cluster, self._door, self._choices, self._scene
        cluster.start()
        mishaps = Mishaps(cluster, door, choices)
        going_on = [asyncio.create_task(mishaps.crash())]
        if scene.trims:
            going_on.append(asyncio.create_task(mishaps.trim()))
        people = [mishaps.operate(self._weather), *self._workload.people(door)]
        if scene.restore:
            people.append(self._restore(mishaps))
        await asyncio.gather(*people)
        await asyncio.sleep(choices.delay("last mishaps", 10.0))
        for each in going_on:
            each.cancel()
        choices.calm = True
        await self._workload.peace(door)
        self._verdicts += await unsettled(cluster, self._files, self._weather, self._workload.stays_parked)
        self._verdicts += await self._workload.settled(door)
        self._stopped = stopped(cluster, self._files)
        for node in cluster.nodes:
            if not await cluster.stop(node):
                self._accuse("stuck", f"{node.name} does not stop")

    async def _restore(self, mishaps: Mishaps) -> None:
        """Restores a store. Then clients have more to do."""
        context = self._scene.restore
        await mishaps.put_back(
            context, lambda restore: self._workload.replaced(context, restore, self._files), trims=self._scene.trims
        )
        await self._workload.afterwards(self._door)

    def _hear(self, event: RuntimeEvent) -> None:
        line = line_of(event)
        if line is None:
            return
        self._choices.note(f"{self._cluster.loop.now:.6f} {line.word} {line.where} {line.what}")
        if isinstance(event, KeyParked) and event.attempts == 1 and not self._workload.excuses(event):
            self._accuse("false", f"parked without need: {line.where} {line.error!r}")
        if line.word in BROKEN and not self._cluster.restored:
            self._accuse("false", f"{line.word}: {line.where} {line.what}")
        if isinstance(event, HandlerRaised) and not self._workload.excuses(event):
            self._accuse("false", f"{line.where} failed: {line.what}")
