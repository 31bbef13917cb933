"""Which process runs which subscription: one at a time, and none is left alone for long.

Whoever runs subscriptions over a store that processes share takes part. Should two run the same one all the same, the
compare-and-swap of its checkpoints keeps the stores whole; what is done to the world outside, only leases keep from
being done twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby

from remit.errors import RemitError
from remit.log import SubscriptionId
from remit.runtime.following.follower import Follower, always
from remit.runtime.following.states import BROKEN
from remit.runtime.ports import Ports
from remit.runtime.upkeep.signs import Peers
from remit.stores import Store
from remit.stores.port import Members

LEASE_SECONDS = 10.0
"""A process that does not renew for so long has lost what it ran."""
RENEW_SECONDS = 3.0
"""Between two renewals, ±20 %."""
LOOK_SECONDS = 1.0
"""Between two looks of a process that does not run everything: what others leave, it takes."""
STILL_SECONDS = 18.0
"""A lease that has not changed for so long is over, whatever its end says: clocks may differ."""
SETTLED_SECONDS = 10.0
"""A process that has run for so long is given a share: a short script takes nothing away."""
LEFT_SECONDS = 3.0
"""What was given up is left to others for so long."""
TOGETHER_SECONDS = 0.1
"""At the end, what has stopped by then is given up together."""


def surplus(names: Collection[str], mine: Collection[str], members: int) -> str | None:
    """What a process gives up that holds more than its share of what `members` processes want, itself among them.

    One at a time, so that nothing is moved in a rush.
    """
    share = -(-len(names) // max(1, members))
    return max(mine) if len(mine) > share else None


class Leases:
    """The leases of one store: starts what this process has been given, and stands by with the rest."""

    def __init__(self, store: Members, ports: Ports) -> None:
        self._store = store
        self._all: dict[str, Follower] = {}
        self._ports = ports
        self._peers = Peers(store, ports)
        self._me = ""
        self._rows: Mapping[str, tuple[str, float]] = {}
        """What the last look has found: owner and end of each."""
        self._still: dict[str, float] = {}
        """Since when each has not changed (loop time)."""
        self._ends: dict[str, float] = {}
        """What this process holds, and until when by its own clock."""
        self._running: set[str] = set()
        self._moving: dict[str, asyncio.Task[None]] = {}
        """What is being started or stopped: renewals do not wait for it."""
        self._left: dict[str, float] = {}
        """What was given up, and until when it is left to others (loop time)."""
        self._paused: set[str] = set()
        """What asked whether it is still held, and was not."""
        self._leaving = False
        self._renewed = 0.0
        self._bell = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def held(self, id: SubscriptionId) -> Callable[[], bool]:
        """What a follower asks before each batch: whether this process may go on with it."""
        return partial(self._is_held, id.label)

    # ── starting, stopping, waking ──────────────────────────────────────────────────────────────────────────────────

    async def start(self, me: str, followers: Sequence[Follower]) -> None:
        """Enters, and goes on renewing. Returns when what was taken has started. Raises what the store raises."""
        await self.enter(me, followers)
        self._task = asyncio.create_task(self._keep(), name=f"leases of {me}")
        await together(self._moving.values())

    async def enter(self, me: str, followers: Sequence[Follower]) -> None:
        """Takes what is free of these, in the name of this process, and stands by with the rest."""
        self._me = me
        self._all = {each.id.label: each for each in followers}
        for follower in self._all.values():
            await follower.stand_by()
        if self._all:
            await self.renew()

    async def stop(self) -> None:
        """Stops what runs, and gives it up as soon as it has: others can take it at once. Idempotent."""
        self._leaving = True
        for name in sorted(self._moving.keys() - self._running):
            self._moving[name].cancel()
        stops = {name: asyncio.create_task(follower.stop()) for name, follower in self._all.items()}
        if stops:
            await asyncio.wait(stops.values(), timeout=TOGETHER_SECONDS)
            stopped = [name for name, task in stops.items() if task.done()]
            await self._give_up(stopped)
            await asyncio.gather(*stops.values(), *self._moving.values(), return_exceptions=True)
            await self._give_up(stops.keys() - set(stopped))
        if self._task is not None:  # it has renewed what took longer
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look_soon(self) -> None:
        """Something has changed in the store."""
        self._bell.set()

    async def states(self, id: SubscriptionId) -> Collection[str]:
        """What the processes that live say of a follower."""
        return await self._peers.states(id.label)

    def _is_held(self, name: str) -> bool:
        if self._ends.get(name, 0.0) > self._ports.clock.seconds():
            return True
        # This process was asleep, or could not renew: another may have it by now.
        self._paused.add(name)
        self._bell.set()
        return False

    async def _keep(self) -> None:
        pause = RENEW_SECONDS * self._ports.random.uniform(0.8, 1.2)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._bell.wait()
            asked = self._bell.is_set()
            self._bell.clear()
            try:
                if self._paused or self._now() - self._renewed >= pause:
                    await self.renew()
                    pause = RENEW_SECONDS * self._ports.random.uniform(0.8, 1.2)
                    self._tell(None)
                elif asked or len(self._running) < len(self._all):
                    await self.look()
            except RemitError as error:
                self._tell(error)
                await asyncio.sleep(LOOK_SECONDS)  # what runs goes on as long as its lease

    def _tell(self, error: RemitError | None) -> None:
        """What runs here says so while it cannot be renewed."""
        for name in sorted(self._running):
            self._all[name].hindered(error)

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def renew(self) -> None:
        """Renews what runs here, takes what is free, and gives up some of what is more than this process's share."""
        async with self._turn:
            mine, free = await self._seen()
            too_much = None
            if len(mine) > 1 and not free:
                too_much = surplus(self._all, mine, 1 + await self._peers.sharing(self._me, self._all.keys()))
            await self._take(mine, free)
            self._renewed = self._now()
            self._settle()
        if too_much in self._running and too_much not in self._moving:
            self._move(too_much, self._hand_over(too_much))

    async def look(self) -> None:
        """Takes what is free, and stops what another has taken."""
        async with self._turn:
            mine, free = await self._seen()
            if free:
                await self._take(mine, free)
            self._settle()

    async def _seen(self) -> tuple[set[str], set[str]]:
        """What is this process's, and what it may take."""
        await self._read()
        now, here = self._ports.clock.seconds(), self._now()
        taken = {name: owner for name, (owner, end) in self._rows.items() if not self._is_over(name, owner, end, now)}
        mine = {name for name in self._all if taken.get(name) == self._me}
        for name in self._ends.keys() - mine:
            del self._ends[name]
        left = {name for name, until in self._left.items() if until > here}
        free = set[str]() if self._leaving else self._all.keys() - taken.keys() - left
        return mine, free

    async def _read(self) -> None:
        rows, here = await self._store.leases(), self._now()
        same = {name for name, row in rows.items() if self._rows.get(name) == row}
        self._still = {name: self._still[name] if name in same else here for name in rows}
        self._rows = rows

    def _is_over(self, name: str, owner: str, end: float, now: float) -> bool:
        if owner == self._me:
            return end == 0.0  # given up; what was not renewed in time is nobody else's as long as nobody takes it
        still = self._now() - self._still[name] >= STILL_SECONDS
        return end <= now or still or self._ports.machine.is_gone(owner)

    async def _take(self, mine: set[str], free: set[str]) -> None:
        """Renews and takes, in one statement; what is over although its end says otherwise, in one for each end."""
        now = self._ports.clock.seconds()
        until = now + LEASE_SECONDS
        ends = {name: self._rows[name][1] for name in sorted(free & self._rows.keys()) if self._rows[name][1] > now}
        for end, names in groupby(sorted(ends, key=ends.__getitem__), key=ends.__getitem__):
            await self._store.lease(self._me, list(names), now=end, until=max(until, end))
        if names_now := (mine | free) - ends.keys():
            await self._store.lease(self._me, self._with_others(names_now), now=now, until=until)
        if free:
            await self._read()
            mine = {name for name in self._all.keys() & self._rows.keys() if self._rows[name][0] == self._me}
        self._hold(mine, until)

    def _with_others(self, names: Iterable[str]) -> list[str]:
        """With those that follow together with these. What holds is the lease of the first; those of the others only
        tell the release before, which runs each by itself, that somebody does."""
        return sorted(id.label for name in names for id in self._all[name].ids)

    def _hold(self, mine: Iterable[str], until: float) -> None:
        self._ends = dict.fromkeys(mine, until)
        for name in sorted(self._paused & self._running & self._ends.keys()):
            self._all[name].ring()
        self._paused.clear()

    def _settle(self) -> None:
        """Starts what is held and does not run, and stops what runs and is not held: another has taken it, and will
        handle what is being handled here."""
        for name in sorted(self._running - self._ends.keys() - self._moving.keys()):
            self._running.discard(name)
            self._move(name, self._all[name].stand_by(lost=True))
        for name in sorted(self._ends.keys() - self._running - self._moving.keys()) if not self._leaving else ():
            self._move(name, self._start(name))

    # ── moving ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _move(self, name: str, work: Coroutine[object, object, None]) -> None:
        def moved(task: asyncio.Task[None]) -> None:
            del self._moving[name]
            if not task.cancelled():
                task.exception()  # what has failed is tried at the next look

        task = self._moving[name] = asyncio.create_task(work, name=f"{name} moves")
        task.add_done_callback(moved)

    async def _start(self, name: str) -> None:
        await self._all[name].start()
        self._running.add(name)

    async def _hand_over(self, name: str) -> None:
        """Ends, with what is being handled committed; only then another may begin."""
        await self._all[name].stand_by()
        self._running.discard(name)
        self._left[name] = self._now() + LEFT_SECONDS
        await self._give_up([name])

    async def _give_up(self, names: Collection[str]) -> None:
        async with self._turn:
            for name in names:
                self._ends.pop(name, None)
            if names and self._me:
                with contextlib.suppress(RemitError):  # they end by themselves
                    now = self._ports.clock.seconds()
                    await self._store.lease(self._me, self._with_others(names), now=now, until=0.0)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def together(works: Iterable[Awaitable[None]]) -> None:
    """At once, because what asks a source that is away may take its time; then raises the first failure."""
    for failure in await asyncio.gather(*works, return_exceptions=True):
        if failure is not None:
            raise failure


class Sharing:
    """Starts and stops the followers of a process."""

    def __init__(self, stores: Mapping[str, Store], ports: Ports) -> None:
        self.leases = {
            name: Leases(store, ports) for name, store in stores.items() if store.technology.shared_between_processes
        }
        """By context, where processes share its store."""
        self._followers: Sequence[Follower] = ()

    def held(self, id: SubscriptionId) -> Callable[[], bool]:
        """What a follower asks before each batch: whether this process may go on with it."""
        leases = self.leases.get(id.context)
        return always if leases is None else leases.held(id)

    async def start(self, process: str, followers: Sequence[Follower]) -> None:
        """Starts what nobody else can run, and takes its share of the rest. Raises what the stores raise."""
        self._followers = followers
        shares = (leases.start(process, self._of(name)) for name, leases in self.leases.items())
        await together([*(follower.start() for follower in self._alone()), *shares])

    async def stop(self) -> None:
        """What is being handled is committed; then nothing of it runs. Idempotent."""
        shares = (leases.stop() for leases in self.leases.values())
        await asyncio.gather(*(follower.stop() for follower in self._alone()), *shares)

    async def is_regressed(self, id: SubscriptionId) -> bool:
        """Whether a follower has ended because its source is not what it was, here or in the process that runs it."""
        for each in self._followers:
            if id in each.ids:
                leases = self.leases.get(id.context)
                if each.state != "standby" or leases is None:
                    return each.state in BROKEN
                return any(state in BROKEN for state in await leases.states(id))
        return False

    def _of(self, context: str) -> list[Follower]:
        return [each for each in self._followers if each.id.context == context]

    def _alone(self) -> list[Follower]:
        return [each for each in self._followers if each.id.context not in self.leases]
