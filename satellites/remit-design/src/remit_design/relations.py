"""The relationships of CML beside the relations of `remit`, and what each leaves unsaid of the other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from remit_design.cml.facts import Facts

_ROLES = {
    "customer-supplier": ("supplier", "customer"),
    "conformist": ("upstream", "downstream"),
    "anti-corruption-layer": ("upstream", "downstream"),
    "partnership": ("one", "other"),
    "shared-kernel": ("one", "other"),
}
SYMMETRIC = ("partnership", "shared-kernel")


@dataclass(frozen=True)
class Pair:
    """A relation of `remit` between two contexts. `kind` is the word of `remit-map.toml`; of a directed one, `one` is
    upstream."""

    kind: str
    one: str
    other: str

    @property
    def among(self) -> tuple[str, frozenset[str]]:
        """The kind with the two contexts, whichever is named first."""
        return self.kind, frozenset((self.one, self.other))

    def table(self) -> Facts:
        """The relation as `remit-map.toml` has it."""
        one, other = _ROLES[self.kind]
        return {"kind": self.kind, one: self.one, other: self.other}

    def parties(self) -> Facts:
        """The parties as CML has them."""
        if self.kind in SYMMETRIC:
            return {"participants": [self.one, self.other]}
        return {"upstream": self.one, "downstream": self.other}


def relation_of(relationship: Facts, contexts: Collection[str]) -> Pair | None:
    """The relation of `remit` for a relationship of CML.

    None if there is none: between teams, and where a context uses an open host and nothing more is said, which the open
    host covers by itself.
    """
    kind: str = relationship["kind"]
    if kind in SYMMETRIC:
        one, other = relationship["participants"]
    else:
        one, other = relationship["upstream"], relationship["downstream"]
        roles = relationship.get("downstreamRoles", [])
        if "ACL" in roles:
            kind = "anti-corruption-layer"
        elif "CF" in roles:
            kind = "conformist"
        elif kind != "customer-supplier" and "OHS" in relationship.get("upstreamRoles", []):
            return None
        else:
            kind = "customer-supplier"
    return Pair(kind, one, other) if one in contexts and other in contexts else None


def derived(pair: Pair, hosts: Collection[str]) -> Facts:
    """The relationship of CML for a relation of `remit`, as far as the relation says it. `hosts` are the open hosts."""
    if pair.kind in SYMMETRIC:
        return {"kind": pair.kind, **pair.parties()}
    if pair.kind == "customer-supplier":
        return {"kind": pair.kind, **pair.parties()}
    served: Facts = {"upstreamRoles": ["OHS", "PL"]} if pair.one in hosts else {}
    roles = ["ACL"] if pair.kind == "anti-corruption-layer" else ["CF"]
    return {"kind": "upstream-downstream", **pair.parties(), **served, "downstreamRoles": roles}
