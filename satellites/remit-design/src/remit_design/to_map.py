"""From CML to a code map: what `remit-map.toml` has words for, and the rest in its table `cml`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

from remit_design.cml.codes import say
from remit_design.cml.facts import Facts, facts
from remit_design.cml.model import Model
from remit_design.cml.tree import Node
from remit_design.relations import derived, relation_of

Document: TypeAlias = dict[str, Any]
KINDS = {"CORE_DOMAIN": "core", "SUPPORTING_DOMAIN": "supporting", "GENERIC_SUBDOMAIN": "generic"}
_NAME = re.compile(r"[A-Za-z]\w*")


def to_map(model: Model) -> Document:
    """The document of `remit-map.toml`. A context that `remit` cannot name is added to the findings of the model."""
    said = facts(model.root)
    context_map: Facts = said.get("contextMap", {})
    relationships: list[Facts] = context_map.get("relationships", [])
    described = _contexts(model)
    outside = {name for name, node in described.items() if _is_outside(model, node, relationships)}
    contexts = {name: node for name, node in described.items() if name not in outside}
    relations, rest = _relations(relationships, set(contexts), outside)
    document: Document = {
        "map": {"name": context_map["name"]} if "name" in context_map else {},
        "contexts": {name: _described(node) | _owners(model, name) for name, node in contexts.items()},
        "outside": {name: {} for name in described if name in outside},
        "relations": relations,
        "cml": _rest(model, said, contexts, outside) | ({"relationships": rest} if rest else {}),
    }
    return {key: value for key, value in document.items() if value or key == "cml"}


def _contexts(model: Model) -> dict[str, Node]:
    """The contexts of the map: those of the file but for teams, and those of imported files that the file names."""
    found = dict.fromkeys(node for node in model.root.of("BoundedContext") if not _is_team(node))
    for node in (model.root, *model.root.inside()):
        found |= dict.fromkeys(link.target for link in node.links if link.target is not None
                               and link.target.kind == "BoundedContext" and not _is_team(link.target))  # fmt: skip
    for node in found:
        if not _NAME.fullmatch(node.name):
            what = f"{node.name} cannot name a context of remit"
            say(model.findings, "cml.context-name", node, what, expected="a letter first")
    return {node.name: node for node in found}


def _is_team(node: Node) -> bool:
    return node.values.get("type") == "TEAM"


def _is_outside(model: Model, node: Node, relationships: list[Facts]) -> bool:
    """Whether a context is what other people run, as `export` writes that: a system of which nothing else is said, and
    which is upstream of anti-corruption layers only. CML has no word for it."""
    says = node.values == {"type": "SYSTEM"} and not (node.lists or node.flags or node.links or node.children)
    if not says or node.parent is not model.root or node in [*_referred_to(model)]:
        return False
    of_it = [each for each in relationships if node.name in (*each.get("participants", ()), *_ends(each))]
    return bool(of_it) and all(
        each.get("upstream") == node.name and "upstreamRoles" not in each and each.get("downstreamRoles") == ["ACL"]
        for each in of_it
    )


def _ends(relationship: Facts) -> tuple[str | None, ...]:
    return relationship.get("upstream"), relationship.get("downstream")


def _referred_to(model: Model) -> Iterator[Node]:
    """What anything but the context map refers to."""
    for node in model.root.inside():
        if node.kind not in ("ContextMap", "Relationship"):
            yield from (link.target for link in node.links if link.target is not None)


def kind_of(types: list[str]) -> str:
    """The kind of a context by the types of its subdomains. Empty if they differ, or say nothing."""
    kinds = {KINDS.get(each, "") for each in types}
    return kinds.pop() if len(kinds) == 1 else ""


def _described(node: Node) -> Facts:
    kind = kind_of([part.values.get("type", "") for part in node.targets("implements") if part.kind == "Subdomain"])
    return {"kind": kind} if kind else {}


def _owners(model: Model, name: str) -> Facts:
    teams = [node.name for node in model.root.of("BoundedContext") if _is_team(node) and name in node.named("realizes")]
    return {"owner": teams} if teams else {}


def _relations(relationships: list[Facts], contexts: set[str], outside: set[str]) -> tuple[list[Facts], list[Facts]]:
    """The relations that `remit` has words for, and of every relationship what these words leave unsaid."""
    hosts = list(dict.fromkeys(each["upstream"] for each in relationships if "OHS" in each.get("upstreamRoles", [])))
    relations: list[Facts] = [{"kind": "open-host", "host": host} for host in hosts if host in contexts]
    parties = contexts | outside
    pairs = Counter(pair for each in relationships if (pair := relation_of(each, parties)))
    rest: list[Facts] = []
    for each in relationships:
        pair = relation_of(each, parties)
        if pair is None:
            rest.append(each)
            continue
        relations.append(pair.table())
        unsaid = _unsaid(each, derived(pair, hosts))
        if unsaid or pairs[pair] > 1:
            rest.append({"relation": pair.kind, **pair.parties()} | unsaid)
    return relations, rest


def _unsaid(actual: Facts, base: Facts) -> Facts:
    missing: Facts = {key: [] for key in base if key not in actual}
    return missing | {key: value for key, value in actual.items() if base.get(key) != value}


def _rest(model: Model, said: Facts, contexts: dict[str, Node], outside: set[str]) -> Facts:
    """What is left for the table `cml`."""
    rest: Facts = {key: value for key, value in said.items() if key not in ("contexts", "contextMap")}
    if "contextMap" in said:
        known = {*contexts, *(context["name"] for context in said["contexts"])} if "contexts" in said else {*contexts}
        absent = sorted(known - {*said["contextMap"].get("contains", [])})
        context_map = {key: value for key, value in said["contextMap"].items() if key in ("type", "state")}
        rest["contextMap"] = context_map | ({"notContained": absent} if absent else {})
    described = dict(_context_rests(model, said, contexts, outside))
    return rest | ({"contexts": described} if described else {})


def _context_rests(
    model: Model, said: Facts, contexts: dict[str, Node], outside: set[str]
) -> Iterator[tuple[str, Facts]]:
    for name, node in contexts.items():
        if node.parent is not model.root:
            yield name, {"imported": True}
    for table in said.get("contexts", []):
        if table["name"] in outside:
            continue
        rest = {key: value for key, value in table.items() if key != "name"}
        if table.get("type") == "TEAM":
            others = [name for name in table.get("realizes", []) if name not in contexts]
            rest = {key: value for key, value in rest.items() if key != "realizes"}
            rest |= {"realizes": others} if others else {}
        if rest:
            yield table["name"], rest
