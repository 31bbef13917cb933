"""The codes of findings about CML, and the names that Context Mapper has for the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from remit.errors import Findings
from remit_design.cml.tree import Node


@dataclass(frozen=True)
class Rule:
    """What Context Mapper calls a finding, and whether it is an error there."""

    official: str
    severity: Literal["error", "warning"] = "error"


_NAMED = {
    "context-not-unique": "BOUNDED_CONTEXT_NAME_NOT_UNIQUE",
    "aggregate-not-unique": "AGGREGATE_NAME_NOT_UNIQUE",
    "module-not-unique": "MODULE_NAME_NOT_UNIQUE",
    "requirement-not-unique": "USE_CASE_NAME_NOT_UNIQUE",
    "object-not-unique": "DOMAIN_OBJECT_NOT_UNIQUE",
    "domain-not-unique": "DOMAIN_NOT_UNIQUE",
    "subdomain-not-unique": "SUBDOMAIN_OBJECT_NOT_UNIQUE",
    "service-not-unique": "SERVICE_NAME_NOT_UNIQUE_IN_BC",
    "subdomain-service-not-unique": "SERVICE_NAME_NOT_UNIQUE_IN_SUBDOMAIN",
    "flow-not-unique": "FLOW_NAME_NOT_UNIQUE",
    "coordination-not-unique": "COORDINATION_NAME_NOT_UNIQUE",
    "subdomain-named-as-domain": "SUBDOMAIN_NAME_EQUALS_DOMAIN_NAME",
    "customer-conformist": "CUSTOMER_SUPPLIER_WITH_CONFORMIST_ERROR_MESSAGE",
    "supplier-open-host": "CUSTOMER_SUPPLIER_WITH_OHS_ERROR_MESSAGE",
    "context-not-on-map": "RELATIONSHIP_CONTEXT_NOT_ON_MAP_ERROR_MESSAGE",
    "team-on-landscape": "SYSTEM_LANDSCAPE_MAP_CONTAINS_TEAM",
    "realized-by-no-team": "ONLY_TEAMS_CAN_REALIZE_OTHER_BOUNDED_CONTEXT",
    "exposed-of-another": "EXPOSED_AGGREGATE_NOT_PART_OF_UPSTREAM_CONTEXT",
    "related-to-itself": "SELF_RELATIONSHIP_NOT_ALLOWED",
    "owner-no-team": "OWNER_BC_IS_NOT_TEAM",
    "two-roots": "AGGREGATE_CAN_ONLY_HAVE_ONE_AGGREGATE_ROOT",
    "two-lifecycles": "AGGREGATE_CAN_ONLY_HAVE_ONE_STATES_ENUM",
    "implemented-twice": "ALREADY_IMPLEMENTED_SUBDOMAIN",
    "foreign-step": "COMMAND_OR_OPERATION_IS_NOT_PART_OF_BOUNDED_CONTEXT",
    "foreign-state": "STATE_VALUE_DOES_NOT_BELONG_TO_AGGREGATE",
    "step-unreachable": "COORDINATION_STEP_CONTEXT_NOT_REACHABLE",
    "step-no-application-service": "COORDINATION_STEP_SERVICE_NOT_ON_STEP_CONTEXT_APPLICATION",
    "step-no-operation": "COORDINATION_STEP_OPERATION_NOT_ON_STEP_SERVICE",
}
_NOTED = {
    "customer-translates": "CUSTOMER_SUPPLIER_WITH_ACL_WARNING_MESSAGE",
    "several-domains": "MULTIPLE_DOMAINS_IMPLEMENTED",
    "no-team-on-map": "ORGANIZATIONAL_MAP_DOES_NOT_CONTAIN_TEAM",
    "step-ambiguous": "COORDINATION_STEP_OPERATION_IS_AMBIGUOUS",
    "entity-name": "ENTITY_NAME_CONTAINS_INVALID_CHARACTERS",
    "verb-name": "VERB_CONTAINS_INVALID_CHARACTERS",
    "outside-aggregate": "MODULE_CONTAINS_POTENTIALLY_IGNORED_OBJECTS",
    "primitive-id": "PRIMITIVE_ID_TYPE",
    "reference-ambiguous": "REFERENCE_IS_AMBIGUOUS",
    "object-name-reused": "DOMAIN_OBJECT_NAME_ALREADY_EXISTS",
    "reference-unreachable": "REFERENCE_TO_NOT_REACHABLE_TYPE",
    "story-splittable": "SPLIT_STORY_BY_VERB_SUGGESTION",
    "flow-drawable": "VISUALIZE_FLOW_WITH_SKETCH_MINER",
    "coordination-drawable": "VISUALIZE_COORDINATION_WITH_SKETCH_MINER",
    "naming": "",
    "property-redundant": "",
    "not-a-reference": "",
}

RULES: dict[str, Rule] = {
    "cml.syntax": Rule("org.eclipse.xtext.diagnostics.Diagnostic.Syntax"),
    "cml.unresolved": Rule("org.eclipse.xtext.diagnostics.Diagnostic.Linking"),
    "cml.unreadable": Rule(""),
    "cml.empty": Rule(""),
    "cml.context-name": Rule(""),
    "cml.map": Rule(""),
    "cml.file": Rule(""),
    "cml.not-taken-over": Rule("", "warning"),
    "cml.not-written": Rule("", "warning"),
    "cml.import-missing": Rule("org.eclipse.xtext.validation.ImportUriValidator"),
    "cml.tactical": Rule(""),
    **{f"cml.{code}": Rule(official) for code, official in _NAMED.items()},
    **{f"cml.{code}": Rule(official, "warning") for code, official in _NOTED.items()},
}
"""Every code, with its meaning in Context Mapper. An empty name: Context Mapper has none for it."""


def say(found: Findings, code: str, node: Node, what: str, *, expected: str = "", next: str = "") -> None:
    """Reports a finding at a node, or notes it if Context Mapper only warns."""
    add = found.report if RULES[code].severity == "error" else found.note
    add(code, node.where, what, expected=expected, next=next)
