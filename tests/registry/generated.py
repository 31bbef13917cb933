"""A registry of any number of contexts, made from a seed: hosts that many use, and groups that use one another."""

from __future__ import annotations

from random import Random

from remit.contexts import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    Foreign,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)
from remit.registry.entries import Consumed, Entry, How, Published, Registry
from remit.registry.links import links_of, open_hosts_in

WORDS = (
    "identity", "catalog", "billing", "orders", "checkout", "inventory", "fulfilment", "shipping", "returns", "pricing",
    "promotions", "tax", "payments", "ledger", "invoicing", "customers", "loyalty", "support", "search", "reviews",
    "recommendations", "notifications", "email", "documents", "contracts", "procurement", "suppliers", "warehouse",
    "routing", "fleet", "tracking", "customs", "insurance", "claims", "fraud", "risk", "compliance", "audit",
    "reporting", "analytics", "forecasting", "planning", "scheduling", "workforce", "payroll", "recruiting", "training",
    "assets", "maintenance", "facilities", "energy", "marketplace", "partners", "affiliates", "advertising",
    "campaigns", "content", "media", "localization", "gift-cards",
)  # fmt: skip
HOWS: tuple[How, ...] = ("call", "event", "event", "later")


def generated(count: int, seed: int = 1) -> Registry:
    """`count` contexts; each uses one of three hosts or a neighbour, in one of all patterns."""
    random = Random(seed)
    names = [WORDS[number % len(WORDS)] + ("" if number < len(WORDS) else str(number)) for number in range(count)]
    relations: dict[frozenset[str], Relation] = {}
    consumed: dict[str, list[Consumed]] = {name: [] for name in names}
    for number, name in enumerate(names[3:], 3):
        group = names[max(3, number // 8 * 8) : number] or [names[2]]
        chosen = [host for host in names[:3] if random.random() < 0.18]
        chosen += random.sample(group, min(len(group), random.choice((0, 1, 1, 2))))
        for other in chosen:
            relations[frozenset((other, name))] = _relation(other, name, random)
            for how in random.sample(HOWS, random.choice((1, 1, 1, 2))):
                consumed[name].append(Consumed(other, f"{other}.{other.title()}{how.title()}", how))
    stated: list[Relation] = [*map(OpenHost, names[:2]), *relations.values()]
    stated += [SeparateWays(names[-1], names[-2])] if count > 3 else []
    if count > 20:
        stated.append(AntiCorruptionLayer(upstream=Foreign("payment-gateway"), downstream="payments"))
    kinds = ("core", "supporting", "supporting", "generic")
    entries = [
        Entry(
            name, random.choice(kinds), f"team-{random.choice(WORDS)}",
            publishes=(Published(f"{name}.{name.title()}Event", "event", 1),), consumes=tuple(dict.fromkeys(some)),
        )
        for name, some in consumed.items()
    ]  # fmt: skip
    if count > 20:
        entries.append(Entry("payment-gateway", is_foreign=True))
    return Registry("generated", tuple(entries), links_of(entries, stated), open_hosts_in(stated))


def _relation(upstream: str, downstream: str, random: Random) -> Relation:
    directed = random.choice((CustomerSupplier, CustomerSupplier, Conformist, AntiCorruptionLayer, None, None))
    if directed is CustomerSupplier:
        return CustomerSupplier(supplier=upstream, customer=downstream)
    if directed in (Conformist, AntiCorruptionLayer):
        return directed(upstream=upstream, downstream=downstream)
    return random.choice((Partnership, SharedKernel))(upstream, downstream)
