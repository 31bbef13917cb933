"""From the facts to CML text."""

from __future__ import annotations

from collections.abc import Iterator

from remit_design.cml.facts import NAMED, Facts
from remit_design.cml.lexer import quoted
from remit_design.cml.lines import Lines, name, names, setting, texts
from remit_design.cml.writing_wanted import requirements, stakeholders, value_registers


def written(facts: Facts) -> str:
    """The facts as a CML file."""
    lines = Lines()
    for each in facts.get("imports", []):
        lines.add(f"import {quoted(each)}")
    if "contextMap" in facts:
        _context_map(lines, facts["contextMap"])
    for context in facts.get("contexts", []):
        _context(lines, context)
    for domain in facts.get("domains", []):
        _domain(lines, domain)
    requirements(lines, facts)
    stakeholders(lines, facts)
    value_registers(lines, facts)
    return lines.text()


def _context_map(lines: Lines, table: Facts) -> None:
    head = f"ContextMap {name(table['name'])}" if table.get("name") else "ContextMap"

    def body() -> None:
        setting(lines, table, "type")
        setting(lines, table, "state")
        for context in table.get("contains", []):
            lines.add(f"contains {name(context)}")
        for relationship in table.get("relationships", []):
            _relationship(lines, relationship)

    if any(table.get(key) for key in ("type", "state", "contains", "relationships")):
        lines.block(head, body)
    else:
        lines.add(f"{head} {{ }}")


def _relationship(lines: Lines, table: Facts) -> None:
    match table["kind"]:
        case "partnership" | "shared-kernel":
            one, other = map(name, table["participants"])
            sign = "[P]<->[P]" if table["kind"] == "partnership" else "[SK]<->[SK]"
            head = f"{one} {sign} {other}"
        case _:
            customer = table["kind"] == "customer-supplier"
            up = ["U", *(["S"] if customer else []), *table.get("upstreamRoles", [])]
            down = ["D", *(["C"] if customer else []), *table.get("downstreamRoles", [])]
            head = f"{name(table['upstream'])} [{','.join(up)}]->[{','.join(down)}] {name(table['downstream'])}"
    if table.get("name"):
        head += f" : {name(table['name'])}"

    def body() -> None:
        setting(lines, table, "implementationTechnology", quoted)
        setting(lines, table, "exposedAggregates", names)
        setting(lines, table, "downstreamRights")

    lines.block(head, body)


def _context(lines: Lines, table: Facts) -> None:
    head = f"BoundedContext {name(table['name'])}"
    for key in ("implements", "realizes"):
        if table.get(key):
            head += f" {key} {names(table[key])}"
    if table.get("refines"):
        head += f" refines {name(table['refines'])}"

    def body() -> None:
        setting(lines, table, "domainVisionStatement", quoted)
        setting(lines, table, "type")
        setting(lines, table, "responsibilities", texts)
        setting(lines, table, "implementationTechnology", quoted)
        setting(lines, table, "knowledgeLevel")
        setting(lines, table, "businessModel", quoted)
        setting(lines, table, "evolution")
        _tactical(lines, table)

    lines.block(head, body)


def _domain(lines: Lines, table: Facts) -> None:
    def body() -> None:
        setting(lines, table, "domainVisionStatement", quoted)
        for subdomain in table.get("subdomains", []):
            _subdomain(lines, subdomain)

    lines.block(f"Domain {name(table['name'])}", body)


def _subdomain(lines: Lines, table: Facts) -> None:
    head = f"Subdomain {name(table['name'])}"
    if table.get("supports"):
        head += f" supports {names(table['supports'])}"

    def body() -> None:
        setting(lines, table, "type")
        setting(lines, table, "domainVisionStatement", quoted)
        _objects(lines, table)

    lines.block(head, body)


def _tactical(lines: Lines, table: Facts) -> None:
    """The names of the tactical part: application, modules, aggregates and services of a context."""
    if "application" in table:
        application: Facts = table["application"]
        head = f"Application {name(application['name'])}" if application.get("name") else "Application"
        lines.block(head, lambda: _objects(lines, application))
    aggregates: dict[str, Facts] = table.get("aggregates", {})
    for module, content in table.get("modules", {}).items():
        _module(lines, module, content, aggregates)
    for aggregate, content in aggregates.items():
        if "module" not in content:
            _aggregate(lines, aggregate, content)
    _objects(lines, table)


def _module(lines: Lines, module: str, table: Facts, aggregates: dict[str, Facts]) -> None:
    def body() -> None:
        if table.get("external"):
            lines.add("external")
        setting(lines, table, "basePackage", lambda path: ".".join(map(name, path.split("."))))
        setting(lines, table, "hint", quoted)
        _objects(lines, table)
        for aggregate, content in aggregates.items():
            if content.get("module") == module:
                _aggregate(lines, aggregate, content)

    _documented(lines, table)
    lines.block(f"Module {name(module)}", body)


def _documented(lines: Lines, table: Facts) -> None:
    if "doc" in table:
        lines.add(quoted(table["doc"]))


def _aggregate(lines: Lines, aggregate: str, table: Facts) -> None:
    def body() -> None:
        setting(lines, table, "responsibilities", texts)
        setting(lines, table, "userRequirements", names)
        setting(lines, table, "owner", name)
        for key in (
            *("knowledgeLevel", "likelihoodForChange", "contentVolatility", "availabilityCriticality"),
            *("consistencyCriticality", "storageSimilarity", "securityCriticality"),
        ):
            setting(lines, table, key)
        setting(lines, table, "securityZone", quoted)
        setting(lines, table, "securityAccessGroup", quoted)
        _objects(lines, table)

    _documented(lines, table)
    lines.block(f"Aggregate {name(aggregate)}", body)


def _objects(lines: Lines, table: Facts) -> None:
    """The names of objects. A repository stands in the root of its aggregate."""
    repositories = iter(table.get("repositories", []))
    for kind, key in NAMED.items():
        for each in table.get(key, []):
            head = f"{kind} {name(each)}" if kind != "Consumer" else f"Consumer {name(each)} {{ }}"
            if each in table.get("roots", []) and key in ("entities", "valueObjects", "events", "commands"):
                _root(lines, head, repositories, persistent=key in ("events", "commands"))
            else:
                lines.add(head)
    for enum, values in table.get("enums", {}).items():
        lines.add(f"enum {name(enum)} {{ {names(values)} }}")


def _root(lines: Lines, head: str, repositories: Iterator[str], *, persistent: bool) -> None:
    repository = next(repositories, None)

    def body() -> None:
        lines.add("aggregateRoot")
        if persistent and repository is not None:
            lines.add("persistent")
        if repository is not None:
            lines.add(f"Repository {name(repository)}")

    lines.block(head, body)
