"""The processes of a system, each a real `Host`: started, crashed and restarted, on stores that survive them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from remit.checks import model_of
from remit.contexts import ContextMap, Model
from remit.errors import RemitError
from remit.log import Channel, SubscriptionId
from remit.messages.codec import Encoding
from remit.messages.component import Component
from remit.runtime import Channels, Host, Listener, Placed, Ports, compile_system
from remit.runtime.plan import ContextPlan
from remit.runtime.work.deadlines import ask_to_end
from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.executor import SimExecutor
from remit.testing.simulation.cluster.far import FarStore
from remit.testing.simulation.cluster.feeds import HeldFeed, HostileFeed, KeptFeed
from remit.testing.simulation.cluster.loop import SimLoop
from remit.testing.simulation.cluster.network import HostileCalls, HostileEvents, Network
from remit.testing.simulation.cluster.nodes import Incarnation, Node, is_dead
from remit.testing.simulation.cluster.placements import ClusterPlacement
from remit.testing.simulation.cluster.points import Points, WatchedTask
from remit.testing.simulation.cluster.ports import CountedIds, SharedMachine, VirtualClock
from remit.testing.simulation.cluster.statements import StatementsStore
from remit.transports import Feed

__all__ = ["Cluster"]

_PARTITIONS = 2
"""Few, so that keys share partitions."""


class _Compiled(NamedTuple):
    """A system, kept so that no other has its id, with its model and plans."""

    system: ContextMap
    model: Model
    plans: Mapping[str, ContextPlan]


class Cluster:
    """A system's processes on a loop of their own. Their stores are in a folder, one file for each context.

    `system` is called by each process that starts, with its name; a later process may run another version. Without
    `pull`, reading across contexts returns nothing, and the broker keeps messages until they are handled. `tables` are
    statements that create the users' tables in a context's store. Calls between processes are encoded as `encoding`.
    `is_held` tells whether the sources of a subscription are out of its reach at this moment.
    """

    def __init__(
        self,
        folder: Path,
        choices: Choices,
        system: Callable[[str], ContextMap],
        placement: ClusterPlacement,
        listener: Listener,
        *,
        pull: bool,
        far: bool = False,
        points: Points | None = None,
        tables: Mapping[str, Sequence[str]] = MappingProxyType({}),
        encoding: Encoding = "json",
        is_held: Callable[[SubscriptionId], bool] | None = None,
    ) -> None:
        self.loop = SimLoop(choices, is_dead, points=points, struck=self._strike)
        self.folder = folder
        self.leased = placement.leased
        self.nodes = [Node(spot, choices, self._live) for spot in placement.spots]
        self.subscriptions: set[SubscriptionId] = set()
        """All subscriptions that were ever started, and the relays."""
        self.restored = 0
        """How many stores were restored from a backup."""
        self._choices = choices
        self._system = system
        self._listener = listener
        self._pull = pull
        self._far = far
        self._points = points
        self._tables = tables
        self._encoding: Encoding = encoding
        self._is_held = is_held
        self._network = Network(choices)
        self._machines = defaultdict[str, dict[str, Incarnation]](dict)
        self._compiled: dict[int, _Compiled] = {}

    @property
    def hosts(self) -> Mapping[Node, Host]:
        """The running hosts."""
        living = {node: node.living for node in self.nodes}
        return {node: life.host for node, life in living.items() if life is not None and life.host is not None}

    def start(self) -> None:
        """Starts a process on every node."""
        for node in self.nodes:
            node.start()

    async def stop(self, node: Node) -> bool:
        """Stops a process in order. Returns whether it has ended, which may also be by a crash."""
        living = node.living
        if living is None or living.host is None:
            return True
        ways = [living.spawn(living.host.stop()), asyncio.create_task(living.gone.wait(), context=Context())]
        done, _ = await asyncio.wait(ways, timeout=60.0, return_when=asyncio.FIRST_COMPLETED)
        ways[1].cancel()
        return bool(done)

    def _strike(self, waiting: WatchedTask) -> None:
        """Does what the strike says to a waiting task, or to its process."""
        assert self._points is not None  # noqa: S101  # a strike has points
        assert self._points.strike is not None  # noqa: S101  # as above
        assert waiting.task is not None  # noqa: S101  # it is waiting
        kind = self._points.strike.kind
        node = next((node for node in self.nodes if node.living is not None and node.living.has(waiting.context)), None)
        if kind == "cancel":
            ask_to_end(waiting.task)  # as the runtime ends a task that handles messages
        elif node is not None and kind == "crash":
            Context().run(node.crash)
        elif node is not None:
            self.loop.create_task(self.restart(node), context=Context())

    async def restart(self, node: Node) -> None:
        """Stops a process in order, as a deployment does, and starts it again."""
        living = node.living
        if await self.stop(node) and node.living is living:
            node.crash()

    def end(self) -> None:
        """Ends all processes at once, for good."""
        for node in self.nodes:
            node.end()
        self.loop.bury()

    # ── a process ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _live(self, incarnation: Incarnation) -> None:
        compiled = self._compile(self._system(incarnation.name))
        for name in incarnation.spot.contexts:
            executor = SimExecutor(incarnation, self._choices)
            make = FarStore if self._far else StatementsStore
            store = make(self.folder / f"{name}.db", name, executor=executor, partitions=_PARTITIONS)
            store.technology = replace(store.technology, shared_between_processes=self.leased, apart=self._far)
            store.tables = self._tables.get(name, ())
            incarnation.stores[name] = store
        host = self._make(incarnation, compiled)
        self.subscriptions |= {id for each in host.followers for id in each.ids}
        try:
            await host.start()
        except RemitError:
            # Crash it, so that it is started again.
            self.loop.call_soon(self._crash, incarnation, context=Context())
            return
        incarnation.host = host

    def _compile(self, system: ContextMap) -> _Compiled:
        """A system is checked and compiled once, however many processes run it and start again."""
        found = self._compiled.get(id(system))
        if found is None:
            model = model_of(system)
            found = self._compiled[id(system)] = _Compiled(system, model, compile_system(model))
        return found

    def _make(self, incarnation: Incarnation, compiled: _Compiled) -> Host:
        choices, network, stores, spot = self._choices, self._network, incarnation.stores, incarnation.spot
        machine = SharedMachine(self._machines[spot.machine], incarnation)
        clock = VirtualClock(self.loop.time, spot.skew)
        ports = Ports(clock, CountedIds(incarnation.name), choices.random(), machine)
        runs = spot.runs or dict.fromkeys(stores, ("write", "read"))
        here = {(name, part) for name in stores for part in (*runs[name], "log")}
        parts = [(name, part) for name in compiled.model.names for part in ("write", "read", "log")]
        placed = Placed(
            runs=spot.runs,
            elsewhere=[Component(*each) for each in parts if each not in here],
            relays=[
                SubscriptionId(f"{name}.relay:simulated", name, Channel.PUBLISHED)
                for name in stores
                if "write" in runs[name]
            ],
            pushed=[(name, Channel.PUBLISHED) for name in compiled.model.names],
        )
        calls, events = HostileCalls(network, incarnation, choices), HostileEvents(network, incarnation, choices)
        channels = Channels(calls, events, self._encoding)

        def feed(subscription: SubscriptionId, read: Feed) -> Feed:
            if subscription.context == subscription.source:
                return read
            return HostileFeed(read, incarnation, choices) if subscription.source in stores else read

        def followed(subscription: SubscriptionId, feed: Feed) -> Feed:
            if self._pull or subscription.context == subscription.source:
                is_held = self._is_held
                return feed if is_held is None else HeldFeed(feed, lambda: is_held(subscription))
            return KeptFeed(feed, network.queue(subscription), incarnation)

        return Host(
            compiled.model, stores, ports, placed=placed, channels=channels, listeners=[self._listener], feeds=feed,
            followed=followed, parity=True, plans=compiled.plans,
        )  # fmt: skip

    def _crash(self, incarnation: Incarnation) -> None:
        for node in self.nodes:
            if node.living is incarnation:
                node.crash()
