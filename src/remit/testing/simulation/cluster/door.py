"""How clients outside reach a system: they ask any process, give up, and ask again until there is an answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine
from contextvars import Context
from itertools import count
from typing import Any, TypeVar

from remit.errors import CallError, OutcomeUnknown, RemitError, Stale
from remit.messages import Command, Query
from remit.operations import Rebuild, Rebuilt
from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.cluster import Cluster
from remit.testing.simulation.cluster.nodes import Incarnation, Node

__all__ = ["ClusterDoor"]

T = TypeVar("T")

_STARTING_SECONDS = 15.0


class ClusterDoor:
    """The entry to a cluster for clients outside."""

    def __init__(self, cluster: Cluster, choices: Choices) -> None:
        self._cluster = cluster
        self._choices = choices

    async def send(self, command: Command[int], name: str) -> int:
        """Sends a command until there is an answer. Raises nothing.

        The key stays the same while the outcome is unknown. If nothing was changed, a new key must do no harm.
        """
        key, used = name, False
        choices, cluster = self._choices, self._cluster
        for attempt in count(1):
            living = self.somebody()
            if living is not None and living.host is not None:
                short = choices.chance("short deadline", 150)
                deadline = choices.delay("deadline", 0.1) if short else 10.0
                restored = cluster.restored
                answer = await self.ask(living, living.host.send(command, key=key, deadline=deadline))
                if restored != cluster.restored:
                    answer = None  # a restored store may have lost what it tells
                if isinstance(answer, int):
                    return answer
                used = used or answer is None
                if not used:
                    key = f"{name} {attempt}"
            await asyncio.sleep(0.05 + choices.delay("again", 0.5))
        raise AssertionError

    async def question(self, query: Query[Any]) -> None:
        """Asks for a fresh answer until there is one."""
        choices, nodes = self._choices, self._cluster.nodes
        for _ in count():
            living = nodes[choices.draw("door", len(nodes))].living
            if living is not None and living.host is not None:
                with contextlib.suppress(Stale):
                    answer = await self.ask(living, living.host.ask(query, fresh=True))
                    if answer is not None and not isinstance(answer, CallError):
                        return
            await asyncio.sleep(0.05 + choices.delay("again", 0.5))

    async def post(self, source: str, body: bytes) -> bool:
        """Sends a foreign message to any process that takes those of this source. Returns whether it has arrived, as
        far as the sender is told. Raises nothing."""
        living = self.somebody()
        hooks = () if living is None or living.host is None else living.host.hooks
        for hook in (each for each in hooks if each.name == source):
            assert living is not None  # noqa: S101  # it has hooks
            with contextlib.suppress(RemitError):
                return isinstance(await self.ask(living, hook.accept({}, body)), bool)
        return False

    def somebody(self) -> Incarnation | None:
        """Any process; None if the drawn one does not run."""
        nodes = self._cluster.nodes
        return nodes[self._choices.draw("door", len(nodes))].living

    def everybody(self) -> list[Incarnation]:
        """All running processes."""
        return [node.living for node in self._cluster.nodes if node.living is not None]

    def processes(self, contexts: Collection[str]) -> list[Node]:
        """The nodes that host any of these contexts, except lost ones."""
        return [each for each in self._cluster.nodes if set(contexts) & set(each.spot.contexts) and not each.lost]

    @property
    def clocks_agree(self) -> bool:
        """Whether the clocks of all machines are right."""
        return not any(node.spot.skew for node in self._cluster.nodes)

    async def deploy(self, node: Node, seconds: float) -> bool:
        """Stops a process in order and starts it again. Returns whether it runs within `seconds`."""
        # In an empty context: stopping the process must not end this task.
        await asyncio.get_running_loop().create_task(self._cluster.restart(node), context=Context())
        latest = asyncio.get_running_loop().time() + seconds
        while not node.lost and asyncio.get_running_loop().time() < latest:
            if node.living is not None and node.living.host is not None:
                return True
            await asyncio.sleep(0.1)
        return node.lost

    async def rebuild(self, model: str, work: Callable[[Rebuild], Coroutine[Any, Any, Rebuilt]]) -> bool:
        """Runs the rebuild of a read model in any process. Returns whether it has switched, as far as is known. Raises
        the errors of a rebuild."""
        living, context = self.somebody(), model.partition(".")[0]
        if living is None or living.host is None or context not in living.stores:
            return False
        stores: Any = living.stores
        rebuild = Rebuild(living.host.model, model, stores, ports=living.host.ports)
        done = await self.ask(living, work(rebuild))
        if not (isinstance(done, Rebuilt) and done.live):
            return False
        if not living.stores[context].technology.shared_between_processes:
            # Processes without leases look for another version when they start, and not again.
            for node in self.processes((context,)):
                await self.deploy(node, _STARTING_SECONDS)
        return True

    async def ask(self, living: Incarnation, work: Coroutine[Any, Any, T]) -> T | CallError | None:
        """The answer; an error that tells that nothing was changed; or None if the outcome is unknown."""
        task, gone = living.spawn(work), asyncio.create_task(living.gone.wait())
        timeout = self._choices.delay("patience", 0.2) if self._choices.chance("client gives up", 80) else None
        await asyncio.wait([task, gone], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and not living.dead:
            task.cancel()
            await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not task.done():
            return None
        try:
            return task.result()
        except (OutcomeUnknown, asyncio.CancelledError):
            return None
        except CallError as error:
            return error
