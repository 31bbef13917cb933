"""In which direction contexts depend on each other, where they depend in both or in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Pair = tuple[str, str]


def directions(imports: Mapping[Pair, int]) -> list[Pair]:
    """The pairs of upstream and downstream context, at most one of two contexts and without a cycle, so that few
    imports go against it. `imports` counts them by importer and imported.

    The greedy heuristic for an acyclic subgraph: the pair with the most imports first, each unless it closes a cycle.
    """
    found: dict[str, list[str]] = {}
    chosen: list[Pair] = []
    waiting = sorted(imports, key=lambda pair: (imports.get((pair[1], pair[0]), 0) - imports[pair], pair))
    for downstream, upstream in waiting:
        is_told = (downstream, upstream) in chosen  # the other direction
        if downstream != upstream and not is_told and not _reaches(upstream, downstream, found):
            found.setdefault(downstream, []).append(upstream)
            chosen.append((upstream, downstream))
    return chosen


def upstream_first(contexts: Iterable[str], pairs: Iterable[Pair]) -> list[str]:
    """The contexts, each after all that are upstream of it. `pairs` have no cycle."""
    above: dict[str, list[str]] = {each: [] for each in contexts}
    for upstream, downstream in pairs:
        above[downstream].append(upstream)
    order: dict[str, None] = {}
    while len(order) < len(above):
        ready = [each for each in above if each not in order and order.keys() >= {*above[each]}]
        order |= dict.fromkeys(ready)
    return list(order)


def _reaches(start: str, end: str, edges: Mapping[str, Iterable[str]]) -> bool:
    seen = {start: None}
    waiting = [start]
    for each in waiting:  # grows meanwhile
        new = [other for other in edges.get(each, ()) if other not in seen]
        seen |= dict.fromkeys(new)
        waiting += new
    return end in seen
