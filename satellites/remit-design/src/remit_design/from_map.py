"""From a code map to the facts of CML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remit.boundaries import CodeContext, CodeMap
from remit.errors import Findings
from remit.relations import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    OpenHost,
    Partnership,
    Relation,
    SharedKernel,
)
from remit_design.cml.facts import Facts
from remit_design.relations import SYMMETRIC, Pair, derived
from remit_design.spelling import Spelling, ident, renamed
from remit_design.to_map import KINDS, kind_of

_WORDS: dict[type[Relation], str] = {
    CustomerSupplier: "customer-supplier",
    Conformist: "conformist",
    AntiCorruptionLayer: "anti-corruption-layer",
    Partnership: "partnership",
    SharedKernel: "shared-kernel",
}


def to_facts(code: CodeMap, rest: Mapping[str, Any] | None, found: Findings, *, named: bool = True) -> Facts:
    """The facts of a code map. `rest` is the table `cml` of `remit-map.toml`, or None if there is none.

    What CML has no word for is added to the notes of `found`. `named` says whether the map gives its own name.
    """
    making = _Making(code, dict(rest or {}), found, Spelling(code, rest))
    making.note_names(named=named)
    said: Facts = {
        key: value for key, value in making.rest.items() if key not in ("contexts", "contextMap", "relationships")
    }
    contexts = making.contexts()
    relationships = making.relationships()
    if rest is None or "contextMap" in making.rest or relationships:
        said["contextMap"] = making.context_map(contexts, relationships, named=named)
    said["contexts"] = [table for table in contexts if not table.pop("imported", False)]
    if making.domains:
        said["domains"] = [*said.get("domains", []), *making.domains]
    return {key: value for key, value in said.items() if value or value == {}}


@dataclass
class _Making:
    code: CodeMap
    rest: dict[str, Any]
    found: Findings
    spelling: Spelling
    domains: list[Facts] = field(default_factory=list[Facts])
    teams: list[str] = field(default_factory=list[str])
    """Teams that own a context and that CML did not name."""

    def note(self, what: str, where: str = "") -> None:
        self.found.note("cml.not-written", where or self.code.where or self.code.name, what)

    def note_names(self, *, named: bool) -> None:
        """Notes each name that CML cannot have, with what is written instead."""
        own = [renamed(self.code.name)] if named and self.code.name and ident(self.code.name) != self.code.name else []
        for what in dict.fromkeys([*own, *self.spelling.notes()]):
            self.note(what)

    @property
    def described(self) -> dict[str, Facts]:
        """What CML said of the contexts, by name."""
        described: dict[str, Facts] = self.rest.get("contexts", {})
        return described

    def contexts(self) -> list[Facts]:
        """The contexts, the teams, and what is outside."""
        for word in ("packages", "published", "pure", "tables", "schema", "language"):
            having = [context.name for context in self.code.contexts if getattr(context, word)]
            if having:
                self.note(f"{word} of {', '.join(having)}: CML has no word for it")
        self._note_outside()
        made = [self._context(context) for context in self.code.contexts]
        known = [table["name"] for table in made]
        for name, table in self.described.items():
            if table.get("type") == "TEAM":
                made.append({"name": name, **table} | self._realizes(name, table))
            elif self.spelling.party(name) not in known:
                self.note(f"the table cml describes a context {name}, which the map does not have")
        for context in self.code.contexts:
            for owner in map(self.spelling.owner, context.owner):
                if owner not in self.described and owner not in self.teams:
                    self.teams.append(owner)
        made += [{"name": team, "type": "TEAM", **self._realizes(team, {})} for team in self.teams]
        return [*made, *({"name": self.spelling.party(each.name), "type": "SYSTEM"} for each in self.code.foreign)]

    def _note_outside(self) -> None:
        """Notes what of the outside CML cannot say. By a relation, what is outside is told from a context."""
        related = {name for relation in self.code.relations for name in relation.names}
        for each in self.code.foreign:
            if each.packages:
                self.note(f"packages of {each.name}: CML has no word for it", each.where)
            if each.name not in related:
                self.note(
                    f"{each.name} is outside: CML has no word for it; a context of type SYSTEM was written", each.where
                )

    def _realizes(self, team: str, table: Facts) -> Facts:
        spelling, contexts = self.spelling, self.code.contexts
        owned = [spelling.party(each.name) for each in contexts if team in map(spelling.owner, each.owner)]
        realized = [*owned, *table.get("realizes", [])]
        return {"realizes": realized} if realized else {}

    def _context(self, context: CodeContext) -> Facts:
        table: Facts = {"name": self.spelling.party(context.name), **self.described.get(context.name, {})}
        types = self._types(table.get("implements", []))
        if context.kind and not types:
            self._domain(table, context.kind)
        elif context.kind != kind_of(types):
            what = (
                f"context {context.name} is {context.kind or 'of no kind'}, and its subdomains are {', '.join(types)}"
            )
            self.note(f"{what}: the type of the subdomains was written", context.where)
        return table

    def _types(self, implemented: list[str]) -> list[str]:
        return [
            subdomain.get("type", "")
            for domain in self.rest.get("domains", [])
            for subdomain in domain.get("subdomains", [])
            if subdomain["name"] in implemented
        ]

    def _domain(self, table: Facts, kind: str) -> None:
        """A subdomain for a context whose kind is known and whose subdomain is not."""
        if not self.domains:
            self.domains.append({"name": f"{ident(self.code.name)}_domain", "subdomains": []})
        types = {value: key for key, value in KINDS.items()}
        subdomain = {"name": f"{table['name']}_subdomain", "type": types[kind]}
        self.domains[0]["subdomains"].append(subdomain)
        table["implements"] = [*table.get("implements", []), subdomain["name"]]

    def relationships(self) -> list[Facts]:
        """The relationships: what relations say, completed by what CML said of the same pairs."""
        hosts = [each.names[0] for each in self.code.relations if isinstance(each, OpenHost)]
        unsaid = [dict(each) for each in self.rest.get("relationships", [])]
        made: list[Facts] = []
        said: set[tuple[str, frozenset[str]]] = set()
        for relation in self.code.relations:
            self._unwritten(relation)
            word = _WORDS.get(type(relation))
            if word is None:
                continue
            pair = Pair(word, *map(self.spelling.party, relation.names))
            table = derived(pair, [*map(self.spelling.party, hosts)])
            more = next((each for each in unsaid if _is_about(each, pair)), None)
            if more is None and pair.kind in SYMMETRIC and pair.among in said:
                continue  # the other context states the same
            said.add(pair.among)
            if more is not None:
                unsaid.remove(more)
                table |= {key: value for key, value in more.items() if key != "relation"}
            made.append({key: value for key, value in table.items() if value != []})
        for each in unsaid:
            if "relation" in each:
                self.note(f"the table cml describes a relation that the map does not have: {each}")
            else:
                made.append(each)
        self._unused(hosts, made)
        return made

    def _unwritten(self, relation: Relation) -> None:
        """Notes what of a relation CML cannot say."""
        place, names = self.code.place_of(relation), " and ".join(relation.names)
        if type(relation) not in _WORDS and not isinstance(relation, OpenHost):
            self.note(f"{type(relation).__name__} of {names}: CML has no word for it", place)
        for word in ("uses", "exposes", "package", "tables", "hash", "module"):
            if getattr(relation, word, None):
                self.note(f"{word} of {type(relation).__name__} of {names}: CML has no word for it", place)

    def _unused(self, hosts: list[str], made: list[Facts]) -> None:
        upstreams = [table.get("upstream") for table in made if "OHS" in table.get("upstreamRoles", [])]
        for host in hosts:
            if self.spelling.party(host) not in upstreams:
                self.note(f"the open host {host}: CML says it only towards a downstream context, and there is none")

    def context_map(self, contexts: list[Facts], relationships: list[Facts], *, named: bool) -> Facts:
        """The context map: all contexts are on it but those that CML had left out, and teams that it did not name."""
        table: Facts = dict(self.rest.get("contextMap", {}))
        absent = [*table.pop("notContained", []), *self.teams]
        head: Facts = {"name": ident(self.code.name)} if named and self.code.name else {}
        contained = [context["name"] for context in contexts if context["name"] not in absent]
        made = head | table | {"contains": contained, "relationships": relationships}
        return {key: value for key, value in made.items() if value}


def _is_about(unsaid: Facts, pair: Pair) -> bool:
    about = {key: unsaid.get(key) for key in pair.parties()}
    return unsaid.get("relation") == pair.kind and about == pair.parties()
