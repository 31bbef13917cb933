"""Whether processes come to rest once nothing disturbs them any more, and believe what is so."""

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
"""Seconds of peace after which everything must have settled. A parked key is tried again after 30, then 60 seconds."""


async def unsettled(
    cluster: Cluster, files: Files, weather: Weather, stays_parked: Callable[[str, str], bool]
) -> list[Verdict]:
    """Waits until nothing is left to do, but for keys that have to stay parked; then says what is not as it should
    be."""
    left = ["not looked"]
    for _ in range(_PATIENCE):
        await asyncio.sleep(1.0)
        ended = stopped(cluster, files)
        left = unfinished(files, {each for each in cluster.subscriptions if each.name not in ended}, stays_parked)
        left += _avoided(cluster)
        if not left:
            break
    # One more round for what processes believe: states are only left when something says that all is well.
    # What hangs now has to be ended by the time limit of its handler, 30 seconds.
    # What a dead replica ran is taken over when its lease is over.
    await asyncio.sleep(35.0 if weather.hanging() else 30.0 if cluster.leased else 5.0)
    # A process has ended in the last round, and is started again; or it still waits, for up to 30 seconds, before it
    # looks again at what has failed there, and was done by another one meanwhile.
    waits = any(each.state in ("stopped", "paused") for host in cluster.hosts.values() for each in host.followers)
    if waits or any(node not in cluster.hosts and not node.lost for node in cluster.nodes):
        await asyncio.sleep(35.0)
    hanging = (f"a handler hangs for {seconds:.0f} s" for seconds in weather.hanging() if seconds > 31.0)
    return [*(Verdict("stuck", what) for what in (*left, *hanging)), *_beliefs(cluster, files)]


def stopped(cluster: Cluster, files: Files) -> set[str]:
    """The subscriptions that the process which runs them has stopped, with a reason. There is none without a store
    that was put back."""
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
    """Who is not called any more by whom. Everybody answers in peace, so it must be found out."""
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
    """Each subscription and relay is run by one process, and by no other."""
    followers = [each for host in cluster.hosts.values() for each in host.followers]
    run = Counter(id.label for each in followers if each.state not in ("standby", "stopped") for id in each.ids)
    for subscription in sorted(cluster.subscriptions):
        times = run[subscription.label]
        if times != 1 and subscription.name not in ended:
            yield Verdict("stuck" if not times else "false", f"{times} processes run {subscription.name}")
