"""Which of several replicas runs which subscription.

For efficiency only: two that run the same one meet at the compare-and-swap of its checkpoints, and do no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from remit.errors import RemitError
from remit.runtime.follower import Follower
from remit.runtime.ports import Ports
from remit.stores import Store

__all__ = ["Leases", "Wish", "fair"]

LEASE_SECONDS = 10.0
"""A replica that does not renew for so long has lost what it ran."""
RENEW_SECONDS = 3.0
"""Between two renewals, ±20 %."""
LOOKS = 5
"""A lease that is the same at so many more looks is over, whatever its end says: clocks may differ."""
SILENT_SECONDS = 7.0
"""A process without a sign of life for so long has no share: less than a lease, so that nothing is left to the dead."""


class Wish(NamedTuple):
    """What a replica goes on holding or takes, and what it leaves to others."""

    keep: frozenset[str]
    give_up: str | None


def fair(names: Collection[str], held: Mapping[str, str], me: str, members: int) -> Wish:
    """What a replica keeps or takes, given who holds what: everything that is free, and no more than its share of what
    others want too. Of a surplus it gives up one, so that nothing is moved in a rush.

    `held` names the owner of each lease that is not over; `members` counts the replicas that live.
    """
    mine = [name for name in sorted(names) if held.get(name) == me]
    free = [name for name in names if name not in held]
    share = -(-len(names) // max(1, members))
    if len(mine) > share and not free:
        return Wish(frozenset(mine[:-1]), mine[-1])
    return Wish(frozenset([*mine, *free]), None)


class Leases:
    """The leases of one store: starts what this process has been given, and stands by with the rest."""

    def __init__(self, store: Store, process: str, subscriptions: Sequence[Follower], ports: Ports) -> None:
        self._store = store
        self._process = process
        self._all = {_name(*_place(each)): each for each in subscriptions}
        self._ports = ports
        self._running: set[str] = set()
        self._looked: dict[str, tuple[tuple[str, float], int]] = {}
        """Each lease as it was at the last look, and at how many looks before that."""
        self._shunned: dict[str, float] = {}
        """What was given up, and until when it is left to others."""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes what is free, and goes on renewing. Raises what the store raises.

        The process has given a sign of life before: only those who have are given a share.
        """
        for subscription in self._all.values():
            await subscription.stand_by()
        await self.renew()
        self._task = asyncio.create_task(self._keep(), name=f"leases of {self._process}")

    async def stop(self) -> None:
        """Gives up everything: others can take it at once. What runs must have been stopped before."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._store.lease(self._process, list(self._all), now=self._ports.clock.seconds(), until=0.0)
        except RemitError:
            return  # they end by themselves

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS * self._ports.random.uniform(0.8, 1.2))
            try:
                await self.renew()
            except RemitError:
                continue  # what runs goes on: should another run it too, the checkpoints decide

    async def renew(self) -> None:
        """Looks who holds what, takes or gives up, and starts or stops accordingly."""
        now = self._ports.clock.seconds()
        self._count_looks(await self._store.leases())
        held = await self._held(now)
        names = [name for name in self._all if self._shunned.get(name, 0.0) <= now or held.get(name) == self._process]
        wish = fair(names, held, self._process, await self._members(now))
        if wish.give_up is not None:
            await self._stop(wish.give_up)
            self._shunned[wish.give_up] = now + LEASE_SECONDS
            await self._store.lease(self._process, [wish.give_up], now=now, until=0.0)
        for name in wish.keep & self._looked.keys():
            (_, end), looks = self._looked[name]
            if looks >= LOOKS:
                await self._store.lease(self._process, [name], now=end, until=now + LEASE_SECONDS)
        await self._store.lease(self._process, wish.keep, now=now, until=now + LEASE_SECONDS)
        mine = {name for name, owner in (await self._held(now)).items() if owner == self._process}
        for name in sorted(self._running - mine):
            await self._stop(name)
        for name in sorted(mine - self._running):
            await self._all[name].start()
            self._running.add(name)

    async def _stop(self, name: str) -> None:
        self._running.discard(name)
        await self._all[name].stand_by()

    async def _held(self, now: float) -> dict[str, str]:
        rows = await self._store.leases()
        return {
            name: row[0] for name, row in rows.items() if row[1] > now and name in self._all and self._moves(name, row)
        }

    def _count_looks(self, rows: Mapping[str, tuple[str, float]]) -> None:
        before = self._looked
        self._looked = {
            name: (row, before[name][1] + 1 if name in before and before[name][0] == row else 0)
            for name, row in rows.items()
        }

    def _moves(self, name: str, row: tuple[str, float]) -> bool:
        """Whether a lease is being renewed, as far as was seen."""
        seen, looks = self._looked.get(name, (row, 0))
        return seen != row or looks < LOOKS

    async def _members(self, now: float) -> int:
        """How many processes that live say that they run what this one runs. One whose clock is ahead of ours would
        seem to live long after its end."""
        beats = await self._store.beats()
        living = [body for at, body in beats.values() if abs(now - at) <= SILENT_SECONDS]
        return sum(not self._all.keys().isdisjoint(_signed(body)) for body in living)


class _Sign(msgspec.Struct):
    name: str
    source: str
    channel: int


def _signed(body: str) -> set[str]:
    """What a sign of life speaks of; nothing when it cannot be read."""
    try:
        return {_name(sign.name, sign.source, sign.channel) for sign in msgspec.json.decode(body, type=list[_Sign])}
    except msgspec.MsgspecError:
        return set()


def _place(subscription: Follower) -> tuple[str, str, int]:
    return subscription.name, subscription.follow.source, subscription.follow.channel


def _name(name: str, source: str, channel: int) -> str:
    return f"{name} {source} {channel}"
