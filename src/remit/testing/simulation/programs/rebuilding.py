"""Read models of programs that are rebuilt while they are written to and asked, by processes that crash meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from random import Random
from typing import Any

from remit.errors import RemitError
from remit.operations import Rebuild, Rebuilt
from remit.testing.simulation.cluster import Choices, ClusterDoor
from remit.testing.simulation.cluster.nodes import Incarnation
from remit.testing.simulation.programs.grammar import Kept, Program, Question, Rebuilding

__all__ = ["rebuilds", "rebuilt", "with_rebuilds"]

_TRIES = 12
"""How often a rebuild is run again that has crashed, or that could not go on."""
_BACK = 0.5
"""The share of rebuilds after which the version before becomes live again."""
_FURTHER = 2
"""The most that a read model is rebuilt."""
_LINGER_SECONDS = 2.5


async def rebuilt(door: ClusterDoor, choices: Choices, each: Rebuilding) -> int:
    """Rebuilds a read model as an operator does: again and again until it is done. Returns how often a version was
    switched to."""
    await asyncio.sleep(each.at + choices.delay("rebuild", 1.0))
    done = await _done(door, choices, each.model, lambda rebuild: rebuild.build(pause=0.1, page=each.page))
    if not (done and each.back):
        return done
    return done + await _done(door, choices, each.model, lambda rebuild: rebuild.back(pause=0.1))


async def _done(
    door: ClusterDoor, choices: Choices, model: str, work: Callable[[Rebuild], Coroutine[Any, Any, Rebuilt]]
) -> int:
    context = model.partition(".")[0]
    for _ in range(_TRIES):
        living = door.somebody()
        if living is not None and living.host is not None and context in living.stores:
            try:
                if await door.ask(living, _run(living, model, work)) is True:
                    return 1
            except (RemitError, KeyError):  # refused for now; or its source is in no store of this process
                pass
        await asyncio.sleep(0.2 + choices.delay("rebuild again", 1.0))
    return 0


async def _run(living: Incarnation, model: str, work: Callable[[Rebuild], Coroutine[Any, Any, Rebuilt]]) -> bool:
    assert living.host is not None  # noqa: S101  # asked before
    stores: Any = living.stores
    rebuild = Rebuild(living.host.model, model, stores, linger=_LINGER_SECONDS, ports=living.host.ports)
    return (await work(rebuild)).live > 0


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
    return replace(program, rebuilds=tuple(made), questions=(*program.questions, *asked))
