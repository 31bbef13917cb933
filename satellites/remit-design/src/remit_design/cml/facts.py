"""What a CML file says, as plain data: the strategic part whole, of the tactical part the names.

The keys are the words of CML. The same data is what `remit-map.toml` keeps, and what CML is written from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from remit_design.cml.grammar.kinds import OBJECTS
from remit_design.cml.tree import Node

Facts: TypeAlias = dict[str, Any]
"""Texts, lists, tables and `true`, as in JSON and TOML. What is not given has no key."""

ONE = ("refines", "splitBy", "for", "stakeholder", "owner", "upstream", "downstream")
"""Fields that refer to one thing; all others refer to several."""

STRATEGIC = {
    "Relationship": "relationships",
    "Subdomain": "subdomains",
    "Feature": "features",
    "StakeholderGroup": "groups",
    "Stakeholder": "stakeholders",
    "ValueCluster": "clusters",
    "Value": "values",
    "ValueEpic": "epics",
    "ValueNarrative": "narratives",
    "ValueWeigthing": "weightings",
    "ValueElicitation": "elicitations",
    "Consequence": "consequences",
}
NAMED = {
    "Entity": "entities",
    "ValueObject": "valueObjects",
    "DomainEvent": "events",
    "Command": "commands",
    "BasicType": "basicTypes",
    "DataTransferObject": "dataTransferObjects",
    "Trait": "traits",
    "Service": "services",
    "Resource": "resources",
    "Consumer": "consumers",
    "Flow": "flows",
    "Coordination": "coordinations",
}
"""Tactical things of which the name is kept, by the key for their names."""


def facts(root: Node) -> Facts:
    """Everything that the file declares."""
    found: Facts = {"imports": [each.name for each in root.of("Import")]}
    for context_map in root.of("ContextMap"):
        found["contextMap"] = _table(context_map)
    found["contexts"] = [_context(node) for node in root.of("BoundedContext")]
    for key, kind in (
        ("domains", "Domain"),
        ("useCases", "UseCase"),
        ("userStories", "UserStory"),
        ("stakeholders", "Stakeholders"),
        ("valueRegisters", "ValueRegister"),
    ):
        found[key] = [_table(node) for node in root.of(kind)]
    return {key: value for key, value in found.items() if value or value == {}}


def _settings(node: Node) -> Facts:
    """The name of a node and what it is set to."""
    found: Facts = {"name": node.name} if node.name else {}
    found |= node.values
    found |= node.lists
    found |= dict.fromkeys(sorted(node.flags), True)
    for link in node.links:
        field = "participants" if link.field == "participant" else link.field
        if field in ONE:
            found[field] = link.name
        else:
            names: list[str] = found.setdefault(field, [])
            if field != "contains" or link.name not in names:
                names.append(link.name)
    return found


def _table(node: Node) -> Facts:
    """A strategic node with everything inside of it."""
    found = _settings(node)
    for child in node.children:
        if child.kind in STRATEGIC:
            found.setdefault(STRATEGIC[child.kind], []).append(_table(child))
    return found | _named(node)


def _context(node: Node) -> Facts:
    found = _table(node)
    for application in node.of("Application"):
        found["application"] = _table(application)
    for module in node.of("Module"):
        found.setdefault("modules", {})[module.name] = _without_name(_table(module))
    for aggregate in node.inside("Aggregate"):
        module_name = (
            {"module": aggregate.parent.name} if aggregate.parent and aggregate.parent.kind == "Module" else {}
        )
        found.setdefault("aggregates", {})[aggregate.name] = _without_name(_table(aggregate)) | module_name
    return found


def _without_name(table: Facts) -> Facts:
    return {key: value for key, value in table.items() if key != "name"}


def _named(node: Node) -> Facts:
    """The names of the tactical things in a node: objects by kind, values of enums, roots and their repositories."""
    found: Facts = {}
    for child in node.children:
        if child.kind in NAMED:
            found.setdefault(NAMED[child.kind], []).append(child.name)
        if child.kind == "enum":
            found.setdefault("enums", {})[child.name] = [value.name for value in child.of("EnumValue")]
        if "aggregateRoot" in child.flags:
            found.setdefault("roots", []).append(child.name)
        for repository in child.of("Repository"):
            found.setdefault("repositories", []).append(repository.name)
    return found


def left_out(root: Node) -> Iterator[tuple[str, str]]:
    """Where something tactical stands of which only names are kept, and what of it is not."""
    for owner in root.inside("Aggregate", "Module", "Application", "BoundedContext", "Subdomain"):
        for node in owner.of(*OBJECTS, "Service", "Resource", "Consumer", "Flow", "Coordination"):
            counted: dict[str, int] = {}
            for part in node.inside(*_DETAILS):
                counted[_DETAILS[part.kind]] = counted.get(_DETAILS[part.kind], 0) + 1
            other = len({*node.values, *node.flags} - {"aggregateRoot"}) + len(node.links)
            if other:
                counted["setting(s)"] = other
            if counted:
                told = ", ".join(f"{number} {word}" for word, number in counted.items())
                yield node.where, f"{node.kind} {node.name} in {owner.kind} {owner.name or '(unnamed)'}: {told}"


_DETAILS = {
    "Attribute": "attribute(s)",
    "Reference": "reference(s)",
    "Association": "association(s)",
    "ServiceOperation": "operation(s)",
    "RepositoryOperation": "operation(s)",
    "ResourceOperation": "operation(s)",
    "DomainObjectOperation": "operation(s)",
    "EnumAttribute": "attribute(s)",
    "FlowStep": "step(s)",
    "CoordinationStep": "step(s)",
}
