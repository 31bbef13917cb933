"""Simulated processes. A process is whatever runs in the context of its incarnation; a crash ends all of it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, TypeVar

from remit.runtime import Host
from remit.stores.sqlite.store import SqliteStore
from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.placements import Spot

__all__ = ["Incarnation", "Node", "is_dead"]

T = TypeVar("T")

_INCARNATION: ContextVar[Incarnation | None] = ContextVar("incarnation", default=None)


def is_dead(context: Context) -> bool:
    """Whether what runs in this context belongs to a process that has crashed."""
    incarnation = context.get(_INCARNATION)
    return incarnation is not None and incarnation.dead


class Incarnation:
    """One life of a process: from its start to its crash or its orderly end."""

    def __init__(self, node: Node, number: int) -> None:
        self.name = f"{node.name}.{number}"
        self.dead = False
        self.gone = asyncio.Event()
        self.stores: dict[str, SqliteStore] = {}
        self.host: Host | None = None
        self.at_end: Callable[[], None] = lambda: None
        """Called when it dies."""
        self.spot = node.spot
        self.context = Context()
        self.context.run(_INCARNATION.set, self)
        self._node = node

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Runs something in this process."""
        # In a copy, as every task has one: what one task sets there is no other one's.
        return asyncio.get_running_loop().create_task(work, context=self.context.copy())

    def has(self, context: Context | None) -> bool:
        """Whether what runs in this context is a part of this process."""
        return context is not None and context.get(_INCARNATION) is self

    async def crash_point(self, site: str, permille: int) -> None:
        """A place where the process may die."""
        if self._node.choices.chance(site, permille):
            self._node.crash()
        if self.dead:
            await asyncio.get_running_loop().create_future()


class Node:
    """A machine on which one incarnation follows another."""

    def __init__(self, spot: Spot, choices: Choices, run: Callable[[Incarnation], Coroutine[Any, Any, None]]) -> None:
        self.spot = spot
        self.name = spot.name
        self.choices = choices
        self.crashes = 0
        self.lost = False
        """Whether its next crash is the last: nobody starts it again."""
        self._run = run
        self._lives = 0
        self.living: Incarnation | None = None

    def start(self) -> None:
        """Begins a new life."""
        self._lives += 1
        self.living = Incarnation(self, self._lives)
        self.living.spawn(self._run(self.living))

    def crash(self) -> None:
        """Ends this life: nothing of it runs again, not even `finally`. A new one begins after a while, if ever."""
        if self.living is None:
            return
        self.crashes += 1
        self.choices.note(f"crash {self.living.name}")
        self.end()
        if self.lost:
            return
        # An empty context: what restarts the process must not die with it.
        loop = asyncio.get_running_loop()
        loop.call_later(0.01 + self.choices.delay("restart", 3.0), self.start, context=Context())

    def end(self) -> None:
        """Ends this life for good."""
        living, self.living = self.living, None
        if living is None:
            return
        living.dead = True
        living.gone.set()
        living.at_end()
        for store in living.stores.values():
            opened = store._open  # noqa: SLF001  a crash closes files without asking the store
            if opened is not None:
                opened.writer.close()
                opened.reader.close()
