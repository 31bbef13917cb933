"""Background work on stores and subscriptions: signs of life, parked keys that are due, stuck followers, old rows.

Each store has tasks of its own, so that one that does not answer delays no other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta

from remit.errors import RemitError, StoreError
from remit.log import Channel
from remit.runtime.following.follower import Follower
from remit.runtime.following.troubles import Troubles
from remit.runtime.listeners import Listeners
from remit.runtime.ports import Ports
from remit.runtime.store_time import StoreTime
from remit.runtime.upkeep.leases import SETTLED_SECONDS, Leases
from remit.runtime.upkeep.pruning import prune, trim
from remit.runtime.upkeep.signs import Sign, write_signs
from remit.stores import Store

TICK = 0.5
"""Seconds between two rounds."""
BEAT = 5.0
"""Seconds between two signs of life, if nothing changes."""
LIVE = 1.0
"""Seconds between two looks at which versions of read models are live."""
PRUNE = 60.0
"""Seconds between two searches for old rows."""


class Housekeeper:
    """The background work of a process."""

    def __init__(
        self,
        stores: Mapping[str, Store],
        subscriptions: Sequence[Follower],
        leases: Mapping[str, Leases],
        ports: Ports,
        time: StoreTime,
        listeners: Listeners,
        keep: Mapping[str, timedelta | None],
        trimmed: Mapping[str, Collection[Channel]],
        switched: Callable[[str], Awaitable[None]],
    ) -> None:
        """`switched` looks whether another version of a read model has become live in a store."""
        self._process = ""
        self._stores = stores
        self._subscriptions = subscriptions
        self._leases = leases
        self._ports = ports
        self._time = time
        self._listeners = listeners
        self._keep = keep
        self._trimmed = trimmed
        self._switched = switched
        self._troubles = {name: Troubles(f"store of {name}", listeners) for name in stores}
        self._tasks: list[asyncio.Task[None]] = []
        self._news: set[Follower] = set()
        """Followers whose store or source was written to by another process."""
        self._born = 0.0
        self._beaten = dict.fromkeys(stores, 0.0)
        self._told: dict[str, str] = {}

    async def start(self, process: str) -> None:
        """Writes the first sign of life under the name of this process, and starts the tasks."""
        self._process = process
        self._born = asyncio.get_running_loop().time()
        await asyncio.gather(*(self._beat(name) for name in self._stores))
        if self._ports.watch is not None:
            self._ports.watch.start(self._listeners)
        self._tasks = [
            *(asyncio.create_task(self._look_after(name), name=f"housekeeper of {name}") for name in self._stores),
            *(asyncio.create_task(self._delete(self._prune, name), name=f"pruning of {name}") for name in self._stores),
            *(asyncio.create_task(self._delete(self._trim, name), name=f"trimming of {name}") for name in self._stores),
            *(asyncio.create_task(self._follow_live(name), name=f"versions of {name}") for name in self._leases),
            asyncio.create_task(self._watch(), name="watchdog"),
        ]

    async def stop(self) -> None:
        """Stops the tasks. Idempotent."""
        if self._ports.watch is not None:
            self._ports.watch.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def unusable(self) -> list[str]:
        """The contexts whose store cannot be used."""
        return [name for name, troubles in self._troubles.items() if troubles.state != "running"]

    async def _look_after(self, name: str) -> None:
        followers = [each for each in self._subscriptions if each.id.context == name]
        while True:
            await asyncio.sleep(TICK)
            for follower in followers:
                has_news = follower in self._news
                self._news.discard(follower)
                await follower.housekeeping(has_news)
            late = abs(self._ports.clock.seconds() - self._beaten[name]) >= BEAT  # abs: the clock may be set back
            if late or self._signs(name) != self._told[name]:
                await self._beat(name)

    async def _follow_live(self, name: str) -> None:
        while True:
            await asyncio.sleep(LIVE)
            with contextlib.suppress(RemitError):  # other work reports it; the next look tries again
                await self._switched(name)

    def _changed_elsewhere(self, name: str, store: Store) -> bool:
        try:
            changed = store.changed_elsewhere()
        except RemitError as error:
            if isinstance(error, StoreError):
                self._troubles[name].begin("store", "stalled", str(error))
            # Unknown: assume a change. The followers then look, and report the error if it persists.
            return True
        self._troubles[name].end("store")
        return changed

    async def _watch(self) -> None:
        """Waits for nothing but time, so that nothing it watches can block it."""
        while True:
            await asyncio.sleep(TICK)
            changed = {name for name, store in self._stores.items() if self._changed_elsewhere(name, store)}
            for name in sorted(changed & self._leases.keys()):
                self._leases[name].look_soon()
            for follower in self._subscriptions:
                if not changed.isdisjoint((follower.id.context, follower.id.source)):
                    self._news.add(follower)
                follower.give_up_on_the_stuck()

    async def _delete(self, some: Callable[[str, Store], Awaitable[bool]], name: str) -> None:
        """Deletes old rows in chunks. Errors of the store are suppressed here; other work reports them."""
        more = False
        while True:
            await asyncio.sleep(TICK if more else PRUNE)
            more = False
            with contextlib.suppress(RemitError):
                more = await some(name, self._stores[name])

    async def _prune(self, name: str, store: Store) -> bool:
        return await prune(store, await self._time.for_deleting(name, store))

    async def _trim(self, name: str, store: Store) -> bool:
        keep = self._keep.get(name)
        if keep is None:
            return False
        return await trim(store, await self._time.for_deleting(name, store), keep, self._trimmed[name])

    async def _beat(self, name: str) -> None:
        """Writes a sign of life into a store."""
        self._beaten[name], self._told[name] = self._ports.clock.seconds(), self._signs(name)
        with contextlib.suppress(RemitError):  # without a sign it counts as gone, as it is for this store
            await self._stores[name].beat(self._process, self._beaten[name], self._told[name])

    def _signs(self, name: str) -> str:
        """The states of the subscriptions of this store's context."""
        loop = self._ports.watch.note if self._ports.watch is not None else ""
        settled = asyncio.get_running_loop().time() - self._born >= SETTLED_SECONDS
        return write_signs(
            [
                Sign(*id, each.state, each.note or loop, settled)
                for each in self._subscriptions
                if each.id.context == name
                for id in each.ids
            ]
        )
