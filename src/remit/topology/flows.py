"""What travels between components in a placement, and how. Pure; used for tables and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from remit.messages.component import Component, PartName
from remit.topology.placement import ContextShape, Placement, Shapes, reads_directly

IN_PROCESS = "in-process"
SHARED_STORE = "shared store"


class Flow(NamedTuple):
    """Calls from one component to another, or events of one that another follows."""

    kind: Literal["calls", "events"]
    source: Component
    """The component that calls, or whose events are followed: `sales.write`."""
    target: Component
    """The component that answers the calls, or follows the events."""
    sender: str
    """The service that runs the source."""
    receiver: str
    """The service that runs the target."""
    way: str
    """`in-process`, `shared store` (the follower reads the log of the source directly), or the name of a channel."""
    pull: str = ""
    """The channel over which a follower in another process reads messages that were not pushed to it."""

    @property
    def is_remote(self) -> bool:
        """Whether a channel carries it."""
        return self.way not in (IN_PROCESS, SHARED_STORE)

    @property
    def told(self) -> str:
        """The way in words."""
        return f"{self.way}, the missed read over {self.pull}" if self.pull not in ("", self.way) else self.way


def flows_of(placement: Placement, shapes: Shapes) -> tuple[Flow, ...]:
    """Every flow between two different placed components that the shapes of the contexts reveal."""
    found: dict[Flow, None] = {}
    for name, shape in shapes.items():
        if shape is not None:
            found.update(dict.fromkeys(_calls(placement, name, shape)))
            found.update(dict.fromkeys(_events(placement, name, "write", shape.reacts_to)))
            found.update(dict.fromkeys(_events(placement, name, "read", shape.projects)))
            found.update(dict.fromkeys(_events(placement, name, "acl", shape.translates)))
            found.update(dict.fromkeys(_translated(placement, name)))
    return tuple(sorted(flow for flow in found if flow.source != flow.target))


def _calls(placement: Placement, name: str, shape: ContextShape) -> Iterator[Flow]:
    for part, target in shape.calls:
        source = Component(name, part)
        sender, receiver = placement.homes.get(source), placement.homes.get(target)
        if sender and receiver:
            channel = placement.topology.calls
            way = channel.technology.name if channel and sender != receiver else IN_PROCESS
            yield Flow("calls", source, target, sender, receiver, way)


def _events(placement: Placement, name: str, part: PartName, sources: frozenset[str]) -> Iterator[Flow]:
    target = Component(name, part)
    for source in (Component(each, "write") for each in sources):
        sender, receiver = placement.homes.get(source), placement.homes.get(target)
        if not sender or not receiver:
            continue
        way, pull = IN_PROCESS, ""
        if sender != receiver:
            way, pull = _between(placement, source.context, receiver)
        yield Flow("events", source, target, sender, receiver, way, pull)


def _translated(placement: Placement, name: str) -> Iterator[Flow]:
    """The commands that an acl sends to the write component of its context. Both open the store."""
    source, target = Component(name, "acl"), Component(name, "write")
    sender, receiver = placement.homes.get(source), placement.homes.get(target)
    if sender and receiver:
        yield Flow("events", source, target, sender, receiver, IN_PROCESS if sender == receiver else SHARED_STORE)


def _between(placement: Placement, source: str, receiver: str) -> tuple[str, str]:
    """How events of a source reach another service: read directly, or pushed, with a channel for missed ones."""
    if source in placement.services[receiver].stores:
        return SHARED_STORE, ""
    events, calls = placement.topology.events, placement.topology.calls
    if events and reads_directly(placement.topology):
        return events.technology.name, ""
    pull = calls.technology.name if calls else ""
    return (events.technology.name if events else pull), pull
