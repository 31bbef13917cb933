"""Context maps, relationships, bounded contexts and teams."""

from __future__ import annotations

from collections.abc import Iterator

from remit.errors import Findings
from remit_design.cml.codes import say
from remit_design.cml.tree import Node


def check(root: Node, found: Findings) -> None:
    """Checks the strategic part of a file."""
    for context_map in root.of("ContextMap"):
        _types(context_map, found)
        for relationship in context_map.of("Relationship"):
            _parties(context_map, relationship, found)
            _roles(relationship, found)
            _exposed(relationship, found)
    for context in root.of("BoundedContext"):
        _implemented(context, found)
        if context.named("realizes") and context.values.get("type") != "TEAM":
            what = f"{context.name} realizes other contexts and is no team"
            say(found, "cml.realized-by-no-team", context, what, expected="type = TEAM")
    for aggregate in root.inside("Aggregate"):
        owner = aggregate.target("owner")
        if owner is not None and owner.values.get("type") != "TEAM":
            what = f"{owner.name} owns the aggregate {aggregate.name} and is no team"
            say(found, "cml.owner-no-team", aggregate, what, expected=f"type = TEAM in {owner.name}")


def parties(relationship: Node) -> Iterator[Node]:
    """The two contexts of a relationship, as far as they are declared."""
    for field in ("participant", "upstream", "downstream"):
        yield from relationship.targets(field)


def _types(context_map: Node, found: Findings) -> None:
    contexts = context_map.targets("contains")
    teams = [context for context in contexts if context.values.get("type") == "TEAM"]
    match context_map.values.get("type"):
        case "ORGANIZATIONAL" if not teams:
            what = "the map is organizational and contains no team"
            say(found, "cml.no-team-on-map", context_map, what, expected="a bounded context with type = TEAM")
        case "SYSTEM_LANDSCAPE":
            for team in teams:
                what = f"the map is a system landscape, and {team.name} on it is a team"
                say(found, "cml.team-on-landscape", context_map, what, next="type = ORGANIZATIONAL, or no teams")
        case _:
            pass


def _parties(context_map: Node, relationship: Node, found: Findings) -> None:
    on_map = context_map.targets("contains")
    both = list(parties(relationship))
    for context in both:
        if context not in on_map:
            what = f"{context.name} has a relationship and is not on the map"
            say(found, "cml.context-not-on-map", relationship, what, next=f"contains {context.name}")
    if len(both) > 1 and both[0] is both[1]:
        say(found, "cml.related-to-itself", relationship, f"{both[0].name} has a relationship with itself")


def _roles(relationship: Node, found: Findings) -> None:
    if relationship.values["kind"] != "customer-supplier":
        return
    roles = relationship.lists
    if "OHS" in roles.get("upstreamRoles", []):
        what = "a supplier is an open host service"
        say(found, "cml.supplier-open-host", relationship, what, expected="upstream/downstream with OHS, or no OHS")
    if "CF" in roles.get("downstreamRoles", []):
        what = "a customer is a conformist"
        say(found, "cml.customer-conformist", relationship, what, expected="upstream/downstream with CF, or no CF")
    if "ACL" in roles.get("downstreamRoles", []):
        say(
            found,
            "cml.customer-translates",
            relationship,
            "a customer has an anti-corruption layer against its supplier",
        )


def _exposed(relationship: Node, found: Findings) -> None:
    upstream = relationship.target("upstream")
    if upstream is None:
        return
    own = {aggregate.name for aggregate in upstream.inside("Aggregate")}
    for aggregate in relationship.targets("exposedAggregates"):
        if aggregate.name not in own:
            what = f"the exposed aggregate {aggregate.name} is not of {upstream.name}"
            say(found, "cml.exposed-of-another", relationship, what)


def _implemented(context: Node, found: Findings) -> None:
    parts = context.targets("implements")
    domains = [part for part in parts if part.kind == "Domain"]
    for part in parts:
        if part.kind == "Subdomain" and part.parent in domains:
            whole = part.parent.name
            say(
                found,
                "cml.implemented-twice",
                context,
                f"the subdomain {part.name} is implemented with its domain {whole}",
            )
    if len(domains) > 1:
        names = ", ".join(domain.name for domain in domains)
        say(found, "cml.several-domains", context, f"{context.name} implements several domains: {names}")
