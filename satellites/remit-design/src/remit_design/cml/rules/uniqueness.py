"""Names are used once."""

from __future__ import annotations

from collections.abc import Iterable

from remit.errors import Findings
from remit_design.cml.codes import say
from remit_design.cml.grammar.kinds import OBJECTS
from remit_design.cml.tree import Node

_EVERYWHERE = {
    "cml.context-not-unique": ("BoundedContext",),
    "cml.domain-not-unique": ("Domain",),
    "cml.subdomain-not-unique": ("Subdomain",),
    "cml.module-not-unique": ("Module",),
    "cml.aggregate-not-unique": ("Aggregate",),
    "cml.requirement-not-unique": ("UseCase", "UserStory"),
}
_IN_FILE = {"cml.flow-not-unique": ("Flow",), "cml.coordination-not-unique": ("Coordination",)}

SHOWN = 5
"""How many places a finding names at which the same name is declared."""


def check(root: Node, imported: list[Node], found: Findings) -> None:
    """Checks every kind of name in its own scope."""
    for others, codes in ((imported, _EVERYWHERE), ([], _IN_FILE)):
        for code, kinds in codes.items():
            own = list(root.inside(*kinds))
            _all(code, own, [*own, *(node for model in others for node in model.inside(*kinds))], found)
    for node in root.inside("Aggregate", "Module", "Subdomain"):
        _later("cml.object-not-unique", node.of(*OBJECTS), found)
    for node in root.inside("BoundedContext", "Subdomain"):
        code = "cml.service-not-unique" if node.kind == "BoundedContext" else "cml.subdomain-service-not-unique"
        _later(code, node.inside("Service"), found)
    for node in root.inside("Subdomain"):
        if node.parent is not None and node.parent.name == node.name:
            what = f"the subdomain {node.name} has the name of its domain"
            say(found, "cml.subdomain-named-as-domain", node, what, next="rename the subdomain")


def _all(code: str, own: list[Node], known: list[Node], found: Findings) -> None:
    """Reports every node of the file whose name another node has."""
    named: dict[str, list[Node]] = {}
    for node in known:
        named.setdefault(node.name, []).append(node)
    for node in own:
        alike = named[node.name]
        if len(alike) > 1:
            others = [other.where for other in alike[: SHOWN + 1] if other is not node][:SHOWN]
            more = len(alike) - 1 - len(others)
            places = ", ".join(others) + (f" and {more} more places" if more else "")
            say(found, code, node, f"{node.kind} {node.name} is declared again at {places}", next="rename one")


def _later(code: str, nodes: Iterable[Node], found: Findings) -> None:
    """Reports every node whose name an earlier one has."""
    first: dict[str, Node] = {}
    for node in nodes:
        if node.name in first:
            what = f"{node.kind} {node.name} was declared before, at {first[node.name].where}"
            say(found, code, node, what, next="rename one")
        first.setdefault(node.name, node)
