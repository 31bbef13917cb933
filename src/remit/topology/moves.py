"""What moving from one topology to another means: which components change places, and what becomes remote.

Positions, parked keys and states stay in the stores of the contexts, so moving a component moves no data. Another place
for a store would, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from remit.errors import Findings
from remit.topology.file import Channel, Service
from remit.topology.flows import Flow, flows_of
from remit.topology.placement import COMPONENTS, ContextShape, Placement


class Change(NamedTuple):
    """One thing that is different after the move."""

    about: Literal["component", "service", "calls", "events", "channel"]
    what: str
    before: str
    after: str


def check_stores_stay(old: Placement, new: Placement) -> Findings:
    """What cannot be reached by editing a topology: another system, or another place for a context's store."""
    findings = Findings()
    if old.topology.system != new.topology.system:
        findings.report(
            "topology.other-system", f"{new.topology.where} system",
            f"it is of {new.topology.system!r}, and {old.topology.where} of {old.topology.system!r}",
            expected="two topologies of one system", next="compare files with the same system",
        )  # fmt: skip
    for context in _contexts(old, new):
        stayed, moved = old.topology.store_of(context), new.topology.store_of(context)
        if stayed.shown != moved.shown:
            again = f'{context} = "{stayed.shown}"' if stayed.path else f"what {old.topology.where} says"
            findings.report(
                "topology.store-moved", f"{new.topology.where} [stores] {context}",
                f"the store of {context} is {moved.shown}, and in {old.topology.where} {stayed.shown}",
                expected="the same place: what is in a store does not follow an edit of the topology",
                next=f"{again}, or move the data while nothing runs and change both files",
            )  # fmt: skip
    return findings


def changes_between(
    old: Placement, new: Placement, shapes: Mapping[str, ContextShape | None]
) -> tuple[Change, ...]:  # fmt: skip
    """Everything that is different, those of one kind together."""
    return (
        *_services(old.topology.services, new.topology.services),
        *_components(old, new),
        *_ways(flows_of(old, shapes), flows_of(new, shapes)),
        *_channel("events", old.topology.events, new.topology.events),
        *_channel("calls", old.topology.calls, new.topology.calls),
    )


def _contexts(old: Placement, new: Placement) -> list[str]:
    return list(dict.fromkeys([*old.contexts, *new.contexts]))


def _services(old: Mapping[str, Service], new: Mapping[str, Service]) -> Iterator[Change]:
    for name in (name for name in old if name not in new):
        yield Change("service", name, "runs", "is gone")
    for name in (name for name in new if name not in old):
        yield Change("service", name, "is not there", "runs")
    for name in (name for name in new if name in old):
        for what, before, after in (
            ("replicas", old[name].replicas, new[name].replicas),
            ("http", old[name].http, new[name].http),
            ("calls", old[name].calls, new[name].calls),
        ):
            if before != after:
                yield Change("service", f"{name} {what}", str(before or "none"), str(after or "none"))


def _components(old: Placement, new: Placement) -> Iterator[Change]:
    for context in _contexts(old, new):
        for part in COMPONENTS:
            name = f"{context}.{part}"
            before, after = old.homes.get(name), new.homes.get(name)
            if before != after:
                yield Change("component", name, before or "nowhere", after or "nowhere")


def _ways(old: Sequence[Flow], new: Sequence[Flow]) -> Iterator[Change]:
    before = {(flow.kind, flow.source, flow.target): flow.told for flow in old}
    for flow in new:
        told = before.get((flow.kind, flow.source, flow.target))
        if told is not None and told != flow.told:
            yield Change(flow.kind, f"{flow.source} → {flow.target}", told, flow.told)


def _channel(name: str, old: Channel | None, new: Channel | None) -> Iterator[Change]:
    before, after = _told(old), _told(new)
    if before != after:
        yield Change("channel", name, before, after)


def _told(channel: Channel | None) -> str:
    if channel is None:
        return "none"
    replicas = f", {channel.replicas} replicas" if channel.replicas > 1 else ""
    return f"{channel.place} ({channel.codec}{replicas})"
