"""Judges whether processes settle once faults have ended, and whether their states are true."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

from remit.runtime.following.states import BROKEN
from remit.testing.simulation.cluster import Cluster, Weather
from remit.testing.simulation.judges.delivery import torn_off, unfinished
from remit.testing.simulation.judges.files import Files
from remit.testing.simulation.judges.verdict import Verdict

__all__ = ["stopped", "unsettled"]

_PATIENCE = 240
"""Seconds of calm in which everything must settle. A parked key is retried after 30, then 60 seconds."""


async def unsettled(
    cluster: Cluster, files: Files, weather: Weather, stays_parked: Callable[[str, str], bool]
) -> list[Verdict]:
    """Waits until nothing is left to do, except keys that stay parked; then returns what is wrong."""
    left = ["not looked"]
    for _ in range(_PATIENCE):
        await asyncio.sleep(1.0)
        ended = stopped(cluster, files)
        left = unfinished(files, {each for each in cluster.subscriptions if each.name not in ended}, stays_parked)
        left += _avoided(cluster)
        if not left:
            break
    # Wait once more: some states change only at the next success. A handler that hangs has to end by its time limit
    # of 30 seconds. The subscriptions of a lost replica are taken over when their leases are over.
    await asyncio.sleep(35.0 if weather.hanging() else 30.0 if cluster.leased else 5.0)
    # A process may have ended in the last round and be restarting. Or it waits up to 30 seconds before it looks again
    # at a failed message, which another process has handled meanwhile.
    waits = any(each.state in ("stopped", "paused") for host in cluster.hosts.values() for each in host.followers)
    if waits or any(node not in cluster.hosts and not node.lost for node in cluster.nodes):
        await asyncio.sleep(35.0)
    hanging = (f"a handler hangs for {seconds:.0f} s" for seconds in weather.hanging() if seconds > 31.0)
    return [*(Verdict("stuck", what) for what in (*left, *hanging)), *_beliefs(cluster, files)]


def stopped(cluster: Cluster, files: Files) -> set[str]:
    """The subscriptions that their process has stopped for a reason. Empty unless a store was restored."""
    if not cluster.restored:
        return set()
    torn = torn_off(files)
    together = [
        ({id.name for id in each.ids}, each.state) for host in cluster.hosts.values() for each in host.subscriptions
    ]
    going = {name for names, state in together if state not in (*BROKEN, "standby") for name in names}
    ended = {name for names, state in together if state in BROKEN and names & torn for name in names}
    return ended - going


def _avoided(cluster: Cluster) -> list[str]:
    """Open circuit breakers. In calm all processes answer, so breakers have to close."""
    remote = [(node.name, host.remote) for node, host in cluster.hosts.items()]
    return [f"{name} avoids {at}" for name, calls in remote if calls is not None for at in calls.avoided]


def _beliefs(cluster: Cluster, files: Files) -> Iterator[Verdict]:
    ended = stopped(cluster, files)
    for name in torn_off(files) - ended:
        yield Verdict("silent", f"{name} stands on a message that its source does not have, and does not say so")
    hosts = cluster.hosts
    for node in cluster.nodes:
        if node not in hosts and not node.lost:
            yield Verdict("stuck", f"{node.name} does not run")
    fine = ("running", "standby") if cluster.leased else ("running",)
    for each in (each for host in hosts.values() for each in host.subscriptions):
        if each.state not in fine and ended.isdisjoint(id.name for id in each.ids):
            yield Verdict("stuck", f"{each.name} is {each.state}: {each.note}")
    if cluster.leased:
        yield from _left_alone(cluster, ended)


def _left_alone(cluster: Cluster, ended: set[str]) -> Iterator[Verdict]:
    """Each subscription and relay is run by exactly one process."""
    followers = [each for host in cluster.hosts.values() for each in host.followers]
    run = Counter(id.label for each in followers if each.state not in ("standby", "stopped") for id in each.ids)
    for subscription in sorted(cluster.subscriptions):
        times = run[subscription.label]
        if times != 1 and subscription.name not in ended:
            yield Verdict("stuck" if not times else "false", f"{times} processes run {subscription.name}")
