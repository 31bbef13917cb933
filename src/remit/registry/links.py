"""Combines the relations of each pair of contexts, and adds what travels between them.

The roles are those of Context Mapper: `[U,OHS,PL] → [D,ACL]` (https://contextmapper.org/docs/context-map/).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from remit.contexts import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)
from remit.registry.entries import ARRIVING, Entry, Flow, Kernel, Link, Pattern

_DIRECTED: dict[type[Relation], tuple[str, str]] = {
    CustomerSupplier: ("S", "C"),
    Conformist: ("", "CF"),
    AntiCorruptionLayer: ("", "ACL"),
}
"""What each relation of an upstream and a downstream context adds to their roles."""
_SYMMETRIC: dict[type[Relation], Pattern] = {
    Partnership: "Partnership",
    SharedKernel: "SharedKernel",
    SeparateWays: "SeparateWays",
}
_UPSTREAM, _DOWNSTREAM = ("U", "S", "OHS", "PL"), ("D", "C", "CF", "ACL")
"""The roles, in the order in which they are written."""

Pair = tuple[str, str]


def open_hosts_in(relations: Iterable[Relation]) -> tuple[str, ...]:
    """The names of all open hosts."""
    return tuple(dict.fromkeys(each.names[0] for each in relations if isinstance(each, OpenHost)))


def links_of(entries: Sequence[Entry], relations: Sequence[Relation]) -> tuple[Link, ...]:
    """A link for each related pair, and for each pair that integrates without a relation, sorted by name."""
    flows = list(flows_of(entries))
    directed: dict[Pair, list[Relation]] = {}
    for each in relations:
        if type(each) in _DIRECTED and _is_pair(each):
            directed.setdefault((each.names[0], each.names[1]), []).append(each)
    others = [flow for flow in flows if _provider_first(flow) not in directed]
    symmetric = [_symmetric(each, others) for each in relations if type(each) in _SYMMETRIC and _is_pair(each)]
    mutual = {frozenset((each.upstream, each.downstream)) for each in symmetric}
    hosts = open_hosts_in(relations)
    for flow in flows:
        pair = _provider_first(flow)
        if frozenset(pair) not in mutual:
            directed.setdefault(pair, [])
    made = [_directed(pair, stated, hosts, flows) for pair, stated in directed.items()]
    return tuple(sorted([*symmetric, *made], key=lambda link: (link.upstream, link.downstream, link.pattern)))


def flows_of(entries: Iterable[Entry]) -> Iterator[Flow]:
    """What travels between contexts, by what each context consumes."""
    for entry in entries:
        ordered = sorted(entry.consumes, key=lambda each: (each.context, each.how, each.message))
        for (context, how), some in groupby(ordered, lambda each: (each.context, each.how)):
            messages = tuple(dict.fromkeys(each.message for each in some))
            source, target = (context, entry.name) if how in ARRIVING else (entry.name, context)
            yield Flow(how, source, target, messages)


def kernels_in(relations: Iterable[Relation]) -> tuple[Kernel, ...]:
    """The packages of shared kernels, each with all contexts that share it."""
    found: dict[str, dict[str, None]] = {}
    for each in relations:
        if isinstance(each, SharedKernel) and each.package:
            found.setdefault(each.package, {}).update(dict.fromkeys(each.names))
    return tuple(Kernel(package, tuple(names)) for package, names in found.items())


def roles_text(link: Link, *, is_upstream_first: bool = True) -> str:
    """The roles as in the field: `U,S → D,C`, or `D,C ← U,S`. A symmetric pattern has the name of the pattern."""
    if link.pattern == "relation":
        up, down = ",".join(link.upstream_roles), ",".join(link.downstream_roles)
        return f"{up} → {down}" if is_upstream_first else f"{down} ← {up}"
    return {"Partnership": "Partnership", "SharedKernel": "Shared Kernel", "SeparateWays": "Separate Ways"}.get(
        link.pattern, ""
    )


def _is_pair(relation: Relation) -> bool:
    """Whether the relation is between two different parties. Others are findings of the check."""
    return len(relation.names) > 1 and relation.names[0] != relation.names[1]


def _provider_first(flow: Flow) -> Pair:
    """Upstream is the context whose published language is used: it publishes the event, or answers the call.
    So is the sender of foreign messages."""
    return (flow.source, flow.target) if flow.how in ARRIVING else (flow.target, flow.source)


def _symmetric(relation: Relation, flows: Sequence[Flow]) -> Link:
    one, other = relation.names
    between = tuple(flow for flow in flows if {flow.source, flow.target} == {one, other})
    return Link(one, other, _SYMMETRIC[type(relation)], flows=between, uses=_uses([relation]))


def _directed(pair: Pair, stated: Sequence[Relation], hosts: Sequence[str], flows: Sequence[Flow]) -> Link:
    up, down = {"U"}, {"D"}
    for each in stated:
        adds = _DIRECTED[type(each)]
        up.add(adds[0])
        down.add(adds[1])
    if pair[0] in hosts:
        up |= {"OHS", "PL"}
    is_related = bool(stated) or pair[0] in hosts
    return Link(
        *pair,
        "relation" if is_related else "none",
        tuple(role for role in _UPSTREAM if is_related and role in up),
        tuple(role for role in _DOWNSTREAM if is_related and role in down),
        tuple(flow for flow in flows if _provider_first(flow) == pair),
        _uses(stated),
    )


def _uses(relations: Iterable[Relation]) -> tuple[str, ...] | None:
    """The names of the messages that relations name together. None if one of them names none."""
    named: dict[str, None] = {}
    for each in relations:
        uses = getattr(each, "uses", None)
        if uses is None:
            return None
        named.update(dict.fromkeys(use if isinstance(use, str) else use.__name__ for use in uses))
    return tuple(named) if named else None
