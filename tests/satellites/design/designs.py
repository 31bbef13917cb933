"""Generated designs: the strategic part of CML as plain data."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from remit_design.cml import words
from remit_design.cml.facts import Facts

TEXTS = st.text(max_size=12)
NAMES = ("Orders", "Billing", "Value", "type", "X", "Stock")
"""Some are reserved words of CML."""


def texts() -> st.SearchStrategy[list[str]]:
    return st.lists(TEXTS, min_size=1, max_size=3)


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Facts]:
    return st.fixed_dictionaries({}, optional=fields)


def one_of(choice: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(choice)


def some(choice: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(choice), min_size=1, max_size=3, unique=True)


@st.composite
def relationships(draw: st.DrawFn, contexts: tuple[str, ...]) -> Facts:
    kind = draw(one_of(("partnership", "shared-kernel", "customer-supplier", "upstream-downstream")))
    one, other = draw(st.permutations(contexts))[:2]
    table: Facts = {"kind": kind} | draw(maybe(name=one_of(NAMES), implementationTechnology=TEXTS))
    if kind in ("partnership", "shared-kernel"):
        return table | {"participants": [one, other]}
    table |= {"upstream": one, "downstream": other} | draw(maybe(downstreamRights=one_of(words.RIGHTS)))
    if kind == "customer-supplier":
        return table | draw(maybe(upstreamRoles=st.just(["PL"]), downstreamRoles=st.just(["ACL"])))
    roles = maybe(upstreamRoles=some(words.UPSTREAM_ROLES), downstreamRoles=some(words.DOWNSTREAM_ROLES))
    return table | draw(roles)


FEATURES = maybe(article=one_of(words.ARTICLES), wanted=st.just(True)).flatmap(
    lambda table: st.fixed_dictionaries({"verb": TEXTS | one_of(words.VERBS), "entity": TEXTS}).map(
        lambda said: said | table
    )
)
STAKEHOLDERS = maybe(influence=one_of(words.LEVELS), interest=one_of(words.LEVELS), description=TEXTS)
CONTEXTS = maybe(
    domainVisionStatement=TEXTS,
    type=one_of(("UNDEFINED", "FEATURE", "APPLICATION", "SYSTEM")),
    responsibilities=texts(),
    implementationTechnology=TEXTS,
    knowledgeLevel=one_of(words.KNOWLEDGE),
    businessModel=TEXTS,
    evolution=one_of(words.EVOLUTION),
)


def tactics(context: str) -> st.SearchStrategy[Facts]:
    """The names of the tactical part of a context. Names of aggregates, modules and services are used once."""
    aggregate = maybe(
        entities=st.just([f"{context}Entity"]),
        valueObjects=st.just([f"{context}Value", f"{context}Other"]),
        events=st.just([f"{context}Happened"]),
        enums=st.just({f"{context}State": ["OPEN", "type"]}),
        responsibilities=texts(),
        knowledgeLevel=one_of(words.KNOWLEDGE),
    ) | st.just({"entities": [f"{context}Root"], "roots": [f"{context}Root"], "repositories": [f"{context}Repository"]})
    application = maybe(commands=st.just([f"{context}Do"]), flows=st.just([f"{context}Flow"]))
    return maybe(
        aggregates=aggregate.map(lambda content: {f"{context}s": content}),
        services=st.just([f"{context}Service"]),
        application=application,
    )


@st.composite
def designs(draw: st.DrawFn) -> Facts:
    """A design that Context Mapper accepts."""
    names = tuple(draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True)))
    made: Facts = {"contexts": [{"name": name} | draw(CONTEXTS) | draw(tactics(name)) for name in names]}
    subdomains = [
        {"name": f"Sub{number}"} | draw(maybe(type=one_of(words.SUBDOMAIN_TYPES), domainVisionStatement=TEXTS))
        for number in range(draw(st.integers(0, 2)))
    ]
    if subdomains:
        made["domains"] = [{"name": "Trade", "subdomains": subdomains} | draw(maybe(domainVisionStatement=TEXTS))]
        made["contexts"][0]["implements"] = [draw(st.sampled_from(subdomains))["name"]]
    if draw(st.booleans()):
        made["contexts"].append({"name": "Team", "type": "TEAM"} | draw(maybe(realizes=some(names))))
    if draw(st.booleans()):
        parties = tuple(context["name"] for context in made["contexts"])
        related = draw(st.lists(relationships(parties), max_size=4))
        contained = list(parties) if related else draw(st.lists(st.sampled_from(parties), unique=True))
        context_map: Facts = draw(maybe(name=one_of(NAMES), state=one_of(words.MAP_STATES)))
        found = {"contains": contained, "relationships": related}
        made["contextMap"] = context_map | {key: value for key, value in found.items() if value}
    return made | draw(wanted(names))


@st.composite
def wanted(draw: st.DrawFn, contexts: tuple[str, ...]) -> Facts:
    """Use cases, stories and stakeholders."""
    made: Facts = {}
    if draw(st.booleans()):
        case = maybe(actor=TEXTS, secondaryActors=texts(), benefit=TEXTS, scope=TEXTS, level=TEXTS)
        features = {"features": draw(st.lists(FEATURES, min_size=1, max_size=3))}
        made["useCases"] = [{"name": "Buying"} | draw(case) | draw(st.sampled_from(({}, features)))]
    if draw(st.booleans()):
        said = {"role": draw(TEXTS), "benefit": draw(TEXTS), "article": draw(one_of(("As a", "As an")))}
        story = said | {"features": draw(st.lists(FEATURES, min_size=1, max_size=3))}
        made["userStories"] = [{"name": "Story"} | draw(st.sampled_from(({}, story)))]
    if draw(st.booleans()):
        block = draw(maybe(of=some(contexts)))
        made["stakeholders"] = [block | {"stakeholders": [{"name": "Buyer"} | draw(STAKEHOLDERS)]}]
        values = maybe(isCore=st.just(True), demonstrators=texts(), relatedValues=texts(), opposingValues=texts())
        made["valueRegisters"] = [{"name": "Values", "values": [{"name": "Calm"} | draw(values)]}]
    return made
