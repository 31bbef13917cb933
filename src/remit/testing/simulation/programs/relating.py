"""Gives a generated system the relations that cover what its contexts use of one another, and no more.

What they use is read from the declared system. So a program keeps its relations while it is made smaller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from remit.contexts import (
    AntiCorruptionLayer,
    Conformist,
    ContextMap,
    CustomerSupplier,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    derive,
)
from remit.contexts.integrations import integrations_of
from remit.messages import Message

__all__ = ["related"]

_Used = Mapping[tuple[str, str], list[type[Message]]]
"""The messages that a context uses of another one, by consumer and owner."""


def related(declared: ContextMap, seed: int) -> ContextMap:
    """The system with relations of many kinds, stated in the system or in its contexts. Lists name what is used."""
    random = Random(f"relations {seed}")  # noqa: S311  chance that can be repeated, no secret
    used: dict[tuple[str, str], list[type[Message]]] = {}
    for each in integrations_of(derive(declared)):
        listed = used.setdefault((each.consumer, each.owner), [])
        listed += [] if each.message in listed else [each.message]
    stated: list[Relation] = []
    contexts = {context.name: context for context in declared.contexts}
    for relation in _relations(sorted(contexts), used, random):
        downstream = relation.direction[1] if relation.direction else ""
        if downstream and random.random() < 0.5:
            contexts[downstream].relations += (relation,)
        else:
            stated.append(relation)
    return replace(declared, stated=tuple(stated))


def _relations(names: list[str], used: _Used, random: Random) -> Iterator[Relation]:
    hosts = [name for name in names if random.random() < 0.3]
    for host in hosts:
        exposed = [message for (_, owner), messages in used.items() if owner == host for message in messages]
        if exposed:
            yield OpenHost(host, exposes=_listed(list(dict.fromkeys(exposed)), random))
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            yield from _between(one, other, hosts, used, random)


def _between(one: str, other: str, hosts: list[str], used: _Used, random: Random) -> Iterator[Relation]:
    """The relation of two contexts. Directed ones lead from the first name to the second: they form no circle."""
    here, there = (used.get(pair, []) for pair in ((one, other), (other, one)))
    needed = [*(here if other not in hosts else ()), *(there if one not in hosts else ())]
    if not here and not there:
        yield from [SeparateWays(one, other)] if random.random() < 0.3 else []
    elif needed and (here or random.random() < 0.3):
        yield Partnership(one, other, uses=_listed([*here, *there], random))
    elif needed:
        way: dict[str, Any] = {"upstream": one, "downstream": other, "uses": _listed(there, random)}
        yield random.choice((
            CustomerSupplier(supplier=one, customer=other, uses=way["uses"]), Conformist(**way),
            AntiCorruptionLayer(**way),
        ))  # fmt: skip


def _listed(messages: list[type[Message]], random: Random) -> list[type[Message] | str] | None:
    """A list of messages, of some by name; or none, for everything."""
    if random.random() < 0.3:
        return None
    return [each.__name__ if random.random() < 0.3 else each for each in messages]
