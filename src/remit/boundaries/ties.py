"""What the relations of a map allow one context to import from another one."""

from __future__ import annotations

from dataclasses import dataclass

from remit.boundaries.codemap import CodeMap
from remit.contexts import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    Foreign,
    OpenHost,
    Partnership,
    SeparateWays,
    SharedKernel,
)


@dataclass
class Tie:
    """What all relations of a pair make of one context, as seen from it towards the other one."""

    customer: bool = False
    conformist: bool = False
    translates: bool = False
    """Whether it translates the other context's language: it is the downstream side of an anti-corruption layer."""
    translations: tuple[str, ...] = ()
    """The modules that hold the translation."""
    guest: bool = False
    """Whether the other context is an open host."""
    partner: bool = False
    separate: bool = False
    supplies: bool = False
    """Whether it is upstream of the other context."""
    shares_kernel: bool = False

    @property
    def may_use(self) -> bool:
        """Whether it may use the published language of the other context at all."""
        chosen = self.customer or self.conformist or self.translates or self.guest or self.partner
        return chosen and not self.separate

    @property
    def may_model(self) -> bool:
        """Whether types of the other context may stand in its model. An open host leaves that to its guests."""
        return self.conformist or self.partner or not (self.customer or self.translates)


class Ties:
    """The ties of all contexts."""

    def __init__(self, code: CodeMap) -> None:
        self._ties: dict[tuple[str, str], Tie] = {}
        self._hosts = {name for each in code.relations if isinstance(each, OpenHost) for name in each.names}
        for each in code.relations:
            if isinstance(each, CustomerSupplier | Conformist | AntiCorruptionLayer):
                if not isinstance(each.parties[0], Foreign):
                    self._downstream(each)
            elif isinstance(each, Partnership | SharedKernel | SeparateWays):
                for pair in (each.names, each.names[::-1]):
                    tie = self._tie(*pair)
                    tie.partner |= isinstance(each, Partnership)
                    tie.shares_kernel |= isinstance(each, SharedKernel)
                    tie.separate |= isinstance(each, SeparateWays)

    def between(self, context: str, other: str) -> Tie:
        """What a context is to another one."""
        tie = self._ties.get((context, other))
        if tie is None:
            return Tie(guest=other in self._hosts)
        return tie

    def _tie(self, context: str, other: str) -> Tie:
        return self._ties.setdefault((context, other), Tie(guest=other in self._hosts))

    def _downstream(self, relation: CustomerSupplier | Conformist | AntiCorruptionLayer) -> None:
        upstream, downstream = relation.names
        tie = self._tie(downstream, upstream)
        tie.customer |= isinstance(relation, CustomerSupplier)
        tie.conformist |= isinstance(relation, Conformist)
        if isinstance(relation, AntiCorruptionLayer):
            tie.translates = True
            tie.translations += (relation.module,) if relation.module else ()
        self._tie(upstream, downstream).supplies = True
