"""Aggregates, and the objects inside of them."""

from __future__ import annotations

from collections import Counter

from remit.errors import Findings
from remit_design.cml.codes import say
from remit_design.cml.grammar.kinds import CLASSES, OBJECTS, SERVICES
from remit_design.cml.tree import Node
from remit_design.cml.words import PRIMITIVES


def check(root: Node, found: Findings) -> None:
    """Checks the objects of a file."""
    counted = Counter(node.name for node in root.inside(*OBJECTS))
    for aggregate in root.inside("Aggregate"):
        _one_root(aggregate, found)
    for module in root.inside("Module"):
        if module.of(*OBJECTS, *SERVICES):
            what = f"the module {module.name} contains objects or services outside of aggregates"
            say(found, "cml.outside-aggregate", module, what)
    for node in root.inside(*OBJECTS):
        if counted[node.name] > 1:
            say(found, "cml.object-name-reused", node, f"{counted[node.name]} objects have the name {node.name}")
    for reference in root.inside("Reference"):
        if reference.parent is not None and reference.parent.kind != "DataTransferObject":
            _reference(root, reference, counted, found)
    for attribute in root.inside("Attribute"):
        _identifier(attribute, found)


def _one_root(aggregate: Node, found: Findings) -> None:
    roots = [node for node in aggregate.of(*CLASSES) if "aggregateRoot" in node.flags]
    lifecycles = [node for node in aggregate.of("enum") if "aggregateLifecycle" in node.flags]
    for code, word, several in (("cml.two-roots", "root", roots), ("cml.two-lifecycles", "enum of states", lifecycles)):
        if len(several) > 1:
            for node in several:
                say(found, code, node, f"the aggregate {aggregate.name} has more than one {word}")


def _identifier(attribute: Node, found: Findings) -> None:
    entity = attribute.parent
    if not attribute.name.endswith(("Id", "ID")) or "collection" in attribute.values:
        return
    if entity is None or entity.kind != "Entity" or (entity.parent and entity.parent.kind == "Subdomain"):
        return
    if attribute.values["type"] in PRIMITIVES:
        what = f"the attribute {attribute.name} of {entity.name} is an identity without a type of its own"
        say(found, "cml.primitive-id", attribute, what, next="make it a value object")


def _reference(root: Node, reference: Node, counted: Counter[str], found: Findings) -> None:
    target = reference.target("type")
    if target is None:
        return
    if counted[target.name] > 1:
        say(found, "cml.reference-ambiguous", reference, f"{counted[target.name]} objects have the name {target.name}")
    context = reference.around("BoundedContext")
    if context is None or reference.around("Application"):
        return
    if target.name not in _in_sight(root, context):
        what = f"{target.name} is not of {context.name}, and no relationship leads to it"
        say(found, "cml.reference-unreachable", reference, what, next="add a relationship with its context upstream")


def _in_sight(root: Node, context: Node) -> set[str]:
    """The names of the objects in aggregates that a context can refer to: its own, and those of its upstreams."""
    sources = [context]
    for relationship in root.inside("Relationship"):
        if context in relationship.targets("participant"):
            sources += relationship.targets("participant")
        elif context in relationship.targets("downstream"):
            sources += relationship.targets("exposedAggregates") or relationship.targets("upstream")
    aggregates = [
        aggregate
        for source in sources
        for aggregate in ([source] if source.kind == "Aggregate" else source.inside("Aggregate"))
    ]
    return {node.name for aggregate in aggregates for node in aggregate.inside(*OBJECTS)}
