"""What does not work in an outage: the components of a context or of a service, and the logs that nobody can read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from remit.advisor.points import Interactions
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

    def has(self, component: Component) -> bool:
        """Whether this component is down or slow."""
        return component in self.components

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
        return Outage(context, how, frozenset(Component(context, part) for part in ("write", "read")))
    components = frozenset(Component(context, part) for part in PARTS)
    followers = (point.component for point in interactions.points if not point.is_called)
    return Outage(context, how, components, frozenset((context, each) for each in followers if each not in components))


def service_outage(placement: Placement, service: str, how: How) -> Outage:
    """A service whose processes are all down. Stores are up: other services that open them work, and read the logs in
    them. Or a service whose handlers are slow."""
    components = frozenset(each for each, home in placement.homes.items() if home == service)
    if how == "slow":
        return Outage(service, how, frozenset(each for each in components if each.part != "edge"))
    return Outage(service, how, components, frozenset(_unread(placement, service)))


def _unread(placement: Placement, service: str) -> Iterator[tuple[str, Component]]:
    """The logs that only this service serves, for each component elsewhere that does not open their stores."""
    if reads_directly(placement.topology):
        return
    others = {name: placed for name, placed in placement.services.items() if name != service}
    for source in placement.services[service].stores:
        if any(source in placed.stores for placed in others.values()):
            continue
        yield from ((source, follower) for follower, home in placement.homes.items() if home in others)
