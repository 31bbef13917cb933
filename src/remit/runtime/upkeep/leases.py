"""Leases: each subscription runs in one process at a time, and none is without a process for long.

All processes that run subscriptions over a shared store take part. If two run the same subscription nevertheless, the
compare-and-swap of its checkpoints keeps the stores correct. Effects outside of the stores are kept single by leases
alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Container, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby

from remit.errors import RemitError
from remit.log import SubscriptionId
from remit.runtime.following.follower import Follower, always
from remit.runtime.following.states import BROKEN
from remit.runtime.following.troubles import SILENT_SECONDS
from remit.runtime.ports import Ports
from remit.runtime.upkeep.signs import Peers
from remit.stores import Store
from remit.stores.port import Members

LEASE_SECONDS = 10.0
"""A lease that is not renewed for this long is lost."""
RENEW_SECONDS = 3.0
"""Between two renewals, ±20 %."""
LOOK_SECONDS = 1.0
"""Between two looks for free subscriptions, by a process that does not run all of them."""
STILL_SECONDS = 18.0
"""A lease that has not changed for this long is over, whatever its end says: clocks may differ."""
SETTLED_SECONDS = 10.0
"""A process gets a share only after it has run this long, so that a short script takes nothing away."""
LEFT_SECONDS = 3.0
"""How long a process does not take back what it gave up."""
TOGETHER_SECONDS = 0.1
"""When a process stops: subscriptions that have stopped by then are given up in one statement."""


def surplus(names: Collection[str], mine: Collection[str], members: int) -> str | None:
    """Picks a subscription to give up if a process holds more than its share; None otherwise. `members` is the number
    of processes that share, including this one.

    One at a time, to avoid a burst of moves.
    """
    share = -(-len(names) // max(1, members))
    return max(mine) if len(mine) > share else None


class Leases:
    """The leases of one store: runs the subscriptions that this process holds, and stands by for the others."""

    def __init__(self, store: Members, ports: Ports) -> None:
        self._store = store
        self._all: dict[str, Follower] = {}
        self._ports = ports
        self._peers = Peers(store, ports)
        self._me = ""
        self._rows: Mapping[str, tuple[str, float]] = {}
        """Owner and end of each lease at the last look."""
        self._still: dict[str, float] = {}
        """Since when each lease has not changed (loop time)."""
        self._ends: dict[str, float] = {}
        """The leases of this process, and their ends by its own clock."""
        self._running: set[str] = set()
        self._moving: dict[str, asyncio.Task[None]] = {}
        """Subscriptions being started or stopped; renewals do not wait for them."""
        self._left: dict[str, float] = {}
        """Subscriptions that were given up, and until when they are left to others (loop time)."""
        self._paused: set[str] = set()
        """Subscriptions that asked whether they are held, and were not."""
        self.aside: set[str] = set()
        """Subscriptions that processes of another release run: this process takes none of them."""
        self._alone: dict[str, float] = {}
        """Those of them that no process runs, and since when (loop time)."""
        self._leaving = False
        self._renewed = 0.0
        self._bell = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def held(self, id: SubscriptionId) -> Callable[[], bool]:
        """A function that a follower calls before each batch: whether this process still holds its lease."""
        return partial(self._is_held, id.label)

    # ── starting, stopping, waking ──────────────────────────────────────────────────────────────────────────────────

    async def start(self, me: str, followers: Sequence[Follower]) -> None:
        """Takes leases and keeps renewing them. Returns when the taken subscriptions have started. Raises as the
        store does."""
        await self.enter(me, followers)
        self._task = asyncio.create_task(self._keep(), name=f"leases of {me}")
        await together(self._moving.values())

    async def enter(self, me: str, followers: Sequence[Follower]) -> None:
        """Takes the free leases of these followers under the name of this process; the other followers stand by."""
        self._me = me
        self._all = {each.id.label: each for each in followers}
        for follower in self._all.values():
            await follower.stand_by()
        if self._all:
            await self.renew()

    async def stop(self) -> None:
        """Stops the followers, and gives up each lease when its follower has stopped. Idempotent."""
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
        if self._task is not None:  # until now it has renewed the leases of slow followers
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look_soon(self) -> None:
        """Something has changed in the store: looks at the leases soon."""
        self._bell.set()

    async def between(self, followers: Collection[Follower], change: Callable[[], None]) -> None:
        """Makes a change while none of these followers runs here. Those that ran are started again after it."""
        names = {each.id.label for each in followers}
        async with self._turn:  # nothing is started or stopped meanwhile
            await asyncio.gather(*(self._moving[name] for name in names & self._moving.keys()), return_exceptions=True)
            running = sorted(names & self._running)
            for name in running:
                await self._all[name].stand_by()
            change()
            self._running -= self.aside
            for name in running if not self._leaving else ():
                if name not in self.aside:
                    await self._all[name].start()
        await self._give_up(names & self.aside)

    async def states(self, id: SubscriptionId) -> Collection[str]:
        """The states of a follower that living processes report."""
        return await self._peers.states(id.label)

    def _is_held(self, name: str) -> bool:
        if self._ends.get(name, 0.0) > self._ports.clock.seconds():
            return True
        # This process was suspended or could not renew: another may hold the lease by now.
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
                await asyncio.sleep(LOOK_SECONDS)  # running followers go on until their leases end

    def _tell(self, error: RemitError | None) -> None:
        """Tells the running followers that renewing fails, or works again."""
        for name in sorted(self._running):
            self._all[name].hindered(error)

    # ── renewing ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def renew(self) -> None:
        """Renews the leases of this process, takes free ones, and gives one up if there are more than its share."""
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
        """Takes free leases, and stops followers whose lease another process has taken."""
        async with self._turn:
            mine, free = await self._seen()
            if free:
                await self._take(mine, free)
            self._settle()

    async def _seen(self) -> tuple[set[str], set[str]]:
        """The leases of this process, and the free ones that it may take."""
        await self._read()
        now, here = self._ports.clock.seconds(), self._now()
        taken = {name: owner for name, (owner, end) in self._rows.items() if not self._is_over(name, owner, end, now)}
        mine = {name for name in self._all if taken.get(name) == self._me}
        for name in self._ends.keys() - mine:
            del self._ends[name]
        left = {name for name, until in self._left.items() if until > here}
        self._tell_alone(taken, here)
        free = set[str]() if self._leaving else self._all.keys() - taken.keys() - left - self.aside
        return mine, free

    def _tell_alone(self, taken: Container[str], now: float) -> None:
        """Tells the followers that are left to others whether anybody runs them."""
        before, self._alone = self._alone, {
            name: self._alone.get(name, now) for name in self.aside & self._all.keys() if name not in taken
        }  # fmt: skip
        for name in sorted((before.keys() | self._alone.keys()) - self._running):
            self._all[name].left_alone(name in self._alone and now - self._alone[name] >= SILENT_SECONDS)

    async def _read(self) -> None:
        rows, here = await self._store.leases(), self._now()
        same = {name for name, row in rows.items() if self._rows.get(name) == row}
        self._still = {name: self._still[name] if name in same else here for name in rows}
        self._rows = rows

    def _is_over(self, name: str, owner: str, end: float, now: float) -> bool:
        if owner == self._me:
            return end == 0.0  # given up. An expired lease of its own stays its own until another process takes it
        still = self._now() - self._still[name] >= STILL_SECONDS
        return end <= now or still or self._ports.machine.is_gone(owner)

    async def _take(self, mine: set[str], free: set[str]) -> None:
        """Renews and takes leases in one statement. Leases that are over before their stated end need one statement for
        each end."""
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
        """Adds the labels of subscriptions that follow together with these. Only the lease of the first one counts. The
        others tell the release before, which runs each of them alone, that they are taken."""
        return sorted(id.label for name in names for id in self._all[name].ids)

    def _hold(self, mine: Iterable[str], until: float) -> None:
        self._ends = dict.fromkeys(mine, until)
        for name in sorted(self._paused & self._running & self._ends.keys()):
            self._all[name].ring()
        self._paused.clear()

    def _settle(self) -> None:
        """Starts held subscriptions that do not run, and stops running ones that are not held: another process has
        taken them and handles their messages."""
        for name in sorted(self._running - self._ends.keys() - self._moving.keys()):
            self._running.discard(name)
            self._move(name, self._all[name].stand_by(lost=True))
        for name in sorted(self._ends.keys() - self._running - self._moving.keys()) if not self._leaving else ():
            self._move(name, self._start(name))

    # ── starting and stopping ───────────────────────────────────────────────────────────────────────────────────────

    def _move(self, name: str, work: Coroutine[object, object, None]) -> None:
        def moved(task: asyncio.Task[None]) -> None:
            del self._moving[name]
            if not task.cancelled():
                task.exception()  # marks it as retrieved; the next look tries again

        task = self._moving[name] = asyncio.create_task(work, name=f"{name} moves")
        task.add_done_callback(moved)

    async def _start(self, name: str) -> None:
        await self._all[name].start()
        self._running.add(name)

    async def _hand_over(self, name: str) -> None:
        """Stops a follower after its current batch is committed, then gives up the lease."""
        await self._all[name].stand_by()
        self._running.discard(name)
        self._left[name] = self._now() + LEFT_SECONDS
        await self._give_up([name])

    async def _give_up(self, names: Collection[str]) -> None:
        async with self._turn:
            for name in names:
                self._ends.pop(name, None)
            if names and self._me:
                with contextlib.suppress(RemitError):  # the leases expire anyway
                    now = self._ports.clock.seconds()
                    await self._store.lease(self._me, self._with_others(names), now=now, until=0.0)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def together(works: Iterable[Awaitable[None]]) -> None:
    """Awaits all at once, because an unreachable source takes time; then raises the first failure."""
    for failure in await asyncio.gather(*works, return_exceptions=True):
        if failure is not None:
            raise failure


class Sharing:
    """Starts and stops the followers of a process."""

    def __init__(self, stores: Mapping[str, Store], ports: Ports) -> None:
        self.leases = {
            name: Leases(store, ports) for name, store in stores.items() if store.technology.shared_between_processes
        }
        """By context, for stores that processes share."""
        self._followers: Sequence[Follower] = ()

    def held(self, id: SubscriptionId) -> Callable[[], bool]:
        """As `Leases.held`; always true for a store that only this process has."""
        leases = self.leases.get(id.context)
        return always if leases is None else leases.held(id)

    async def start(self, process: str, followers: Sequence[Follower]) -> None:
        """Starts the followers of stores that are not shared, and takes its share of the others. Raises as the stores
        do."""
        self._followers = followers
        shares = (leases.start(process, self._of(name)) for name, leases in self.leases.items())
        await together([*(follower.start() for follower in self._alone()), *shares])

    async def stop(self) -> None:
        """Stops all followers after their current batches are committed. Idempotent."""
        shares = (leases.stop() for leases in self.leases.values())
        await asyncio.gather(*(follower.stop() for follower in self._alone()), *shares)

    async def between(self, context: str, names: Collection[str], change: Callable[[], None]) -> None:
        """Makes a change of a shared store while no subscription of these names runs here."""
        await self.leases[context].between([each for each in self._of(context) if each.name in names], change)

    def leave(self, context: str, labels: Iterable[str], *, to_others: bool) -> None:
        """Leaves subscriptions of a shared store to processes of another release, or no longer."""
        if (leases := self.leases.get(context)) is not None:
            leases.aside = leases.aside.union(labels) if to_others else leases.aside.difference(labels)

    async def is_regressed(self, id: SubscriptionId) -> bool:
        """Whether a follower has stopped because its source's log is another one, here or in the process that runs
        it."""
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
