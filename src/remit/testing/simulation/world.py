"""One simulated run: the shop on a few processes, clients, mishaps, and then peace, in which everything must settle."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from remit.checks import model_of
from remit.contexts import Model
from remit.errors import CallError, OutcomeUnknown, RemitError
from remit.log import Channel, SubscriptionId
from remit.messages import Command
from remit.runtime import Host, Ports, Signal, SystemClock
from remit.runtime.following.history import BROKEN
from remit.runtime.following.reports import REPORT_SECONDS
from remit.runtime.upkeep.pruning import trim
from remit.stores.sqlite.store import SqliteStore
from remit.testing.simulation.apart import CUTS, make_service
from remit.testing.simulation.backups import Backup
from remit.testing.simulation.choices import Choices
from remit.testing.simulation.judges import Ledger, Verdict, deleted, judge, placed_orders, torn_off, unfinished
from remit.testing.simulation.lane import SimLane
from remit.testing.simulation.loop import Livelock, SimLoop, Standstill
from remit.testing.simulation.network import Network
from remit.testing.simulation.nodes import Incarnation, Node, is_dead
from remit.testing.simulation.pipe import Broker, HostileFeed, Relay
from remit.testing.simulation.scene import Scene
from remit.testing.simulation.shop import Credit, Customer, PlaceOrder, shop
from remit.testing.simulation.weather import Poison, Weather
from remit.transports import Feed

__all__ = ["Report", "run_scene", "simulate"]

_EPOCH = 1_700_000_000.0
SKEWS = (0.0, 0.0, 86_400.0, -86_400.0)
"""Seconds by which the clock of a process may be wrong."""
_PARTITIONS = 2
"""Few, so that customers share one."""
_KEEP = timedelta(seconds=0.5)
"""How long messages stay at least, where logs are trimmed."""
_PATIENCE = 240.0
"""Seconds of peace after which everything must have settled. A parked key is tried again after 30, then 60 seconds."""


@dataclass
class Report:
    """What came of a run."""

    scene: Scene
    verdicts: list[Verdict]
    digest: str
    steps: int
    seconds: float
    """Virtual."""
    crashes: int
    orders: int
    fired: tuple[str, ...]
    """Each fault that happened, as `Choices` names it."""
    stopped: frozenset[str]
    """Subscriptions that ended as regressed or lost-source, with a reason."""
    deleted: int
    """Messages deleted of all logs."""

    def faults(self) -> Counter[str]:
        """How often each kind of fault happened."""
        return Counter(name.rpartition(":")[0] for name in self.fired)


def simulate(seed: int, *, pull: bool = True, restore: str = "", apart: bool = False) -> Report:
    """Runs the shop with all the mishaps of this seed. Nothing else but the code decides what happens.

    Without `pull`, reads across contexts return nothing: messages arrive only because the broker brings them. With
    `restore`, the store of this context is once put back to an earlier copy. `apart`: contexts in different processes.
    """
    return run_scene(Scene(seed, pull, restore, apart))


def run_scene(scene: Scene) -> Report:
    """Runs the shop through this scene."""
    memory = Path("/dev/shm")  # noqa: S108  a directory in memory, made with a name of its own
    with TemporaryDirectory(prefix="remit-simulation-", dir=memory if memory.is_dir() else None) as folder:
        return _World(scene, Path(folder)).run()


class _Clock(SystemClock):
    def __init__(self, loop: SimLoop, skew: float) -> None:
        self._loop = loop
        self._skew = skew

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def seconds(self) -> float:
        return _EPOCH + self._loop.now + self._skew


class _Machine:
    """Sees which of the lives that have run on it are over."""

    def __init__(self, lives: dict[str, Incarnation], incarnation: Incarnation) -> None:
        self._lives = lives
        self._incarnation = incarnation

    def name(self, id: str) -> str:
        self._lives[id] = self._incarnation
        return id

    def left(self, name: str) -> None:
        """What is left is not asked for again."""

    def is_gone(self, name: str) -> bool:
        return name in self._lives and self._lives[name].dead


class _Ids:
    def __init__(self, name: str) -> None:
        self._name = name.replace(".", "x")
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return f"{self._name}{self._count:06d}"


class _World:
    def __init__(self, scene: Scene, folder: Path) -> None:
        self._scene = scene
        self._folder = folder
        self._choices = Choices(scene.seed, scene.faults)
        self._loop = SimLoop(self._choices, is_dead)
        self._broker = Broker(self._choices, pull=scene.pull)
        self._weather = Weather(self._choices)
        self._ledger = Ledger()
        self._verdicts: list[Verdict] = []
        self._subscriptions: set[SubscriptionId] = set()
        self._restored = 0
        self._network = Network(self._choices)
        self._machines = defaultdict[str, dict[str, Incarnation]](dict)
        """The lives of each machine, by what they are called in the stores."""
        # Without leases all processes run everything: then the checkpoints alone keep the stores whole.
        self._leased = scene.apart or self._choices.draw("leases", 3) == 2
        self._nodes = self._parts() if scene.apart else self._processes()

    def _processes(self) -> list[Node]:
        """Each runs all of the shop, on the same stores."""
        return [Node(f"n{i + 1}", self._choices, self._live) for i in range(1 + self._choices.draw("nodes", 3))]

    def _parts(self) -> list[Node]:
        """Two of each part of the shop. Some do not know what time it is."""
        choices = self._choices
        cut = CUTS[choices.draw("cut", len(CUTS))]
        return [
            Node(f"{hosts[0]}{i + 1}", choices, self._live, hosts, SKEWS[choices.draw("clock", len(SKEWS))])
            for hosts in cut
            for i in range(2)
        ]

    def run(self) -> Report:
        loop, choices = self._loop, self._choices
        try:
            loop.run_until_complete(self._story())
        except (Livelock, Standstill) as end:
            self._accuse("stuck", f"{type(end).__name__}: {end}")
        finally:
            self._verdicts += [Verdict("false", f"nobody took {error!r}") for error in loop.unhandled()]
            for node in self._nodes:
                node.end()
            loop.bury()
        self._verdicts += judge(self._folder, self._ledger)
        crashes = sum(node.crashes for node in self._nodes)
        return Report(
            self._scene, self._verdicts, choices.digest(), loop.steps, loop.now, crashes, len(self._ledger.orders),
            tuple(choices.fired), frozenset(self._ledger.stopped), deleted(self._folder),
        )  # fmt: skip

    def _accuse(self, judge: str, what: str) -> None:
        self._verdicts.append(Verdict(judge, what))

    # ── the story ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _story(self) -> None:
        for node in self._nodes:
            node.start()
        mishaps = [asyncio.create_task(self._mishaps())]
        if self._scene.trims:
            mishaps.append(asyncio.create_task(self._trim()))
        people = [self._operator(), *(self._client(Customer(f"c{i}")) for i in range(self._clients()))]
        if self._scene.restore:
            people.append(self._restore())
        await asyncio.gather(*people)
        await asyncio.sleep(self._choices.delay("last mishaps", 10.0))
        for each in mishaps:
            each.cancel()
        self._choices.calm = True
        await self._settle()
        for node in self._nodes:
            await self._stop(node)

    async def _mishaps(self) -> None:
        while True:
            await asyncio.sleep(self._choices.delay("mishap", 6.0))
            node = self._nodes[self._choices.draw("victim", len(self._nodes))]
            others = [o for o in self._nodes if o is not node and not o.lost and o.hosts == node.hosts]
            if others and self._choices.chance("node lost", 60):
                node.lost = True
            if node.lost or self._choices.chance("crash", 400):
                node.crash()

    async def _trim(self) -> None:
        """Deletes what is old, as each process does every minute by itself: then most would have crashed before."""
        while True:
            await asyncio.sleep(self._choices.delay("trim", 3.0))
            living = self._nodes[self._choices.draw("trimmed", len(self._nodes))].living
            if living is not None and living.host is not None:
                for context in living.stores:
                    await self._ask(living, self._delete_old(living, living.host, context))

    async def _delete_old(self, living: Incarnation, host: Host, context: str) -> int:
        """Not before everybody has been heard of: who comes later begins where the log does then."""
        store, now = living.stores[context], host.calls.seconds()
        if not self._scene.apart:  # the relay there is ours, and reports to nobody
            relayed = await store.checkpoints(SubscriptionId("relay", context, Channel.PUBLISHED))
            await store.report("relay", Channel.PUBLISHED, {part: stands.pos for part, stands in relayed.items()}, now)
        heard = {SubscriptionId(each.name, context, each.channel) for each in await store.subscribers()}
        followers = {each for each in self._subscriptions if each.source == context}
        return bool(followers <= heard and await trim(store, now, _KEEP))

    async def _restore(self) -> None:
        """Takes a backup of a store, and puts it back a while later. Then there is more to do."""
        store = self._folder / f"{self._scene.restore}.db"
        await asyncio.sleep(1.0 + self._choices.delay("backup", 2.0))
        while not store.is_file():  # noqa: ASYNC110  no event tells of a file
            await asyncio.sleep(0.1)
        backup = Backup(store)
        await asyncio.sleep(1.0 + self._choices.delay("restore", 4.0))
        if self._scene.trims:  # until what was handled since has been reported and deleted
            await asyncio.sleep(REPORT_SECONDS + 2.0)
        for node in self._nodes:
            node.crash()
        placed = placed_orders(self._folder)
        backup.restore()
        self._restored += 1
        self._choices.note("restored")
        self._ledger.forgotten |= placed - placed_orders(self._folder)
        {"orders": self._ledger.orders, "billing": self._ledger.credits}[self._scene.restore].clear()
        for customer in ("c0", "c1", "c2"):
            await self._place(Customer(customer), f"{customer}-late")

    async def _settle(self) -> None:
        left = ["not looked"]
        for _ in range(int(_PATIENCE)):
            await asyncio.sleep(1.0)
            stopped = self._regressed() if self._restored else set[str]()
            left = unfinished(self._folder, {s for s in self._subscriptions if s.name not in stopped})
            left += self._avoided()
            if not left:
                break
        for what in left:
            self._accuse("stuck", what)
        # One more round for what processes believe: states are only left when something says that all is well.
        # What hangs now has to be ended by the time limit of its handler, 30 seconds.
        # What a dead replica ran is taken over when its lease is over.
        await asyncio.sleep(35.0 if self._weather.hanging() else 30.0 if self._leased else 5.0)
        for seconds in self._weather.hanging():
            if seconds > 31.0:
                self._accuse("stuck", f"a handler hangs for {seconds:.0f} s")
        self._ledger.stopped = self._regressed() if self._restored else set()
        for name in torn_off(self._folder) - self._ledger.stopped:
            self._accuse("silent", f"{name} stands on a message that its source does not have, and does not say so")
        for node in self._nodes:
            self._look_at(node)
        if self._leased:
            self._look_for_the_left_alone()

    def _avoided(self) -> list[str]:
        """Who is not called any more by whom. Everybody answers in peace, so it must be found out."""
        living = [node.living for node in self._nodes if node.living is not None]
        remote = [(each.name, each.host.remote) for each in living if each.host is not None]
        return [f"{name} avoids {at}" for name, calls in remote if calls is not None for at in calls.avoided]

    def _look_for_the_left_alone(self) -> None:
        """Each subscription and relay is run by one process, and by no other."""
        hosts = [node.living.host for node in self._nodes if node.living is not None]
        run = Counter(
            each.follow.id.label
            for host in hosts
            if host
            for each in host.followers
            if each.state not in ("standby", "stopped")
        )
        for subscription in sorted(self._subscriptions):
            times = run[subscription.label]
            if times != 1 and subscription.name not in self._ledger.stopped:
                self._accuse("stuck" if not times else "false", f"{times} processes run {subscription.name}")

    def _look_at(self, node: Node) -> None:
        host = node.living.host if node.living is not None else None
        if host is None:
            if not node.lost:
                self._accuse("stuck", f"{node.name} does not run")
            return
        for subscription in host.subscriptions:
            well = subscription.state == "running" or (self._leased and subscription.state == "standby")
            if not well and subscription.name not in self._ledger.stopped:
                self._accuse("stuck", f"{subscription.name} is {subscription.state}: {subscription.note}")

    def _regressed(self) -> set[str]:
        """The subscriptions that the process which runs them has stopped, with a reason."""
        living = [node.living.host for node in self._nodes if node.living is not None]
        states = [(s.name, s.state) for host in living if host is not None for s in host.subscriptions]
        going = {name for name, state in states if state not in (*BROKEN, "standby")}
        return (torn_off(self._folder) & {name for name, state in states if state in BROKEN}) - going

    async def _stop(self, node: Node) -> None:
        """Ends a process in good order."""
        living = node.living
        if living is None or living.host is None:
            return
        _, pending = await asyncio.wait([living.spawn(living.host.stop())], timeout=60.0)
        if pending:
            self._accuse("stuck", f"{node.name} does not stop")

    # ── a process ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _live(self, incarnation: Incarnation) -> None:
        choices = self._choices
        model = model_of(shop(self._weather))
        # Services that run apart are each on a machine of their own, which sees none of the others.
        lives = self._machines[incarnation.name.partition(".")[0] if self._scene.apart else ""]
        ports = Ports(
            _Clock(self._loop, incarnation.skew), _Ids(incarnation.name), choices.random(),
            _Machine(lives, incarnation),
        )  # fmt: skip
        for name in incarnation.hosts or model.names:
            lane = SimLane(incarnation, choices)
            path = self._folder / f"{name}.db"
            store = incarnation.stores[name] = SqliteStore(path, name, lane=lane, partitions=_PARTITIONS)
            store.capabilities = replace(store.capabilities, shared_between_processes=self._leased)
        host = self._make(incarnation, model, ports)
        self._subscriptions |= {each.follow.id for each in host.followers}
        try:
            await host.start()
        except RemitError:
            # Whoever starts processes starts this one again.
            self._loop.call_soon(self._crash, incarnation, context=Context())
            return
        if not self._scene.apart:
            for name, store in incarnation.stores.items():
                incarnation.spawn(Relay(name, store, self._broker).run())
        incarnation.host = host

    def _make(self, incarnation: Incarnation, model: Model, ports: Ports) -> Host:
        if self._scene.apart:
            return make_service(
                model, ports, self._network, incarnation, self._choices, self._hear, pull=self._scene.pull
            )

        def feed(subscription: SubscriptionId, read: Feed) -> Feed:
            source, channel = subscription.source, subscription.channel
            if subscription.context == source:
                return read
            return HostileFeed(
                self._broker.queue(subscription.name, source), source, channel, incarnation.stores[source], incarnation,
                self._broker, self._choices,
            )  # fmt: skip

        return Host(model, incarnation.stores, ports, listener=self._hear, feeds=feed, parity=True)

    def _crash(self, incarnation: Incarnation) -> None:
        for node in self._nodes:
            if node.living is incarnation:
                node.crash()

    def _hear(self, signal: Signal) -> None:
        self._choices.note(f"{self._loop.now:.6f} {signal.kind} {signal.where} {signal.what}")
        if signal.kind == "parked" and not self._is_needed(signal):
            self._accuse("false", f"parked without need: {signal.where} {signal.error!r}")
        if signal.kind in BROKEN and not self._restored:
            self._accuse("false", f"{signal.kind}: {signal.where} {signal.what}")
        if signal.kind == "handler-failed":
            self._accuse("false", f"{signal.where} failed: {signal.what}")

    def _is_needed(self, signal: Signal) -> bool:
        """Whether there is a reason to park: a poison, and be it that the last try of it has hung."""
        hung = isinstance(signal.error, TimeoutError) and signal.what.split("'")[1] in self._weather.poisoned
        return hung or isinstance(signal.error, Poison)

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _clients(self) -> int:
        drawn, most = 3 + self._choices.draw("clients", 3), self._scene.clients
        return drawn if most is None else min(drawn, most)

    async def _client(self, customer: Customer) -> None:
        drawn, most = 3 + self._choices.draw("orders", 4), self._scene.orders
        for number in range(drawn if most is None else min(drawn, most)):
            await asyncio.sleep(self._choices.delay("client", 3.0))
            at_once = [self._place(customer, f"{customer}-{number}")]
            if self._choices.draw("another order", 3) == 0:
                at_once.append(self._place(customer, f"{customer}-{number}b"))
            if self._choices.draw("credit", 2):
                at_once.append(self._credit(customer, f"{customer}-{number}"))
            await asyncio.gather(*at_once)

    async def _place(self, customer: Customer, name: str) -> None:
        order = name + ("", "", "", "-poison", "-sold-out")[self._choices.draw("kind of order", 5)]
        command = PlaceOrder(customer=customer, order=order)
        self._ledger.orders[customer, order] = await self._call(command, f"place {order}")

    async def _credit(self, customer: Customer, note: str) -> None:
        await asyncio.sleep(self._choices.delay("credit", 2.0))
        command = Credit(customer=customer, note=note)
        self._ledger.credits[customer, note] = await self._call(command, f"credit {note}")

    async def _operator(self) -> None:
        """Has parked keys tried again, before and after the bug is fixed."""
        for look in range(6):
            await asyncio.sleep(self._choices.delay("operator", 4.0))
            self._weather.fixed = look >= 1 + self._choices.draw("fix", 3) or self._weather.fixed
            living = self._nodes[self._choices.draw("console", len(self._nodes))].living
            if living is not None and living.host is not None and "billing" in living.stores:
                now = living.host.calls.seconds()
                await self._ask(living, living.stores["billing"].retry("billing.charge", None, now))
        self._weather.fixed = True

    async def _call(self, command: Command[int], name: str) -> int:
        """Sends until there is an answer.

        The key stays when it is not known what became of it. Where nothing was changed, a new one must do no harm.
        """
        key, used = name, False
        for attempt in count(1):
            node = self._nodes[self._choices.draw("door", len(self._nodes))]
            living = node.living
            if living is not None and living.host is not None:
                short = self._choices.chance("short deadline", 150)
                deadline = self._choices.delay("deadline", 0.1) if short else 10.0
                restored = self._restored
                answer = await self._ask(living, living.host.send(command, key=key, deadline=deadline))
                if restored != self._restored:
                    answer = None  # what it tells of may have been forgotten since
                if isinstance(answer, int):
                    return answer
                used = used or answer is None
                if not used:
                    key = f"{name} {attempt}"
            await asyncio.sleep(0.05 + self._choices.delay("again", 0.5))
        raise AssertionError

    async def _ask(self, living: Incarnation, work: Coroutine[Any, Any, int]) -> int | CallError | None:
        """The answer; or an error that promises that nothing was changed; or None, when nothing is known."""
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
