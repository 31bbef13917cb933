"""A placement as a flowchart in the language of Mermaid, for pages that render it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remit.topology.flows import IN_PROCESS, Flow
from remit.topology.placement import Placement


def mermaid_of(placement: Placement, flows: Sequence[Flow]) -> str:
    """The text of the diagram."""
    return "\n".join(["flowchart LR", *_services(placement), *_stores(placement), *_lines(flows)]) + "\n"


def _services(placement: Placement) -> Iterator[str]:
    for name, placed in placement.services.items():
        yield f'  subgraph {_id("service", name)}["{placed.title}"]'
        for context in placed.runs:
            yield f'    {_node(name, context)}["{context}<br/>{" · ".join(placed.parts(context))}"]'
        yield "  end"


def _stores(placement: Placement) -> Iterator[str]:
    for context in placement.opened:
        technology = placement.topology.store_of(context).shown.partition(":")[0]
        yield f'  {_id("store", context)}[("{context}<br/>{technology}")]'
    for name, placed in placement.services.items():
        for context in placed.stores:
            yield f"  {_node(name, context)} --- {_id('store', context)}"


def _lines(flows: Sequence[Flow]) -> Iterator[str]:
    """One line for all flows of one kind, between the same boxes, on the same way."""
    seen: set[tuple[str, str, str]] = set()
    for flow in flows:
        source = _node(flow.sender, flow.source.context)
        target = _node(flow.receiver, flow.target.context)
        label = flow.kind if flow.way == IN_PROCESS else f"{flow.kind}: {flow.way}"
        if source != target and (source, target, label) not in seen:
            seen.add((source, target, label))
            yield f'  {source} {"-->" if flow.kind == "calls" else "-.->"}|"{label}"| {target}'


def _node(service: str, context: str) -> str:
    return _id(service, "runs", context)


def _id(*words: str) -> str:
    """Letters, digits and underscores; different words never make one."""
    return "__".join(word.replace("_", "_0").replace("-", "_1") for word in words)
