"""The strategic part of the grammar: the context map with its relationships, bounded contexts, domains."""

from __future__ import annotations

from dataclasses import dataclass

from remit_design.cml import words
from remit_design.cml.grammar import tactics
from remit_design.cml.lexer import CmlSyntaxError
from remit_design.cml.reader import Reader, Setting
from remit_design.cml.tree import Link, Node

VISION = Setting("domainVisionStatement")
TECHNOLOGY = Setting("implementationTechnology")

CONTEXT_SETTINGS = {
    "domainVisionStatement": VISION,
    "type": Setting("type", "word", words.CONTEXT_TYPES),
    "responsibilities": Setting("responsibilities", "texts"),
    "implementationTechnology": TECHNOLOGY,
    "knowledgeLevel": Setting("knowledgeLevel", "word", words.KNOWLEDGE),
    "businessModel": Setting("businessModel"),
    "evolution": Setting("evolution", "word", words.EVOLUTION),
}
CONTEXT_LINKS = {
    "implements": Setting("implements", "names", ("Domain", "Subdomain"), "never"),
    "realizes": Setting("realizes", "names", ("BoundedContext",), "never"),
    "refines": Setting("refines", "name", ("BoundedContext",), "never"),
}
MAP_SETTINGS = {
    "type": Setting("type", "word", words.MAP_TYPES),
    "state": Setting("state", "word", words.MAP_STATES),
}
SUBDOMAIN_SETTINGS = {"type": Setting("type", "word", words.SUBDOMAIN_TYPES), "domainVisionStatement": VISION}
SYMMETRIC_SETTINGS = {"implementationTechnology": TECHNOLOGY}
DIRECTED_SETTINGS = {
    "implementationTechnology": TECHNOLOGY,
    "exposedAggregates": Setting("exposedAggregates", "names", ("Aggregate",)),
    "downstreamRights": Setting("downstreamRights", "word", words.RIGHTS),
}


def bounded_context(reader: Reader, parent: Node) -> None:
    """`BoundedContext Orders implements Selling { … }`"""
    node = reader.declared(parent, "BoundedContext")
    while reader.setting(node, CONTEXT_LINKS):
        pass
    parts = {
        "Application": tactics.application,
        "Module": tactics.module,
        "Aggregate": tactics.aggregate,
        "Service": tactics.service,
    }
    reader.body(node, CONTEXT_SETTINGS, parts)


def domain(reader: Reader, parent: Node) -> None:
    """`Domain Insurance { Subdomain Claims … }`"""
    node = reader.declared(parent, "Domain")
    reader.body(node, {"domainVisionStatement": VISION}, {"Subdomain": subdomain})


def subdomain(reader: Reader, parent: Node) -> None:
    """`Subdomain Claims supports FileAClaim { type = CORE_DOMAIN }`"""
    node = reader.declared(parent, "Subdomain")
    reader.setting(node, {"supports": Setting("supports", "names", ("UseCase", "UserStory"), "never")})
    reader.body(node, SUBDOMAIN_SETTINGS, {"Entity": tactics.domain_object, "Service": tactics.service})


def context_map(reader: Reader, parent: Node) -> None:
    """`ContextMap Shop { contains Orders, Billing … }`: settings, then contexts, then relationships."""
    line = reader.line
    reader.expect("ContextMap")
    node = parent.add("ContextMap", reader.step().text if reader.at_kind("name") else "", line)
    reader.expect("{")
    while reader.setting(node, MAP_SETTINGS):
        pass
    while reader.accept("contains"):
        reader.links(node, "contains", "BoundedContext")
    while not reader.accept("}"):
        relationship(reader, node)


@dataclass
class _Side:
    """One side of a relationship as it is written: a name, and roles in brackets before or after it."""

    name: str
    line: int
    roles: list[str] | None = None


_ARROWS = ("<->", "->", "<-")
_PHRASES = {
    "Partnership": "Partnership",
    "Shared-Kernel": "Shared-Kernel",
    "Upstream-Downstream": "->",
    "Downstream-Upstream": "<-",
    "Supplier-Customer": "->",
    "Customer-Supplier": "<-",
}
_ROLES = ("U", "D", "S", "C", "P", "SK", *words.UPSTREAM_ROLES, *words.DOWNSTREAM_ROLES)


def _roles(reader: Reader) -> list[str] | None:
    if not reader.accept("["):
        return None
    found: list[str] = []
    while not reader.accept("]"):
        if found:
            reader.expect(",")
        found.append(reader.expect(*_ROLES))
    return found


def _side(reader: Reader, *, is_last: bool) -> _Side:
    """Reads a name with its roles before or after it. Roles in the line after the last name belong to the next
    relationship."""
    roles = _roles(reader)
    side = _Side(reader.ahead().text, reader.line, roles)
    reader.name("a name (BoundedContext)")
    if reader.at("[") and roles is None and not (is_last and reader.line > side.line):
        side.roles = _roles(reader)
    return side


def relationship(reader: Reader, parent: Node) -> None:
    """`Orders [U,OHS,PL] -> [D,ACL] Billing : Invoices { … }`, in every form that CML has."""
    line = reader.line
    one = _side(reader, is_last=False)
    sign = reader.expect(*_ARROWS, *_PHRASES)
    other = _side(reader, is_last=True)
    node = parent.add("Relationship", "", line)
    if sign in ("<->", "Partnership", "Shared-Kernel"):
        _symmetric(node, sign, one, other)
    else:
        _directed(node, sign, one, other)
    if reader.accept(":"):
        node.name = reader.name()
    reader.body(node, DIRECTED_SETTINGS if node.values["kind"] in DIRECTED else SYMMETRIC_SETTINGS)


DIRECTED = ("upstream-downstream", "customer-supplier")


def _symmetric(node: Node, sign: str, one: _Side, other: _Side) -> None:
    given = [side.roles for side in (one, other) if side.roles is not None]
    if sign == "<->":
        if given not in ([], [["P"], ["P"]], [["SK"], ["SK"]]):
            raise CmlSyntaxError(node.line, "the two sides have other roles", "[P] on both, [SK] on both, or none")
        kind = "partnership" if given and given[0] == ["P"] else "shared-kernel"
    else:
        if given:
            raise CmlSyntaxError(node.line, f"{sign} stands with roles in brackets", "only one of the two")
        kind = sign.lower()
    node.values["kind"] = kind
    _connect(node, "participant", one)
    _connect(node, "participant", other)


def _connect(node: Node, field: str, side: _Side) -> None:
    node.links.append(Link(field, side.name, ("BoundedContext",), side.line))


def _directed(node: Node, sign: str, one: _Side, other: _Side) -> None:
    arrow = _PHRASES.get(sign, sign)
    upstream, downstream = (one, other) if arrow == "->" else (other, one)
    node.values["kind"] = _kind(node, sign, upstream, downstream)
    _connect(node, "upstream", upstream)
    _connect(node, "downstream", downstream)


def _kind(node: Node, sign: str, upstream: _Side, downstream: _Side) -> str:
    """Takes the leading letters off the roles, and tells what kind of relationship is left."""
    arrow = sign in _ARROWS
    supplies = _taken(node, upstream, ("U", "S") if arrow else (), words.UPSTREAM_ROLES)
    consumes = _taken(node, downstream, ("D", "C") if arrow else (), words.DOWNSTREAM_ROLES)
    if not arrow:
        return "customer-supplier" if "Customer" in sign else "upstream-downstream"
    if ("S" in supplies) != ("C" in consumes):
        raise CmlSyntaxError(node.line, "only one side is named as customer or supplier", "[S] with [C]")
    return "customer-supplier" if "S" in supplies else "upstream-downstream"


def _taken(node: Node, side: _Side, letters: tuple[str, ...], roles: tuple[str, ...]) -> set[str]:
    given = list(side.roles or ())
    if letters and side.roles == []:
        raise CmlSyntaxError(node.line, f"the brackets of {side.name} are empty", "a role")
    found: set[str] = set()
    for letter in letters:
        if given and given[0] == letter:
            found.add(given.pop(0))
    wrong = [each for each in given if each not in roles]
    if wrong:
        raise CmlSyntaxError(
            node.line,
            f"{wrong[0]} is no role of {side.name} here",
            f"of {', '.join((*letters, *roles))}, in this order",
        )
    side_name = "upstreamRoles" if roles is words.UPSTREAM_ROLES else "downstreamRoles"
    if given:
        node.lists[side_name] = given
    return found
