"""The move from one topology to another: which components move, and what becomes remote.

Positions, parked keys and states stay in the stores of the contexts, so moving a component moves no data. Moving a
store would, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from remit.errors import Findings
from remit.messages.component import PARTS, Component
from remit.topology.file import ChannelPlace, Service
from remit.topology.flows import Flow, flows_of
from remit.topology.placement import Placement, Shapes


class PlacementChange(NamedTuple):
    """One difference between two placements."""

    about: Literal["component", "service", "calls", "events", "channel"]
    what: str
    before: str
    after: str


def check_stores_stay(old: Placement, new: Placement) -> Findings:
    """Findings for differences that editing a topology cannot bring about: another system, or a moved store."""
    findings = Findings()
    if old.topology.system != new.topology.system:
        findings.report(
            "topology.other-system", f"{new.topology.where} system",
            f"it is for {new.topology.system!r}, and {old.topology.where} for {old.topology.system!r}",
            expected="two topologies of one system", next="compare files with the same system",
        )  # fmt: skip
    for context in _contexts(old, new):
        stayed, moved = old.topology.store_of(context), new.topology.store_of(context)
        if stayed.shown != moved.shown:
            again = f'{context} = "{stayed.shown}"' if stayed.path else f"what {old.topology.where} says"
            findings.report(
                "topology.store-moved", f"{new.topology.where} [stores] {context}",
                f"the store of {context} is {moved.shown}, and in {old.topology.where} {stayed.shown}",
                expected="the same place, because data does not move when the topology is edited",
                next=f"{again}, or stop all services, move the data and change both files",
            )  # fmt: skip
    return findings


def changes_between(old: Placement, new: Placement, shapes: Shapes) -> tuple[PlacementChange, ...]:
    """All differences, grouped by kind."""
    return (
        *_services(old.topology.services, new.topology.services),
        *_components(old, new),
        *_ways(flows_of(old, shapes), flows_of(new, shapes)),
        *_channels(old.topology.channels, new.topology.channels),
    )


def _contexts(old: Placement, new: Placement) -> list[str]:
    return list(dict.fromkeys([*old.contexts, *new.contexts]))


def _services(old: Mapping[str, Service], new: Mapping[str, Service]) -> Iterator[PlacementChange]:
    for name in (name for name in old if name not in new):
        yield PlacementChange("service", name, "runs", "is gone")
    for name in (name for name in new if name not in old):
        yield PlacementChange("service", name, "is not there", "runs")
    for name in (name for name in new if name in old):
        for what, before, after in (
            ("replicas", old[name].replicas, new[name].replicas),
            ("http", old[name].http, new[name].http),
            ("calls", old[name].calls, new[name].calls),
        ):
            if before != after:
                yield PlacementChange("service", f"{name} {what}", str(before or "none"), str(after or "none"))


def _components(old: Placement, new: Placement) -> Iterator[PlacementChange]:
    for context in _contexts(old, new):
        for component in (Component(context, part) for part in PARTS):
            before, after = old.homes.get(component), new.homes.get(component)
            if before != after:
                yield PlacementChange("component", component, before or "nowhere", after or "nowhere")


def _ways(old: Sequence[Flow], new: Sequence[Flow]) -> Iterator[PlacementChange]:
    before = {(flow.kind, flow.source, flow.target): flow.told for flow in old}
    for flow in new:
        told = before.get((flow.kind, flow.source, flow.target))
        if told is not None and told != flow.told:
            yield PlacementChange(flow.kind, f"{flow.source} → {flow.target}", told, flow.told)


def _channels(old: Mapping[str, ChannelPlace], new: Mapping[str, ChannelPlace]) -> Iterator[PlacementChange]:
    for name in ("events", "calls"):
        before, after = _told(old.get(name)), _told(new.get(name))
        if before != after:
            yield PlacementChange("channel", name, before, after)


def _told(channel: ChannelPlace | None) -> str:
    if channel is None:
        return "none"
    replicas = f", {channel.replicas} replicas" if channel.replicas > 1 else ""
    return f"{channel.place} ({channel.codec}{replicas})"
