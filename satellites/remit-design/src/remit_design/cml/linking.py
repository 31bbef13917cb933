"""Finds what each name stands for, in this file and in those that it imports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from remit.errors import nearest
from remit_design.cml.grammar.kinds import CLASSES
from remit_design.cml.tree import Link, Node

# Where two things have one name, the first is meant, in this order and not in that of the file.
_ORDER: dict[str, tuple[str, ...]] = {
    "Model": ("ContextMap", "BoundedContext", "Domain", "UseCase", "UserStory"),
    "BoundedContext": ("Application", "Module", "Aggregate", "Service"),
    "Application": ("Command", "DomainEvent", "Service", "Flow", "Coordination"),
    "Module": ("Service", "Resource", "Consumer"),
    "Aggregate": ("Service", "Resource", "Consumer"),
}


def _ordered(node: Node) -> Iterator[Node]:
    kinds = _ORDER.get(node.kind, ())
    places = {kind: place for place, kind in enumerate(kinds)}
    for child in sorted(node.children, key=lambda child: places.get(child.kind, len(kinds))):
        yield child
        yield from _ordered(child)


class Names:
    """What is declared, by kind and name; the file itself comes before the imported ones."""

    def __init__(self, models: list[Node]) -> None:
        self._declared: dict[str, dict[str, list[Node]]] = defaultdict(lambda: defaultdict(list))
        self._places: dict[Node, int] = {}
        for model in models:
            for node in _ordered(model):
                self._places[node] = len(self._places)
                if node.name:
                    self._declared[node.kind][node.name].append(node)

    def meant(self, kinds: tuple[str, ...], name: str) -> list[Node]:
        """Everything of these kinds and this name; the first is what a reference means."""
        found = [node for kind in kinds for node in self._declared[kind].get(name, [])]
        return sorted(found, key=self._places.__getitem__)

    def known(self, kinds: tuple[str, ...]) -> list[str]:
        """All names of these kinds."""
        return [name for kind in kinds for name in self._declared[kind]]


def _elsewhere(node: Node, candidate: Node) -> bool:
    """True if one belongs to a domain and the other to a bounded context: neither refers to the other."""
    if candidate.kind not in CLASSES:
        return False
    if node.around("BoundedContext"):
        return candidate.around("Domain") is not None
    return node.around("Domain") is not None and candidate.around("BoundedContext") is not None


def link(model: Node, names: Names) -> Iterator[tuple[Node, Link, str]]:
    """Sets the target of every link, and yields those without one, each with the name that may have been meant."""
    for node in model.inside():
        for each in node.links:
            found = names.meant(each.kinds, each.name)
            if node.kind in ("Reference", "Association"):
                found = [candidate for candidate in found if not _elsewhere(node, candidate)]
            if found:
                each.target = found[0]
            else:
                yield node, each, nearest(each.name, names.known(each.kinds)) or ""
