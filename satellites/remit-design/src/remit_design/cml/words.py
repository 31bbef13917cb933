"""The words of CML: what is reserved, and what each choice allows.

CML is the language of Context Mapper (https://contextmapper.org/docs/language-reference/). A reserved word is a name
only with a caret before it: `^type`.
"""

from __future__ import annotations

LEVELS = ("UNDEFINED", "HIGH", "MEDIUM", "LOW")
CRITICALITY = ("UNDEFINED", "NORMAL", "HIGH", "LOW")
VOLATILITY = ("UNDEFINED", "NORMAL", "RARELY", "OFTEN")
SIMILARITY = ("UNDEFINED", "NORMAL", "HUGE", "TINY")
KNOWLEDGE = ("META", "CONCRETE")
MAP_TYPES = ("UNDEFINED", "SYSTEM_LANDSCAPE", "ORGANIZATIONAL")
MAP_STATES = ("UNDEFINED", "AS_IS", "TO_BE")
CONTEXT_TYPES = ("UNDEFINED", "FEATURE", "APPLICATION", "SYSTEM", "TEAM")
SUBDOMAIN_TYPES = ("UNDEFINED", "CORE_DOMAIN", "SUPPORTING_DOMAIN", "GENERIC_SUBDOMAIN")
EVOLUTION = ("UNDEFINED", "GENESIS", "CUSTOM_BUILT", "PRODUCT", "COMMODITY")
RIGHTS = ("INFLUENCER", "OPINION_LEADER", "VETO_RIGHT", "DECISION_MAKER", "MONOPOLIST")
CORE_VALUES = (
    *("UNDEFINED", "AUTONOMY", "CARE", "CONTROL", "FAIRNESS", "INCLUSIVENESS", "INNOVATION", "PERFECTION", "PRIVACY"),
    *("RESPECT", "SUSTAINABILITY", "TRANSPARENCY", "TRUST"),
)
UPSTREAM_ROLES = ("PL", "OHS")
DOWNSTREAM_ROLES = ("ACL", "CF")
VERBS = ("create", "read", "update", "delete")
ARTICLES = ("a", "an", "the")

PRIMITIVES = (
    *("String", "int", "Integer", "long", "Long", "boolean", "Boolean", "Date", "DateTime", "Timestamp", "BigDecimal"),
    *("BigInteger", "double", "Double", "float", "Float", "Key", "PagingParameter", "PagedResult", "Blob", "Clob"),
    "Object[]",
)
COLLECTIONS = ("Set", "List", "Bag", "Collection")
VISIBILITIES = ("public", "protected", "private", "package")

TOP_LEVEL = (
    *("import", "ContextMap", "BoundedContext", "Domain", "UseCase", "UserStory", "Stakeholders", "ValueRegister"),
)

PHRASES = (
    *("Upstream-Downstream", "Downstream-Upstream", "Customer-Supplier", "Supplier-Customer", "Shared-Kernel"),
    *("As a", "As an", "I want to", "so that", "with its", "with their", "and that", "accepting that", "split by"),
    *("delegates to", "emits event", "initiated by", "unmarshall to", "read-only", "I value", "as demonstrated in"),
    *("realization of", "reduction of", "When the SOI executes", "possibly degrading or prohibiting", "more than"),
    "stakeholders expect it to promote, protect or create",
    "with the following externally observable and/or internally auditable behavior:",
    *("In the context of the SOI,", "expecting benefits such as", "running the risk of harms such as", "Object[]"),
)
"""Keywords that contain a space or a sign. The longer of two that fit is meant."""

SIGNS = ("<->", "<-", "->", "=>", "--", "::", *"{}[]()<>=,;:.+*@!-/")

_STRATEGIC = """
    type state contains domainVisionStatement responsibilities implementationTechnology knowledgeLevel businessModel
    evolution implements realizes refines Subdomain supports Partnership P SK U D S C
    exposedAggregates downstreamRights
"""
_REQUIREMENTS = """
    actor secondaryActors interactions benefit scope level in for to is are promoted reduced harmed of StakeholderGroup
    Stakeholder influence interest description ValueCluster Value ValueEpic ValueNarrative ValueWeigthing core
    demonstrator relatedValue opposingValue isCore priority impact consequences stakeholder values good bad neutral
    action ACT MONITOR
"""
_TACTICAL = """
    Aggregate useCases userStories features userRequirements owner likelihoodForChange structuralVolatility
    contentVolatility availabilityCriticality consistencyCriticality storageSimilarity securityCriticality securityZone
    securityAccessGroup Application Coordination Flow event triggers command operation X x O o Module external
    basePackage hint Service gap nogap webservice Resource scaffold path Consumer queueName topicName subscribe eventBus
    publish throws write return None GET POST PUT DELETE cache query condition select groupBy orderBy construct build
    map AccessObject Map abstract Entity extends with package optimisticLocking auditable databaseTable
    discriminatorValue discriminatorColumn discriminatorType discriminatorLength inheritanceType validate aggregateRoot
    belongsTo ValueObject immutable persistent DomainEvent Event Command CommandEvent Trait def void DataTransferObject
    BasicType key changeable required unique nullable index assertFalse assertTrue creditCardNumber digits email future
    past max min decimalMax decimalMin notEmpty notBlank pattern range size length scriptAssert url transient
    databaseColumn databaseType cascade fetch inverse databaseJoinTable databaseJoinColumn valid orderby orderColumn
    Repository inject enum aggregateLifecycle ordinal JOINED SINGLE_TABLE STRING CHAR INTEGER not opposite reference
    association
"""

RESERVED = frozenset(
    [
        *_STRATEGIC.split(),
        *_REQUIREMENTS.split(),
        *_TACTICAL.split(),
        *("TacticDDDApplication", "ApplicationPart"),
        *(*TOP_LEVEL, *LEVELS, *CRITICALITY, *VOLATILITY, *SIMILARITY, *KNOWLEDGE, *MAP_TYPES, *MAP_STATES),
        *(*CONTEXT_TYPES, *SUBDOMAIN_TYPES, *EVOLUTION, *RIGHTS, *CORE_VALUES, *UPSTREAM_ROLES, *DOWNSTREAM_ROLES),
        *(*VERBS, *ARTICLES, *PRIMITIVES, *COLLECTIONS, *VISIBILITIES),
    ]
)
"""Words that are no names unless a caret stands before them."""
