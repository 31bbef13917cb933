"""A generated program as real processes: killed while people call it, then left in peace, then judged by the oracle.

What happens when is decided by the machine, so the same seed makes the same program, topology and wishes, and another
run all the same. A finding is told with all that is needed to run it again, and may need some runs to come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import http.client
import signal
import time
import traceback
import urllib.request
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar, cast

from remit import System
from remit.contexts import ContextMap
from remit.errors import CallError, OutcomeUnknown, RemitError
from remit.hosting.opening import Places, opened, require_all
from remit.log import SubscriptionId
from remit.operations import Rebuild, Rebuilt, sources_of
from remit.runtime import compile_system
from remit.testing.simulation.cluster import Choices, ClusterDoor, Weather
from remit.testing.simulation.cluster.nodes import Incarnation
from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.judges.delivery import judge_delivery, torn_off, unfinished
from remit.testing.simulation.programs import Program, load, scene_of, written
from remit.testing.simulation.programs.excuses import Excuses
from remit.testing.simulation.programs.foreign import unfetched
from remit.testing.simulation.programs.oracle import judge
from remit.testing.simulation.programs.people import ProgramWorkload
from remit.testing.simulation.programs.translations import SIGNED
from tests.programs.life import ABSENT, NAME, PEACE, PROGRAM, RUNS, SECRET_OF_SENDERS, Job, outside
from tests.programs.lives import Life, Mould
from tests.programs.places import Kind, Place, place_of, suited, write_grants
from tests.programs.reading import Read, read

__all__ = ["Played", "play"]

T = TypeVar("T")

UPTIME_SECONDS = (0.0, 1.2)
"""From one kill to the next: a moment between these."""
KILLS = 6
"""At most by others; there are fewer where people have their answers earlier. After so many nobody kills itself."""
FRAIL = 0.08
"""Share of what handlers note after which their process dies."""
PAUSED, PAUSE_SECONDS = 0.2, (0.1, 2.0)
"""Instead of being killed so many stand still, for a while between these."""
SERVER_FAILS = 0.25
"""Instead of a process so often it is a server that fails, where there is one: connections break, or a broker dies."""
HAUNTED, ZOMBIE_SECONDS = 0.1, 13.0
"""Share of programs in which one of two equal processes stands still for longer than its leases last."""
DEAD_SECONDS = 0.3
"""How long a process that was killed stays away, at most."""
GIVES_UP = 0.08
"""Share of calls whose caller goes away after less than a fifth of a second. In peace nobody goes away."""
SETTLED_SECONDS = 240.0
"""Of peace, after which everything must have come to rest: as long as in the simulation. Nine messages that fail five
times each with what may pass take more than a minute."""
LOOK_SECONDS = 0.25
"""From one look at the stores to the next."""
END_SECONDS = 30.0
"""How long a process may take to end in order."""
START_SECONDS = 30.0


@dataclass
class Played:
    """What came of a program."""

    kind: Kind
    seed: int
    text: str
    topology: str
    folder: Path
    """Where the tapes, the logs and, if they are files, the stores are."""
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    kills: int = 0
    own: int = 0
    """Those of them that came from inside, when something was on its way."""
    pauses: int = 0
    failures: int = 0
    """Of servers."""
    switches: int = 0
    """To another version of a read model."""
    runs: int = 0
    cut: int = 0
    """Runs of handlers that a kill has cut off."""
    answers: int = 0
    late: float = 0.0
    """How late a process was at most, of which its machine is the cause."""

    def told(self) -> str:
        """What is wrong with it, and all that it takes to run it again."""
        wrong = "\n".join(f"{each.judge}: {each.what}" for each in self.verdicts)
        again = f"scripts/soak programs --real {self.kind} --only {self.seed} --count 20"
        return (
            f"{wrong}\n\nWhat it left behind: {self.folder}\nThe same program again, 20 times: {again}\n"
            "What happens when is decided by the machine: it may take more runs.\n\n"
            f"# topology.toml\n\n{self.topology}\n# program.py\n\n{self.text}"
        )


class Outside(ClusterDoor):
    """How people reach the processes: by a process that runs nothing, and calls all of them."""

    def __init__(self, choices: Choices, chance: Random, hooks: Mapping[str, Sequence[str]], topology: Path) -> None:
        """`hooks` are the addresses that take the webhooks of each context."""
        super().__init__(cast("Any", None), choices)
        self._hooks, self._topology = hooks, topology
        self.host: Any = None
        """What calls; None as long as there is nobody to call."""
        self.switches = 0
        """To another version of a read model."""
        self.gives_up = GIVES_UP
        self._chance = chance

    def somebody(self) -> Incarnation | None:
        return None if self.host is None else cast("Incarnation", self)

    async def post(self, source: str, body: bytes) -> bool:
        context, _, name = source.partition(".foreign:")
        return await asyncio.to_thread(_posted, self._chance.choice(self._hooks[context]), context, name, body)

    async def rebuild(self, model: str, work: Callable[[Rebuild], Coroutine[Any, Any, Rebuilt]]) -> bool:
        """Runs it beside the processes, as `remit rebuild` does."""
        places, declared = Places.at(str(self._topology)), self.host.model
        async with opened(places, require_all(places, sources_of(declared, model))) as stores:
            done = await self.ask(cast("Any", self), work(Rebuild(declared, model, stores)))
        switched = isinstance(done, Rebuilt) and done.live > 0
        self.switches += switched
        return switched

    async def ask(self, living: Incarnation, work: Coroutine[Any, Any, T]) -> T | CallError | None:
        patience = self._chance.random() * 0.2 if self._chance.random() < self.gives_up else None
        try:
            async with asyncio.timeout(patience):
                return await work
        except (OutcomeUnknown, TimeoutError):
            return None
        except CallError as error:
            return error


def _posted(address: str, context: str, name: str, body: bytes) -> bool:
    """Sends a signed request. Whether the answer says that it has arrived."""
    signature = hmac.digest(SECRET_OF_SENDERS.encode(), body, "sha256").hex()
    request = urllib.request.Request(f"http://{address}/-/hooks/{context}/{name}", body, {SIGNED: signature})
    with contextlib.suppress(OSError, http.client.HTTPException), urllib.request.urlopen(request, timeout=5.0) as told:
        return int(told.status) in (200, 202)
    return False


async def play(
    mould: Mould, program: Program, kind: Kind, seed: int, server: str, folder: Path, *,
    frail: float = FRAIL, plant: str = "",
) -> Played:  # fmt: skip
    """Plays a program in processes on stores of this kind. What they leave behind is in a folder, which is empty.
    `server` is the address of a PostgreSQL server, where one is needed.

    `frail` is the share of what handlers note after which their process dies, `plant` a bug: `module:function`.
    """
    program = suited(program, kind)
    place = place_of(program, kind, seed, server, folder)
    await place.prepare()
    played = Played(kind, seed, _text_of(program), place.topology(NAME), folder)
    try:
        await _Play(mould, played, place, frail, plant).run()
    except Exception as error:  # noqa: BLE001  a program that cannot be run, or judged, is a finding
        played.verdicts.append(Verdict("error", "".join(traceback.format_exception(error))))
    finally:
        await place.clear()
    return played


def _text_of(program: Program) -> str:
    """With a scene of the simulation that is like this one: everything together, and logs that can be read."""
    return written(program, scene_of(0))


class _Play:
    def __init__(self, mould: Mould, played: Played, place: Place, frail: float, plant: str) -> None:
        self._mould, self._played, self._place, self._frail, self._plant = (
            mould, played, place, frail, plant,
        )  # fmt: skip
        self._folder = folder = played.folder
        self._chance = Random(f"play {place.kind} {played.seed}")
        name = f"{NAME}_{place.system}"
        choices = Choices(played.seed)
        workload: type[ProgramWorkload] = load(played.text, f"{name}_text").SCENE.workload
        self._work = workload(choices, Weather(choices), None, None)
        self._door = Outside(choices, self._chance, place.hooks, self._folder / "outside.toml")
        self._map: ContextMap = self._work.system()
        self._system = outside(self._map, name, place.system)
        self._subscriptions = subscriptions_of(self._system)
        self._lives: dict[tuple[str, int], Life] = {}
        self._late: defaultdict[int, float] = defaultdict(float)
        self._born = 0
        self._peace = float("inf")
        self._failing: asyncio.Task[bool] | None = None
        """What happens to a server, which is not left half done."""
        (folder / PROGRAM).write_text(played.text)
        (folder / "topology.toml").write_text(played.topology)
        (folder / "outside.toml").write_text(played.topology.replace(f'"{NAME}:', f'"{name}:'))
        for file in ("topology.toml", "outside.toml") if place.keyed else ():
            write_grants(folder / file, self._system)

    async def run(self) -> None:
        try:
            await self._place.make(self._work.tables)
            for each in self._place.processes:
                self._begin(each)
            async with asyncio.timeout(START_SECONDS):
                for life in self._lives.values():
                    await life.ready.wait()
            async with _watched() as late, self._system.connect(topology=str(self._folder / "outside.toml")) as caller:
                self._door.host = caller
                await self._disturbed()
                await self._settle()
            await self._end()
            self._late[0] = max(late, default=0.0)
            await self._judge()
        finally:
            await asyncio.gather(*(life.kill() for life in self._lives.values()))

    # ── processes ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, who: tuple[str, int]) -> None:
        self._born += 1
        seed = self._chance.randrange(1 << 30)
        frail = self._frail if self._played.kills < KILLS else 0.0
        job = Job(str(self._folder), *who, self._born, seed, self._place.system, frail, self._plant)
        self._lives[who] = self._mould.begin(job)

    async def _disturbed(self) -> None:
        """People call while processes are killed, and begun again."""
        disturbing = [asyncio.create_task(self._kill()), asyncio.create_task(self._keep())]
        await asyncio.gather(self._haunt(), *self._work.people(self._door))
        for each in disturbing:
            each.cancel()
        await asyncio.gather(*disturbing, return_exceptions=True)
        if self._failing is not None:
            await self._failing  # a broker that was killed is there again
        self._keep_all()
        await asyncio.gather(*(life.ready.wait() for life in self._lives.values()))

    def _keep_all(self) -> None:
        """Who has ended is begun again."""
        for who, life in list(self._lives.items()):
            if life.ended.is_set():
                self._check_end(life)
                self._begin(who)

    async def _kill(self) -> None:
        """At moments at which mostly nothing happens. Others kill themselves, when something does."""
        for _ in range(KILLS):
            await asyncio.sleep(self._chance.uniform(*UPTIME_SECONDS))
            life = self._lives[self._chance.choice(list(self._lives))]
            if self._chance.random() < SERVER_FAILS:
                self._failing = asyncio.create_task(self._place.fail(self._chance))
                self._played.failures += await asyncio.shield(self._failing)
            elif self._chance.random() < PAUSED:
                await self._pause(life, self._chance.uniform(*PAUSE_SECONDS))
            else:
                await life.kill()

    async def _haunt(self) -> None:
        """One of two that run the same stands still until its work is in other hands, and comes back."""
        if len({service for service, _ in self._lives}) < len(self._lives) and self._chance.random() < HAUNTED:
            await asyncio.sleep(self._chance.random())
            who = self._chance.choice([each for each in self._lives if (each[0], 1) in self._lives])
            await self._pause(self._lives[who], ZOMBIE_SECONDS)

    async def _pause(self, life: Life, seconds: float) -> None:
        self._played.pauses += 1
        self._late[life.job.life] += seconds
        await life.pause(seconds)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._chance.random() * DEAD_SECONDS)
            self._keep_all()

    def _check_end(self, life: Life) -> None:
        self._played.kills += life.status == -signal.SIGKILL
        self._played.own += life.status == -signal.SIGKILL and not life.is_killed
        if life.status not in (0, ABSENT, -signal.SIGKILL):
            log = (self._folder / f"{life.job.service}.log").read_text(errors="replace")[-2000:]
            self._accuse("stuck", f"{life.job.service}#{life.job.replica + 1} has ended with {life.status}:\n{log}")

    # ── peace ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _settle(self) -> None:
        """Waits until nothing is left to do, while somebody has parked keys tried again."""
        (self._folder / PEACE).touch()
        self._peace = time.monotonic()
        self._door.gives_up = 0.0
        await self._ask_again()
        left, quiet = ["not looked"], 0
        while quiet < 2 and time.monotonic() < self._peace + SETTLED_SECONDS:
            self._keep_all()
            await self._try_again()
            for life in self._lives.values():
                life.ask()
            await asyncio.sleep(LOOK_SECONDS)
            found = await asyncio.to_thread(read, self._work.tape, self._folder, self._peace)
            left = await self._left(found)
            quiet = 0 if left else quiet + 1
        for what in left:
            self._accuse("stuck", what)

    async def _ask_again(self) -> None:
        """Who has given a key asks once more. A process that was about to kill itself is begun again meanwhile."""
        keeping = asyncio.create_task(self._keep())
        try:
            await self._work.ask_again(self._door)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _left(self, found: Read) -> list[str]:
        files = await self._place.files(self._folder)
        excuses = Excuses(found.tape, [self._map])
        living = {life.job.life for life in self._lives.values() if not life.ended.is_set()}
        open_runs = [run for run in found.tape.runs if run.ended is None and run.number // RUNS in living]
        left = unfinished(files, self._subscriptions, excuses.stays_parked)
        left += [*unfetched(files, self._work.sources), *self._beliefs(found)]
        return [*left, *(f"run {run.number} of {run.handler} for {run.path} goes on" for run in open_runs)]

    async def _try_again(self) -> None:
        with contextlib.suppress(RemitError):
            async with opened(Places.at(str(self._folder / "outside.toml")), self._place.contexts) as stores:
                for store in stores.values():
                    for subscription in await store.parking():
                        await store.retry(subscription.name, None, time.time())

    async def _end(self) -> None:
        lives = self._lives
        for who, life in lives.items():
            try:
                async with asyncio.timeout(END_SECONDS):
                    await life.ready.wait()  # before, it is not yet told to end by a signal: it just dies
                    await life.kill(signal.SIGTERM)
            except TimeoutError:
                self._accuse("stuck", f"{who} does not stop")
                await life.kill()
            self._check_end(life)

    # ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _accuse(self, judge: str, what: str) -> None:
        self._played.verdicts.append(Verdict(judge, what))

    async def _judge(self) -> None:
        played = self._played
        found = read(self._work.tape, self._folder, self._peace, self._late)
        files = await self._place.files(self._folder)
        played.verdicts += [Verdict("false", what) for what in found.accused]
        played.verdicts += [Verdict("silent", f"{name} stands on nothing") for name in torn_off(files)]
        played.verdicts += judge_delivery(files, {}, (), several=True)
        played.verdicts += judge(found.tape, self._map, files, (), self._work.sources)
        played.runs, played.late = len(found.tape.runs), max(found.late.values(), default=0.0)
        played.cut = sum(run.ended is None for run in found.tape.runs)
        played.answers, played.switches = self._work.answered, self._door.switches

    def _beliefs(self, found: Read) -> Iterator[str]:
        """Processes say that all is well, and each subscription is run by one of them."""
        beliefs = [each for life in self._lives.values() for each in found.beliefs.get(life.job.tape.stem, ())]
        run = Counter(each.id for each in beliefs if each.state not in ("standby", "stopped"))
        for each in beliefs:
            if each.is_subscription and each.state not in ("running", "standby"):
                yield f"{each.id.name} is {each.state}: {each.note}"
        for id in self._subscriptions:
            if run[id] != 1:
                yield f"{run[id]} processes run {id.name}"


def subscriptions_of(system: System) -> set[SubscriptionId]:
    """What follows logs in a system, but for relays."""
    plans = compile_system(system.model())
    return {id for plan in plans.values() for id in plan.follows}


@asynccontextmanager
async def _watched() -> AsyncGenerator[list[float]]:
    """How late this process is."""
    late: list[float] = []

    async def look() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.05)
            late.append(time.monotonic() - before - 0.05)

    looking = asyncio.create_task(look())
    try:
        yield late
    finally:
        looking.cancel()
