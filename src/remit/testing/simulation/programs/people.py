"""The callers of a program: each call is repeated as planned until it has an answer or is given up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar

from remit.checks import model_of
from remit.contexts import ContextMap, Written
from remit.errors import RemitError
from remit.log import SubscriptionId
from remit.messages import Command, Query, Refusal
from remit.observability import RuntimeEvent
from remit.runtime import Host, compile_system
from remit.runtime.work.carried import carrying
from remit.testing.simulation.cluster import Choices, ClusterDoor, Weather
from remit.testing.simulation.cluster.nodes import Incarnation
from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.programs.aging import reading, unfresh
from remit.testing.simulation.programs.excuses import Excuses
from remit.testing.simulation.programs.foreign import Sender
from remit.testing.simulation.programs.grammar import Rebuilding, Rollout, Source
from remit.testing.simulation.programs.oracle import judge
from remit.testing.simulation.programs.passing import HEADER
from remit.testing.simulation.programs.rebuilding import Watching, rebuilt
from remit.testing.simulation.programs.tape import Answer, Called, Place, Tape
from remit.testing.simulation.workloads import Workload

__all__ = ["Ask", "ProgramWorkload", "Question", "workload"]

_STARTING_SECONDS = 15.0
"""How long a deployment waits for a process to start."""
_ROUNDS = 25
"""How often parked keys are retried in calm, at most."""
_LAST_TRIES = 10
"""How often each call is repeated in calm, if what it asks for is missing."""
_AWAY = ("Unavailable:", "Overloaded:", "StoreUnavailable:")
_PATIENT = 8
"""How often a fresh query is repeated until it has an answer."""


@dataclass(frozen=True)
class Ask:
    """A call from outside."""

    path: str
    """Identifies it."""
    command: Callable[..., Command[str, Any]]
    """Makes the command from a path, and from the messages of a release if there are two."""
    at: float
    """Seconds after the beginning."""
    key: str | None = None
    """The idempotency key."""
    deadline: float = 10.0
    tries: int = 6
    copies: int = 1
    """How many clients make it in parallel."""
    anew: bool = False
    """Whether a call that changed nothing is repeated under another key."""


@dataclass(frozen=True)
class Question:
    """A query from outside for a fresh answer."""

    kind: str
    """The kind of the aggregate: `<context>.<class>`."""
    id: str
    query: Query[list[str]]
    at: float
    aged: bool = False
    """Whether it asks for what a projection shows at that moment, and for its age."""


def workload(
    system: Callable[..., ContextMap],
    calls: Sequence[Ask],
    questions: Sequence[Question] = (),
    tables: Mapping[str, Sequence[str]] = MappingProxyType({}),
    rollout: Rollout | None = None,
    sources: Sequence[Source] = (),
    rebuilds: Sequence[Rebuilding] = (),
    *,
    after: bool = False,
    halts: Sequence[tuple[str, float, float]] = (),
) -> type[Workload]:
    """A workload for a system whose handlers note on a tape what they do. `tables` are statements that create the
    users' tables, by context. With a `rollout`, the system has releases 1 and 2, and each call from outside uses the
    classes of the release that it is sent to. The messages of `sources` are sent from outside. `rebuilds` are run
    meanwhile. With `after`, callers ask for what their commands have written. `halts` are the read models that do not
    get on for a while."""
    what = {"declared": staticmethod(system), "calls": tuple(calls), "questions": tuple(questions), "tables": tables}
    more = {"rollout": rollout, "sources": tuple(sources), "rebuilds": tuple(rebuilds), "after": after, "halts": halts}
    return type("Written", (ProgramWorkload,), {**what, **more})


class ProgramWorkload(Workload):
    """A program and the calls of its clients."""

    declared: ClassVar[Callable[..., ContextMap]]
    calls: ClassVar[Sequence[Ask]]
    questions: ClassVar[Sequence[Question]] = ()
    rollout: ClassVar[Rollout | None] = None
    sources: ClassVar[Sequence[Source]] = ()
    rebuilds: ClassVar[Sequence[Rebuilding]] = ()
    halts: ClassVar[Sequence[tuple[str, float, float]]] = ()
    after: ClassVar[bool] = False
    several = True

    def __init__(self, choices: Choices, weather: Weather, clients: int | None, rounds: int | None) -> None:
        super().__init__(choices, weather, clients, rounds)
        self.tape = Tape(choices, weather)
        declared = type(self).declared
        self._maps = [declared(self.tape, 1), declared(self.tape, 2)] if self.rollout else [declared(self.tape)]
        self._deployed: dict[str, int] = {}
        """The release that a machine starts, by name of the machine."""
        self._running: dict[str, int] = {}
        """The release that a process runs, by name of the process."""
        self.contexts = self._maps[0].names  # type: ignore[misc]  # pyright: ignore[reportIncompatibleVariableOverride]  # of this program
        self.layers = layers_of(self._maps[0])  # type: ignore[misc]  # pyright: ignore[reportIncompatibleVariableOverride]  # as above
        self._sender = Sender(self.tape, choices, self.sources)
        self._asked: list[Called] = []
        self._excuses = Excuses(self.tape, self._maps)

    def system(self) -> ContextMap:
        return self._maps[0]

    def release(self, process: str) -> ContextMap:
        number = self._running[process] = self._deployed.get(process.rpartition(".")[0], 1)
        if self.tape.generations:
            self._maps[number - 1] = type(self).declared(self.tape)
        return self._maps[number - 1]

    def people(self, door: ClusterDoor) -> Iterable[Coroutine[Any, Any, None]]:
        calls = [self._ask(door, each) for each in self.calls for _ in range(each.copies)]
        calls += [] if self.rollout is None else [self._roll(door, self.rollout)]
        calls += [self._question(door, each) for each in self._fresh]
        aged = [each for each in self.questions if each.aged]
        calls += [reading(door, self.choices, self.tape, each.query, each.at) for each in aged]
        return [*calls, *self._sender.people(door), *(self._rebuild(door, each) for each in self.rebuilds)]

    @property
    def _fresh(self) -> Sequence[Question]:
        return [each for each in self.questions if not each.aged]

    @property
    def answered(self) -> int:
        return sum(each.outcome == "reply" for each in self._asked)

    def excuses(self, event: RuntimeEvent) -> bool:
        return self._excuses.excuses(event)

    def is_held(self, subscription: SubscriptionId) -> bool:
        name, now = subscription.name.partition("@")[0], self.tape.now()
        names = (name, f"{name} {subscription.source}")
        return any(each in names and at <= now < at + seconds for each, at, seconds in self.halts)

    def stays_parked(self, subscription: str, key: str) -> bool:
        return self._excuses.stays_parked(subscription, key)

    def judge(self, files: Files, stopped: Collection[str]) -> Iterable[Verdict]:
        last = len(self.rollout.at) % 2 if self.rollout else 0
        return judge(self.tape, self._maps[last], files, stopped, self.sources, {each.model for each in self.rebuilds})

    async def settled(self, door: ClusterDoor) -> Iterable[Verdict]:
        self.tape.ages.clocks_agree = door.clocks_agree
        return await unfresh(door, self.tape)

    async def peace(self, door: ClusterDoor) -> None:
        """Retries all parked keys, including those that only a person can release: at least three times, and as long as
        there are any, because each message of a key may fail once more."""
        for turn in range(_ROUNDS):
            await asyncio.sleep(5.0)
            if not turn:
                await self.ask_again(door)
                await self._sender.fetched()
            tried = [await door.ask(living, _try_again(living)) for living in door.everybody()]
            if turn > 1 and not any(tried):
                break

    async def ask_again(self, door: ClusterDoor) -> None:
        """Repeats all calls with a key for the last time."""
        asking = [self._ask_again(door, each) for each in self.calls if each.key is not None and not each.anew]
        await asyncio.gather(*asking, self._sender.again(door))

    async def _ask_again(self, door: ClusterDoor, ask: Ask) -> None:
        for _ in range(_LAST_TRIES):
            called = await self._ask_once(door, ask, ask.path, ask.key, last=ask.deadline)
            if called.outcome not in ("open", "unknown") and not called.said.startswith(_AWAY):
                return
            await asyncio.sleep(3.0)

    async def _rebuild(self, door: ClusterDoor, each: Rebuilding) -> None:
        asked = {question.id: question.query for question in self._fresh if question.kind == each.model}
        watching = Watching(door, self.choices, each.model, asked)
        await asyncio.sleep(each.at)
        await watching.begin()
        await watching.during(rebuilt(door, self.choices, each))
        self.tape.outdated += watching.outdated

    async def _roll(self, door: ClusterDoor, rollout: Rollout) -> None:
        """Restarts one process after the other with the other release; stops at one that does not start."""
        loop = asyncio.get_running_loop()
        # Wait for all processes, so that the stored state begins with the first release.
        everybody = door.processes(self.contexts)
        while any(each.living is None or each.living.host is None for each in everybody if not each.lost):  # noqa: ASYNC110  no event tells of a process
            await asyncio.sleep(0.1)
        begun = loop.time()
        for number, at in enumerate(rollout.at):
            await asyncio.sleep(max(0.0, begun + at - loop.time()))
            self.tape.rolled = min(self.tape.rolled, loop.time())
            release = 2 - number % 2
            for node in door.processes(rollout.contexts):
                if self._deployed.get(node.name, 1) != release:
                    self._deployed[node.name] = release
                    if not await door.deploy(node, _STARTING_SECONDS):
                        break

    def _made(self, ask: Ask, path: str, living: Incarnation) -> Command[str, Any]:
        """The command in the classes of the release that runs there."""
        if self.rollout is None:
            return ask.command(path)
        declared = self._maps[self._running[living.name] - 1]
        handled = [each.message for context in declared.contexts for each in context.handlers]
        return ask.command(path, SimpleNamespace(**{each.__name__: each for each in handled}))

    async def _ask(self, door: ClusterDoor, ask: Ask) -> None:
        await asyncio.sleep(ask.at + self.choices.delay("ask", 1.0))
        path, key, unknown = ask.path, ask.key, False
        for attempt in range(1, ask.tries + 1):
            called = await self._ask_once(door, ask, path, key)
            unknown = unknown or called.outcome == "unknown"
            if called.outcome == "reply" and called.position:
                await self._look(door, called)
            if called.outcome in ("reply", "refused") or (unknown and key is None):
                return
            if ask.anew and not unknown:
                path, key = f"{ask.path}~{attempt}", None if ask.key is None else f"{ask.key}~{attempt}"
            elif key is None:
                return
            await asyncio.sleep(0.1 + self.choices.delay("again", 1.0))

    async def _look(self, door: ClusterDoor, called: Called) -> None:
        """Asks for a document that includes what a call has written."""
        for each in {each.kind: each for each in self._fresh if each.id == called.about}.values():
            for _ in range(_PATIENT):
                living = door.somebody()
                if living is not None and living.host is not None:
                    with contextlib.suppress(RemitError):
                        asking = living.host.ask(each.query, after=called.position, deadline=5.0)
                        answer: Any = await door.ask(living, asking)
                        if answer is not None and not isinstance(answer, RemitError):
                            said = Answer(Place(each.kind, each.id), self.tape.now(), tuple(answer))
                            self.tape.afterwards.append((called.path, said))
                            break
                await asyncio.sleep(0.1 + self.choices.delay("again", 0.5))

    async def _question(self, door: ClusterDoor, each: Question) -> None:
        await asyncio.sleep(each.at + self.choices.delay("ask", 1.0))
        for _ in range(_PATIENT):
            living = door.somebody()
            if living is not None and living.host is not None:
                began = asyncio.get_running_loop().time()
                with contextlib.suppress(RemitError):
                    answer: Any = await door.ask(living, living.host.ask(each.query, fresh=True, deadline=5.0))
                    if answer is not None and not isinstance(answer, RemitError):
                        self.tape.answers.append(Answer(Place(each.kind, each.id), began, tuple(answer)))
                        return
            await asyncio.sleep(0.1 + self.choices.delay("again", 0.5))

    async def _ask_once(self, door: ClusterDoor, ask: Ask, path: str, key: str | None, *, last: float = 0.0) -> Called:
        while (living := door.somebody()) is None or living.host is None:  # noqa: ASYNC110  no event tells of a process
            await asyncio.sleep(0.05 + self.choices.delay("again", 0.5))
        command = self._made(ask, path, living)
        called = self.tape.called(command, asyncio.get_running_loop().time() + ask.deadline, key)
        called.last = last
        self._asked += [] if last else [called]
        try:
            told: Any = await door.ask(living, self._sent(living.host, command, called, key, ask.deadline))
        except (Refusal, RemitError) as error:
            told = error
        called.end(told, self.tape.now())
        return called

    async def _sent(
        self, host: Host, command: Command[str, Any], called: Called, key: str | None, deadline: float
    ) -> str:
        with carrying({HEADER: called.path}) if self.tape.carries else contextlib.nullcontext():
            answer: str
            if not self.after:
                answer = await host.send(command, key=key, deadline=deadline)
                return answer
            with Written() as written:
                answer = await host.send(command, key=key, deadline=deadline)
        with contextlib.suppress(RemitError):  # it could not be read
            called.position = written.position
        return answer


def layers_of(declared: ContextMap) -> tuple[str, ...]:
    """The contexts that have the component `acl`."""
    plans = compile_system(model_of(declared))
    return tuple(name for name, plan in plans.items() if any(each.component == "acl" for each in plan.follows.values()))


async def _try_again(living: Incarnation) -> int:
    """Retries parked keys. Returns how many subscriptions have any."""
    if living.host is None:
        return 0
    tried = 0
    for store in living.stores.values():
        for subscription in await store.parking():
            await store.retry(subscription.name, None, 0.0)
            tried += 1
    return tried
