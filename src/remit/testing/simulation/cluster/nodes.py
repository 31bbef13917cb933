"""Simulated processes. A process is what runs in the context of its incarnation; a crash ends all of it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, TypeVar

from remit.runtime import Host
from remit.stores.sqlite.store import SqliteStore
from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.placements import Spot

__all__ = ["Incarnation", "Node", "is_dead", "life"]

T = TypeVar("T")

_INCARNATION: ContextVar[Incarnation | None] = ContextVar("incarnation", default=None)


def life() -> str:
    """The name of the process that runs this; empty outside all of them."""
    incarnation = _INCARNATION.get()
    return "" if incarnation is None else incarnation.name


def is_dead(context: Context) -> bool:
    """Whether a context belongs to a crashed process."""
    incarnation = context.get(_INCARNATION)
    return incarnation is not None and incarnation.dead


class Incarnation:
    """One life of a process, from its start to a crash or an orderly stop."""

    def __init__(self, node: Node, number: int) -> None:
        self.name = f"{node.name}.{number}"
        self.dead = False
        self.gone = asyncio.Event()
        self.stores: dict[str, SqliteStore] = {}
        self.host: Host | None = None
        self.at_end: Callable[[], None] = lambda: None
        """Called when it crashes."""
        self.spot = node.spot
        self.context = Context()
        self.context.run(_INCARNATION.set, self)
        self._node = node

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Runs a coroutine in this process."""
        # In a copy of the context, as every task: context variables set in one task do not affect others.
        return asyncio.get_running_loop().create_task(work, context=self.context.copy())

    def has(self, context: Context | None) -> bool:
        """Whether a context belongs to this process."""
        return context is not None and context.get(_INCARNATION) is self

    async def crash_point(self, site: str, permille: int) -> None:
        """A place where the process may crash."""
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
        """Whether it is not restarted after its next crash."""
        self._run = run
        self._lives = 0
        self.living: Incarnation | None = None

    def start(self) -> None:
        """Starts a new incarnation."""
        self._lives += 1
        self.living = Incarnation(self, self._lives)
        self.living.spawn(self._run(self.living))

    def crash(self) -> None:
        """Crashes the process: none of its code runs again, not even `finally`. Restarted after a while, unless
        lost."""
        if self.living is None:
            return
        self.crashes += 1
        self.choices.note(f"crash {self.living.name}")
        self.end()
        if self.lost:
            return
        # In an empty context: the restart must not die with the process.
        loop = asyncio.get_running_loop()
        loop.call_later(0.01 + self.choices.delay("restart", 3.0), self.start, context=Context())

    def end(self) -> None:
        """Crashes the process without a restart."""
        living, self.living = self.living, None
        if living is None:
            return
        living.dead = True
        living.gone.set()
        living.at_end()
        for store in living.stores.values():
            opened = store._open  # noqa: SLF001  # a crash closes files without the store's help
            if opened is not None:
                opened.writer.close()
                opened.reader.close()
