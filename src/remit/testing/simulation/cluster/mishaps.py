"""Faults of a whole cluster: crashes, trimmed logs, a restored backup."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from remit.log import Channel, SubscriptionId
from remit.runtime import Host
from remit.runtime.following.history import REPORT_SECONDS
from remit.runtime.upkeep.pruning import retention_of, trim
from remit.testing.simulation.cluster.backups import Backup
from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.cluster import Cluster
from remit.testing.simulation.cluster.door import ClusterDoor
from remit.testing.simulation.cluster.nodes import Incarnation
from remit.testing.simulation.cluster.weather import Weather

__all__ = ["Mishaps"]

_KEEP = timedelta(seconds=0.5)
"""How long messages are kept at least, if logs are trimmed."""


class Mishaps:
    """Each method runs until it is cancelled, unless it says otherwise."""

    def __init__(self, cluster: Cluster, door: ClusterDoor, choices: Choices) -> None:
        self._cluster = cluster
        self._door = door
        self._choices = choices

    async def crash(self) -> None:
        """Crashes processes. One of several that run the same may be lost for good."""
        nodes, choices = self._cluster.nodes, self._choices
        while True:
            await asyncio.sleep(choices.delay("mishap", 6.0))
            node = nodes[choices.draw("victim", len(nodes))]
            does = node.spot.does
            others = [each for each in nodes if each is not node and not each.lost and each.spot.does == does]
            if others and choices.chance("node lost", 60):
                node.lost = True
            if node.lost or choices.chance("crash", 400):
                node.crash()

    async def trim(self) -> None:
        """Deletes old messages more often than processes do themselves: most would crash before their minute is
        over."""
        nodes, choices = self._cluster.nodes, self._choices
        while True:
            await asyncio.sleep(choices.delay("trim", 3.0))
            living = nodes[choices.draw("trimmed", len(nodes))].living
            if living is not None and living.host is not None:
                for context in living.stores:
                    await self._door.ask(living, self._delete_old(living, living.host, context))

    async def _delete_old(self, living: Incarnation, host: Host, context: str) -> bool:
        """Deletes only after all followers have reported: a later one begins at the floor."""
        store = living.stores[context]
        heard = {SubscriptionId(each.name, context, each.channel) for each in await store.subscribers()}
        followers = {each for each in self._cluster.subscriptions if each.source == context}
        (of,) = (each for each in host.model.contexts if each.name == context)
        channels = [each for each in Channel if retention_of(of, each) != "kept"]  # by age, or as an archive does
        return followers <= heard and await trim(store, host.ports.clock.seconds(), _KEEP, channels)

    async def operate(self, weather: Weather) -> None:
        """An operator retries parked keys, before and after the bug is fixed. Ends when it is fixed."""
        nodes, choices = self._cluster.nodes, self._choices
        for look in range(6):
            await asyncio.sleep(choices.delay("operator", 4.0))
            weather.fixed = look >= 1 + choices.draw("fix", 3) or weather.fixed
            living = nodes[choices.draw("console", len(nodes))].living
            if living is not None and living.host is not None:
                await self._door.ask(living, self._try_again(living, living.host.ports.clock.seconds()))
        weather.fixed = True

    async def _try_again(self, living: Incarnation, now: float) -> None:
        for store in living.stores.values():
            for subscription in await store.parking():
                await store.retry(subscription.name, None, now)

    async def put_back(self, context: str, replaced: Callable[[Callable[[], None]], None], *, trims: bool) -> None:
        """Takes a backup of a store, and restores it later while all processes are down. `replaced` is called with the
        function that restores it. Then ends."""
        store, choices = self._cluster.folder / f"{context}.db", self._choices
        await asyncio.sleep(1.0 + choices.delay("backup", 2.0))
        while not store.is_file():  # noqa: ASYNC110  # there is no event for a file
            await asyncio.sleep(0.1)
        backup = Backup(store)
        await asyncio.sleep(1.0 + choices.delay("restore", 4.0))
        if trims:  # until messages handled since are reported and deleted
            await asyncio.sleep(REPORT_SECONDS + 2.0)
        for node in self._cluster.nodes:
            node.crash()
        replaced(backup.restore)
        self._cluster.restored += 1
        choices.note("restored")
