"""What does not work in an outage: the components of a context or of a service, and the logs that nobody can read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from remit.advisor.points import Interactions, Point
from remit.messages.component import PARTS, Component
from remit.topology.placement import Placement, reads_directly

How = Literal["down", "slow"]


@dataclass(frozen=True)
class Outage:
    """A part of a system that is down or slow.

    *Down*: none of its components runs. *Slow*: each of its handlers takes long.
    """

    name: str
    """The context or the service."""
    how: How
    components: frozenset[Component]
    unread: frozenset[tuple[str, Component]] = field(default_factory=frozenset[tuple[str, Component]])
    """Each context whose log cannot be read, with the component that follows it."""
    away: frozenset[str] = frozenset()
    """The contexts whose stores no running process opens: nobody can say how far their subscriptions are."""

    def has(self, component: Component) -> bool:
        """Whether this component is down or slow."""
        return component in self.components

    def breaks(self, point: Point) -> bool:
        """Whether a point cannot do its work. A slow component takes in what its webhooks are sent, as usual."""
        return self.has(point.component) and not (self.how == "slow" and point.is_webhook)

    def is_all_of(self, context: str) -> bool:
        """Whether nothing of a context works as usual that opens its store."""
        return all(Component(context, part) in self.components for part in ("write", "read"))

    def is_unread(self, source: str, follower: Component) -> bool:
        """Whether this component cannot read the log of a source."""
        return (source, follower) in self.unread


def context_outage(interactions: Interactions, context: str, how: How) -> Outage:
    """A context that is down with its store: none of its components runs, wherever they are placed, and nobody can read
    its log. Or one whose handlers are slow: its edge and its log work as usual."""
    if how == "slow":
        return Outage(context, how, frozenset(Component(context, part) for part in PARTS if part != "edge"))
    components = frozenset(Component(context, part) for part in PARTS)
    followers = (point.component for point in interactions.points if not point.is_called)
    unread = frozenset((context, each) for each in followers if each not in components)
    return Outage(context, how, components, unread, frozenset({context}))


def service_outage(placement: Placement, service: str, how: How) -> Outage:
    """A service whose processes are all down. Stores are up: other services that open them work, and read the logs in
    them. Or a service whose handlers are slow."""
    components = frozenset(each for each, home in placement.homes.items() if home == service)
    if how == "slow":
        return Outage(service, how, frozenset(each for each in components if each.part != "edge"))
    others = {name: placed for name, placed in placement.services.items() if name != service}
    opened = {source for placed in others.values() for source in placed.stores}
    away = frozenset(placement.services[service].stores) - opened
    return Outage(service, how, components, frozenset(_unread(placement, away, others)), away)


def _unread(placement: Placement, away: Iterable[str], others: Collection[str]) -> Iterator[tuple[str, Component]]:
    """The logs that no other service serves, for each component elsewhere."""
    if not reads_directly(placement.topology):
        for source in away:
            yield from ((source, follower) for follower, home in placement.homes.items() if home in others)
