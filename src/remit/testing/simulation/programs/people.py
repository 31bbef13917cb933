"""Who calls a program from outside: each call as it was wished, until there is an answer or nobody asks any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from remit.contexts import ContextMap
from remit.errors import RemitError
from remit.messages import Command, Query, Refusal
from remit.observability import RuntimeEvent
from remit.testing.simulation.cluster import Choices, Door, Weather
from remit.testing.simulation.cluster.nodes import Incarnation
from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.programs.excuses import Excuses
from remit.testing.simulation.programs.oracle import judge
from remit.testing.simulation.programs.tape import Answer, Called, Place, Tape
from remit.testing.simulation.workloads import Workload

__all__ = ["Ask", "ProgramWorkload", "Question", "workload"]

_PATIENT = 8
"""How often a question is asked, until there is a fresh answer."""


@dataclass(frozen=True)
class Ask:
    """A call from outside."""

    path: str
    """What it is known by."""
    command: Callable[[str], Command[str, Any]]
    """Makes the command, given a path."""
    at: float
    """Seconds after the beginning."""
    key: str | None = None
    """The idempotency key."""
    deadline: float = 10.0
    tries: int = 6
    copies: int = 1
    """How many do it side by side."""
    anew: bool = False
    """Whether what has changed nothing is wished anew, under another key."""


@dataclass(frozen=True)
class Question:
    """A question from outside, for a fresh answer."""

    kind: str
    """Of the aggregate: `<context>.<class>`."""
    id: str
    query: Query[list[str]]
    at: float


def workload(
    system: Callable[[Tape], ContextMap],
    calls: Sequence[Ask],
    questions: Sequence[Question] = (),
    tables: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> type[Workload]:
    """A workload of a system whose handlers note on a tape what they do. `tables` are statements that make the tables
    of its users, by context."""
    what = {"declared": staticmethod(system), "calls": tuple(calls), "questions": tuple(questions), "tables": tables}
    return type("Written", (ProgramWorkload,), what)


class ProgramWorkload(Workload):
    """A program and the calls of its clients."""

    declared: ClassVar[Callable[[Tape], ContextMap]]
    calls: ClassVar[Sequence[Ask]]
    questions: ClassVar[Sequence[Question]] = ()
    several = True

    def __init__(self, choices: Choices, weather: Weather, clients: int | None, rounds: int | None) -> None:
        super().__init__(choices, weather, clients, rounds)
        self.tape = Tape(choices, weather)
        self._map = type(self).declared(self.tape)
        self.contexts = self._map.names  # type: ignore[misc]  # pyright: ignore[reportIncompatibleVariableOverride]  # of this program
        self._asked: list[Called] = []
        self._excuses = Excuses(self.tape)

    def system(self) -> ContextMap:
        return self._map

    def people(self, door: Door) -> Iterable[Coroutine[Any, Any, None]]:
        calls = [self._ask(door, each) for each in self.calls for _ in range(each.copies)]
        return [*calls, *(self._question(door, each) for each in self.questions)]

    @property
    def answered(self) -> int:
        return sum(each.outcome == "reply" for each in self._asked)

    def excuses(self, event: RuntimeEvent) -> bool:
        return self._excuses.excuses(event)

    def stays_parked(self, subscription: str, key: str) -> bool:
        return self._excuses.stays_parked(subscription, key)

    def judge(self, files: Files, stopped: Collection[str]) -> Iterable[Verdict]:
        return judge(self.tape, self._map, files, stopped)

    async def peace(self, door: Door) -> None:
        """Somebody has every parked key tried again: also what only a person can decide."""
        for _ in range(3):
            await asyncio.sleep(5.0)
            for living in door.everybody():
                await door.ask(living, _try_again(living))

    async def _ask(self, door: Door, ask: Ask) -> None:
        await asyncio.sleep(ask.at + self.choices.delay("ask", 1.0))
        path, key, unknown = ask.path, ask.key, False
        for attempt in range(1, ask.tries + 1):
            called = await self._ask_once(door, ask, path, key)
            unknown = unknown or called.outcome == "unknown"
            if called.outcome in ("reply", "refused") or (unknown and key is None):
                return
            if ask.anew and not unknown:
                path, key = f"{ask.path}~{attempt}", None if ask.key is None else f"{ask.key}~{attempt}"
            elif key is None:
                return
            await asyncio.sleep(0.1 + self.choices.delay("again", 1.0))

    async def _question(self, door: Door, each: Question) -> None:
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

    async def _ask_once(self, door: Door, ask: Ask, path: str, key: str | None) -> Called:
        while (living := door.somebody()) is None or living.host is None:  # noqa: ASYNC110  no event tells of a process
            await asyncio.sleep(0.05 + self.choices.delay("again", 0.5))
        command = ask.command(path)
        called = self.tape.called(command, asyncio.get_running_loop().time() + ask.deadline, key)
        self._asked.append(called)
        try:
            called.end(await door.ask(living, living.host.send(command, key=key, deadline=ask.deadline)))
        except (Refusal, RemitError) as error:
            called.end(error)
        return called


async def _try_again(living: Incarnation) -> None:
    if living.host is not None:
        for store in living.stores.values():
            for subscription in await store.parking():
                await store.retry(subscription.name, None, living.host.shared.seconds())
