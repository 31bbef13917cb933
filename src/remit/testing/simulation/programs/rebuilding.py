"""Read models of programs that are rebuilt while they are written to and asked, by processes that crash meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from remit.errors import RemitError
from remit.messages import Query
from remit.operations import Rebuild, Rebuilt
from remit.testing.simulation.cluster import Choices, ClusterDoor
from remit.testing.simulation.programs.grammar import Kept, Program, Question, Rebuilding

__all__ = ["Watching", "rebuilds", "rebuilt", "with_rebuilds"]

T = TypeVar("T")

_TRIES = 12
"""How often a rebuild is run again that has crashed, or that could not go on."""
_BACK = 0.5
"""The share of rebuilds after which the version before becomes live again."""
_AFTER = 0.6
"""The share of programs with questions where callers ask for what their commands have written."""
_FURTHER = 2
"""The most that a read model is rebuilt."""


async def rebuilt(door: ClusterDoor, choices: Choices, each: Rebuilding) -> int:
    """Rebuilds a read model as an operator does: again and again until it is done. Returns how often a version was
    switched to."""
    await asyncio.sleep(choices.delay("rebuild", 1.0))
    pause = 0.99 if each.model.endswith("Held") else 0.1  # much is written between two chunks of states
    done = await _done(door, choices, each.model, lambda rebuild: rebuild.build(pause=pause, page=each.page))
    if not (done and each.back):
        return done
    return done + await _done(door, choices, each.model, lambda rebuild: rebuild.back(pause=0.1))


async def _done(
    door: ClusterDoor, choices: Choices, model: str, work: Callable[[Rebuild], Coroutine[Any, Any, Rebuilt]]
) -> int:
    for _ in range(_TRIES):
        with contextlib.suppress(RemitError):  # refused for now, or for good: its source is in no store of this process
            if await door.rebuild(model, work):
                return 1
        await asyncio.sleep(0.2 + choices.delay("rebuild again", 1.0))
    return 0


class Watching:
    """Asks for documents while a read model is rebuilt: each must say what it has said before."""

    def __init__(
        self, door: ClusterDoor, choices: Choices, model: str, queries: Mapping[str, Query[list[str]]]
    ) -> None:
        self._door, self._choices, self._model, self._queries = door, choices, model, queries
        self._before: dict[str, list[str]] = {}
        self.outdated: list[str] = []

    async def begin(self) -> None:
        """Asks for what is there before the rebuild."""
        for id in self._queries:
            for _ in range(_TRIES):
                found = await self._ask(id, fresh=True)
                if found is not None:
                    self._before[id] = found
                    break
                await asyncio.sleep(0.1 + self._choices.delay("again", 0.5))

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Asks until the work is done."""
        working = asyncio.ensure_future(work)
        while not working.done():
            for id, before in self._before.items():
                found = await self._ask(id, fresh=False)
                missing = [] if found is None else [each for each in before if "/" in each and each not in found]
                if missing:
                    what = f"an answer about {self._model} {id!r} has no {missing[0]} while it is rebuilt"
                    self.outdated.append(what)
            await asyncio.wait([working], timeout=0.1 + self._choices.delay("look", 0.4))
        return await working

    async def _ask(self, id: str, *, fresh: bool) -> list[str] | None:
        living = self._door.somebody()
        if living is None or living.host is None:
            return None
        with contextlib.suppress(RemitError):
            asking = living.host.ask(self._queries[id], fresh=fresh, deadline=5.0)
            answer: Any = await self._door.ask(living, asking)
            return None if answer is None or isinstance(answer, RemitError) else list(answer)
        return None


def rebuilds(program: Program) -> list[str]:
    """What is rebuilt, as code."""
    return [repr(each) for each in program.rebuilds]


def with_rebuilds(random: Random, program: Program) -> Program:
    """Some read models are rebuilt: documents and rows. Those that are documents are asked for meanwhile."""

    def models(kept: Kept) -> list[str]:
        names = [kept.name] if kept.folds and not kept.fails else []
        return [*names, *([f"{kept.name}Row"] if kept.rows else []), *([f"{kept.name}Left"] if kept.removes else [])]

    every = [(kept, name) for kept in program.kept for name in models(kept)]
    if not every or program.rollout is not None:
        return program
    made: list[Rebuilding] = []
    asked: list[Question] = []
    keys = list(dict.fromkeys(root.key for root in program.roots))[:2]
    for kept, name in random.sample(every, min(len(every), _FURTHER)):
        at = round(random.random() * 5.0, 2)
        page = random.choice((1, 3, 4000))
        made.append(Rebuilding(f"{kept.context}.{name}", at, page, back=random.random() < _BACK))
        if name == kept.name:
            asked += [Question(name, key, round(at + 1.0 + random.random() * 4.0, 2)) for key in keys for _ in range(3)]
    after = bool(asked) and random.random() < _AFTER
    return replace(program, rebuilds=tuple(made), questions=(*program.questions, *asked), after=after)
